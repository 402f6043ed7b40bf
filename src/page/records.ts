import { data } from './data.js';
import { byId, decode64, el, hex, number, plain, quoted, sizeText } from './dom.js';

const codes = new Map(data.opcodes.map(([code, name, argument]) => [code, { name, argument }]));
const MOST = 40;

/** The first opcodes of a pickle, one a line; nothing is made of them. Empty where the bytes do not begin as one. */
function opcodesOf(bytes: Uint8Array): string[] {
  if (bytes.length < 2 || bytes[0] !== 0x80 || bytes[1] < 2 || bytes[1] > 5) return [];
  const lines: string[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sized = {
    1: (at: number) => view.getUint8(at),
    4: (at: number) => view.getUint32(at, true),
    8: (at: number) => Number(view.getBigUint64(at, true)),
  };
  for (let i = 0; i < bytes.length && lines.length < MOST;) {
    const known = codes.get(bytes[i]);
    const start = i++;
    if (known === undefined) {
      lines.push(`${start}  no opcode: 0x${bytes[start].toString(16).padStart(2, '0')}`);
      break;
    }
    const { name, argument } = known;
    let shown: string;
    if (typeof argument === 'number') {
      if (i + argument > bytes.length) break;
      shown =
        argument === 0
          ? ''
          : String(name === 'BINFLOAT' ? view.getFloat64(i) : little(bytes.subarray(i, i + argument)));
      i += argument;
    } else if (/^(text|bytes)/.test(argument)) {
      const width = Number(argument.at(-1)) as 1 | 4 | 8;
      if (i + width > bytes.length) break;
      const size = sized[width](i);
      i += width;
      shown = `${size} bytes: ${plain(bytes.subarray(i, Math.min(bytes.length, i + size, i + 60)))}`;
      i += size;
    } else {
      let ends = argument === 'names' ? 2 : 1;
      const from = i;
      while (i < bytes.length && ends > 0) if (bytes[i++] === 0x0a) ends--;
      shown = plain(bytes.subarray(from, i));
    }
    lines.push(`${start}  ${name} ${shown}`.trimEnd());
    if (name === 'STOP') return lines;
  }
  lines.push('…');
  return lines;
}

function little(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}

type Shown = (typeof data.records.shown)[number];
const STEP = 15;

/** The records, filtered by what their keys hold and by how they were found. */
export function startRecords(goTo: (offset: number) => void): void {
  const filter = byId<HTMLInputElement>('filter');
  const choice = byId<HTMLSelectElement>('provenance');
  const body = byId('record-rows');
  const { shown, classes } = data.records;
  const all = classes.reduce((sum, [, count]) => sum + count, 0);
  choice.append(
    el('option', { value: '' }, `All (${number(all)})`),
    ...classes.map(([name, count]) => el('option', { value: name }, `${name} (${number(count)})`)),
  );
  // A filter that finds nothing says nothing of records that are not in the list.
  byId('record-note').textContent =
    shown.length < all
      ? `${number(shown.length)} of ${number(all)} listed: the filter looks at these only. All of them: gdbm-doctor salvage --deleted ${data.path}`
      : '';
  let most = STEP;
  const draw = () => {
    const wanted = filter.value.toLowerCase();
    const matching = shown.filter(
      (one) => one.key.toLowerCase().includes(wanted) && (choice.value === '' || one.class === choice.value),
    );
    body.replaceChildren(...matching.slice(0, most).flatMap((one) => row(one, goTo)));
    byId('record-count').textContent =
      `${number(Math.min(most, matching.length))} of ${number(matching.length)} shown`;
    byId('more').hidden = matching.length <= most;
  };
  for (const [input, event] of [
    [filter, 'input'],
    [choice, 'change'],
  ] as const) {
    input.addEventListener(event, () => {
      most = STEP;
      draw();
    });
  }
  byId('more').addEventListener('click', () => {
    most += 4 * STEP;
    draw();
  });
  draw();
}

function row(one: Shown, goTo: (offset: number) => void): HTMLElement[] {
  const label = `Show on the map, offset ${one.offset}`;
  const go = el('button', { class: 'link', type: 'button', 'aria-label': label }, hex(one.offset));
  go.addEventListener('click', () => goTo(one.offset));
  const name = one.key === '' ? el('em', {}, 'empty key') : quoted(one.key);
  const open = el('button', { class: 'open', type: 'button', 'aria-expanded': 'false' }, name);
  const more = el('tr', { class: 'more' });
  more.hidden = true;
  open.addEventListener('click', () => {
    if (more.childElementCount === 0) more.append(el('td', { colspan: 4 }, preview(one)));
    more.hidden = !more.hidden;
    open.setAttribute('aria-expanded', String(!more.hidden));
  });
  const cells = [
    el('td', { class: 'key' }, open),
    el('td', {}, el('span', { class: `tag ${one.class.replace(/,.*/, '')}` }, one.class)),
    el('td', { class: 'num' }, sizeText(one.valueSize)),
    el('td', { class: 'num' }, go),
  ];
  return [el('tr', { class: 'record' }, ...cells), more];
}

function preview(one: Shown): HTMLElement {
  const bytes = decode64(one.preview);
  const place = one.bucket < 0 ? 'no bucket' : `bucket at ${hex(one.bucket)}, element ${one.element}`;
  const box = el(
    'div',
    { class: 'preview' },
    el(
      'p',
      {},
      `Hash ${number(one.hash)}, ${place}; key of ${number(one.keySize)} bytes, value of ${number(one.valueSize)}. ${one.note}`,
    ),
  );
  if (bytes.length === 0) return box;
  const more = bytes.length < one.valueSize ? ` (the first ${bytes.length} bytes)` : '';
  const opcodes = opcodesOf(bytes);
  if (opcodes.length > 0)
    box.append(el('h4', {}, `Pickle opcodes${more}`), el('pre', {}, opcodes.join('\n')));
  else box.append(el('h4', {}, `Text${more}`), el('pre', {}, plain(bytes)));
  const lines: string[] = [];
  const per = innerWidth < 600 ? 8 : 16;
  for (let i = 0; i < bytes.length; i += per)
    lines.push(
      Array.from(bytes.subarray(i, i + per), (byte) => byte.toString(16).padStart(2, '0')).join(' '),
    );
  box.append(el('h4', {}, `Hex${more}`), el('pre', {}, lines.join('\n')));
  return box;
}
