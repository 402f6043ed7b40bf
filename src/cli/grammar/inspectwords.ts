/** What can be looked at without saying more. */
const WHOLE = ['header', 'directory', 'dir', 'avail', 'count', 'collisions', 'status', 'map'] as const;
/** What needs to be told a number, a key or an offset. */
const ONE = ['bucket', 'hash', 'record', 'at'] as const;
export const STRUCTURES = [...WHOLE, ...ONE] as const;
export type StructureName = (typeof STRUCTURES)[number];

/**
 * What is wrong with the words of a line, if anything: before the file is opened.
 *
 * @returns true where nothing is
 */
export function judgeWords(structure: StructureName, what: string | undefined): true | string {
  if ((WHOLE as readonly string[]).includes(structure)) {
    return what === undefined || `expected nothing after ${structure}, found "${what}"`;
  }
  if (structure === 'hash' || structure === 'record')
    return what !== undefined || `expected ${structure} KEY`;
  if (structure === 'bucket' && what === undefined) return true;
  const expected = structure === 'at' ? 'at OFFSET' : 'bucket SLOT';
  return (
    !Number.isNaN(parseNumber(what)) || `expected ${expected}, a number or 0x in hex, found "${what ?? ''}"`
  );
}

/** Decimal, or hexadecimal after 0x; NaN for anything else. */
export function parseNumber(text: string | undefined): number {
  return /^(0x[0-9a-f]+|\d+)$/i.test(text ?? '') ? Number(text) : NaN;
}
