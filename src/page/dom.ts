type Child = Node | string | null;

/** An element; texts become text nodes, so that nothing of a file is ever read as markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Bytes of a file, escaped by the program already; kept apart so that their direction and marks change nothing else. */
export function quoted(text: string): HTMLElement {
  return el('bdi', { class: 'quoted' }, text);
}

export const number = (value: number) => value.toLocaleString('en-US');
export const hex = (value: number) => `0x${value.toString(16)}`;
export const bytesText = (n: number) => `${number(n)} byte${n === 1 ? '' : 's'}`;

/** A size with a unit that fits. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${number(bytes)} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function percent(share: number): string {
  if (share > 0 && share < 0.001) return '<0.1 %';
  return `${(share * 100).toFixed(1)} %`;
}

export function decode64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Reads an offset as people write it: decimal or 0x hexadecimal; NaN for anything else. */
export function parseOffset(text: string): number {
  const plain = text.trim().replace(/[,_ ]/g, '');
  return /^(0x[0-9a-f]+|\d+)$/i.test(plain) ? Number(plain) : NaN;
}

/** Printable ASCII as it is, all else as dots. */
export function plain(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join(
    '',
  );
}
