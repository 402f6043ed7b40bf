/**
 * What a thing on a pickle's stack is, as far as the opcodes tell. A number, so that a stack is one byte an entry;
 * 0 is a memo entry that nothing was stored into. `Anything` is what a call gave: it may behave as any kind.
 */
export const KINDS = [
  'nothing',
  'mark',
  'none',
  'bool',
  'int',
  'float',
  'str',
  'bytes',
  'bytearray',
  'buffer',
  'list',
  'tuple',
  'dict',
  'set',
  'frozenset',
  'global',
  'anything',
] as const;

export type Kind = (typeof KINDS)[number];

/** The number of a kind. */
export function kindNumber(kind: Kind): number {
  return KINDS.indexOf(kind);
}

const MUTABLE: readonly Kind[] = ['bytearray', 'list', 'dict', 'set'];
const hashable = Uint8Array.from(KINDS, (kind) => (MUTABLE.includes(kind) ? 0 : 1));

/** Whether Python takes a thing of this kind as a dict's key or a set's element. */
export function isHashable(kind: number): boolean {
  return hashable[kind] === 1;
}
