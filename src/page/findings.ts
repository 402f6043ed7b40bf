import { data } from './data.js';
import { byId, el, hex, number, quoted } from './dom.js';

const MARKS = { error: '✕', warning: '!', note: 'i' } as const;
const FEW = 2;

/** The findings, one group for each code, the worst first; each leads to its place on the map. */
export function startFindings(goTo: (offset: number) => void): void {
  const list = byId('finding-list');
  const groups = new Map<string, (typeof data.findings)[number][]>();
  for (const one of data.findings) groups.set(one.code, [...(groups.get(one.code) ?? []), one]);
  const order = ['error', 'warning', 'note'];
  const sorted = [...groups].sort(
    (a, b) => order.indexOf(a[1][0].severity) - order.indexOf(b[1][0].severity),
  );
  for (const [code, all] of sorted) {
    const { severity, consequence } = all[0];
    const count = data.findingCounts[code] ?? all.length;
    const items = all.map(({ found, expected, offset }) => {
      const item = el(
        'li',
        {},
        el('p', {}, el('span', { class: 'label' }, 'found '), quoted(found)),
        el('p', {}, el('span', { class: 'label' }, 'expected '), quoted(expected)),
      );
      if (offset !== null) {
        const go = el('button', { type: 'button', class: 'link jump' }, `Show ${hex(offset)} on the map`);
        go.addEventListener('click', () => goTo(offset));
        item.append(go);
      }
      return item;
    });
    const rest = items.slice(FEW);
    const more =
      rest.length === 0
        ? null
        : el('details', {}, el('summary', {}, `${number(rest.length)} more`), el('ul', {}, ...rest));
    list.append(
      el(
        'article',
        { class: `finding ${severity}` },
        el(
          'h3',
          {},
          el('span', { class: 'mark', 'aria-hidden': 'true' }, MARKS[severity]),
          el('span', { class: 'only-read' }, `${severity}: `),
          code,
          count > 1 ? el('span', { class: 'count' }, `× ${number(count)}`) : null,
        ),
        el('p', { class: 'consequence' }, consequence),
        el('ul', {}, ...items.slice(0, FEW)),
        more,
      ),
    );
  }
  byId('finding-total').textContent = number(
    Object.values(data.findingCounts).reduce((sum, n) => sum + n, 0),
  );
  byId('finding-none').hidden = data.findings.length > 0;
}
