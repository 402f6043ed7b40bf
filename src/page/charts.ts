import { data } from './data.js';
import { byId, el, number, percent } from './dom.js';

/** A bar for each of some counts, with its words for those who do not see it. */
function bars(
  into: string,
  counts: readonly number[],
  name: (i: number) => string,
  axis: readonly [string, string],
): void {
  const most = Math.max(1, ...counts);
  const list = el('ol', { class: 'bars' });
  counts.forEach((count, i) => {
    const bar = el(
      'li',
      { title: `${name(i)}: ${number(count)}` },
      el('span', { class: 'only-read' }, `${name(i)}: ${number(count)}`),
    );
    bar.style.setProperty('--h', `${count === 0 ? 0 : Math.max(2, (count / most) * 100)}%`);
    list.append(bar);
  });
  byId(into).append(list, el('div', { class: 'axis' }, el('span', {}, axis[0]), el('span', {}, axis[1])));
}

/** Bins of magnitudes: 0, 1, 2 to 3, 4 to 7 … */
function magnitudes(into: string, counts: readonly number[]): void {
  const name = (i: number) =>
    i <= 1 ? `${i} bytes` : `${number(2 ** (i - 1))} to ${number(2 ** i - 1)} bytes`;
  const first = Math.max(0, counts.findIndex((n) => n > 0) - 1);
  const kept = counts.slice(first);
  bars(into, kept, (i) => name(i + first), [name(first), name(Math.max(first, counts.length - 1))]);
}

const BINS = 24;

export function startCharts(): void {
  const { elements, fill, keySizes, valueSizes, hashes, open, uncovered, buckets } = data.spread;
  const bins = Math.min(BINS, elements + 1);
  const counts = new Array<number>(bins).fill(0);
  fill.forEach((n, used) => (counts[Math.min(bins - 1, Math.floor((used / (elements + 1)) * bins))] += n));
  const used = fill.reduce((sum, n, i) => sum + n * i, 0);
  byId('fill-note').textContent =
    `${number(buckets)} buckets of ${number(elements)} elements; on average ${percent(buckets === 0 ? 0 : used / (buckets * Math.max(1, elements)))} full`;
  const edge = (i: number) => Math.floor((i * (elements + 1)) / bins);
  bars('fill', counts, (i) => `${edge(i)} to ${Math.max(edge(i), edge(i + 1) - 1)} elements in use`, [
    'empty',
    'full',
  ]);
  magnitudes('keys', keySizes);
  magnitudes('values', valueSizes);

  const most = Math.max(1, ...hashes);
  const cell = 2 ** 31 / hashes.length;
  const space = byId('hashes');
  let gone = 0;
  hashes.forEach((count, i) => {
    const missing =
      open.reduce(
        (sum, [a, b]) => sum + Math.max(0, Math.min(b, (i + 1) * cell) - Math.max(a, i * cell)),
        0,
      ) / cell;
    if (missing > 0) gone++;
    const words = `hashes ${number(i * cell)} to ${number((i + 1) * cell - 1)}: ${number(count)} records${missing > 0 ? `, ${percent(missing)} without a bucket` : ''}`;
    const box = el('span', { title: words, class: missing > 0 ? 'hole' : '' });
    box.style.setProperty('--load', String(count / most));
    space.append(box);
  });
  space.setAttribute(
    'aria-label',
    `All hashes in ${hashes.length} parts, ${gone} of them with hashes that lead to no bucket`,
  );
  byId('hash-note').textContent =
    uncovered === 0
      ? 'Every hash leads to a bucket.'
      : `${percent(uncovered)} of all hashes lead to no bucket: keys there are neither found nor told missing.`;
  byId('open').append(
    ...open
      .slice(0, 64)
      .map(([a, b]) => el('li', {}, `${number(a)} to ${number(b - 1)} (${percent((b - a) / 2 ** 31)})`)),
  );
  byId('open-box').hidden = open.length === 0;
}
