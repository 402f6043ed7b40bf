import type { Area } from './data.js';
import { areaAt, data, mapTotal, nextOf } from './data.js';
import { byId, bytesText, el, hex, number, percent } from './dom.js';
import { startCharts } from './charts.js';
import { HexView } from './hex.js';
import { STYLES, tileOf, isDark, startTheme } from './style.js';
import { describe, FileMap } from './map.js';
import { startRecords } from './records.js';

function startLegend(map: FileMap): () => void {
  const rows = data.totals.map((bytes, kind) => {
    const button = el(
      'button',
      { type: 'button', 'aria-pressed': 'false' },
      el('canvas', { width: 20, height: 20, 'aria-hidden': 'true' }),
      el('span', { class: 'name' }, STYLES[kind].name),
      el('span', { class: 'about' }, STYLES[kind].about),
      el('span', { class: 'bytes' }, number(bytes)),
      el('span', { class: 'share' }, percent(data.size === 0 ? 0 : bytes / data.size)),
    );
    button.dataset['bytes'] = String(bytes);
    button.dataset['kind'] = data.kinds[kind];
    button.disabled = bytes === 0;
    button.addEventListener('click', () => {
      map.only = map.only === kind ? undefined : kind;
      rows.forEach((one, i) => one.setAttribute('aria-pressed', String(map.only === i)));
      const next = map.only === undefined ? undefined : nextOf(kind, map.cursor);
      if (next !== undefined) map.select(next);
      map.draw();
    });
    return button;
  });
  byId('legend').append(...rows);
  byId('total').textContent =
    `Together ${bytesText(data.totals.reduce((sum, n) => sum + n, 0))}: each byte of the file is counted once.`;
  byId('map').dataset['total'] = String(mapTotal());
  return () => {
    rows.forEach((row, kind) => {
      const ctx = row.querySelector('canvas')!.getContext('2d')!;
      ctx.fillStyle = ctx.createPattern(tileOf(kind, isDark()), 'repeat')!;
      ctx.fillRect(0, 0, 20, 20);
    });
  };
}

for (const one of document.querySelectorAll<HTMLElement>('.scripted, #theme')) one.hidden = false;
const view = new HexView((offset) => map.select(offset));
const map = new FileMap((area: Area, focus) => {
  const [, , , name] =
    data.structures.filter(([, at, size]) => at <= map.cursor && map.cursor < at + size).at(-1) ?? [];
  byId('selected').textContent = describe(area) + (name === undefined ? '' : ` · ${name}`);
  view.show(map.cursor, focus);
});
const goTo = (offset: number) => {
  map.goTo(offset);
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  byId('map-section').scrollIntoView({ behavior: calm ? 'auto' : 'smooth', block: 'start' });
  byId('map').focus({ preventScroll: true });
};
const drawLegend = startLegend(map);
startTheme(() => {
  drawLegend();
  map.draw();
});
byId('in').addEventListener('click', () => map.zoom(1 / 2));
byId('out').addEventListener('click', () => map.zoom(2));
byId('whole').addEventListener('click', () => map.show(0, data.size));
byId('previous').addEventListener('click', () => map.select(areaAt(map.cursor).offset - 1));
byId('next').addEventListener('click', () => {
  const { offset, length } = areaAt(map.cursor);
  map.select(offset + length);
});
for (const jump of document.querySelectorAll<HTMLElement>('.jump')) {
  jump.addEventListener('click', () => goTo(Number(jump.dataset['offset'])));
}
startCharts();
startRecords(goTo);
map.select(data.marks[0] ?? 0);
byId('map').setAttribute(
  'aria-label',
  `Map of ${bytesText(data.size)} from ${hex(0)} on. Arrows move, plus and minus zoom, 0 shows all, n and p go from range to range, Enter shows the bytes.`,
);
document.documentElement.dataset['ready'] = 'yes';
