/**
 * Kinds of the things on a pickle's stack, as far as the opcodes tell. Their numbers make a stack of one byte an entry; 0,
 * `nothing`, is an empty entry of the memo. `anything` is the result of a call: it may behave as any kind.
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

/** Returns true if Python takes a thing of this kind as a dict's key or a set's element. */
export function isHashable(kind: number): boolean {
  return hashable[kind] === 1;
}

/**
 * The bytes behind an opcode's byte. `0`, `1`, `2`, `4`, `8`: a number of so many bytes (little-endian; a float
 * big-endian). `bytes1`, `bytes4`, `bytes8`: a length of so many bytes, then as many bytes; `text` the same in UTF-8.
 * `decimal`, `real`: a number as a line of ASCII. `names`: two lines, a module and a name in it.
 */
type Argument =
  | 0
  | 1
  | 2
  | 4
  | 8
  | 'bytes1'
  | 'bytes4'
  | 'bytes8'
  | 'text1'
  | 'text4'
  | 'text8'
  | 'decimal'
  | 'real'
  | 'names';

/** One instruction of a pickle. */
interface Opcode {
  readonly name: string;
  readonly code: number;
  readonly argument: Argument;
  /** The protocol that introduced it; a pickle of an older one cannot have it. */
  readonly since: number;
  /** The only effect of most opcodes: they take `from` things off the stack and put one of `kind` there. */
  readonly makes?: { readonly from: number; readonly kind: Kind };
}

/**
 * The opcodes of protocols 2 to 5, and those older ones that picklers of these protocols still write, Python 2 and
 * other languages' among them. Those that only protocol 0 writes (STRING, UNICODE, GET, PUT, INST, PERSID) are left out.
 * The facts are those of Python's pickletools.
 */
export const OPCODES: readonly Opcode[] = [
  { name: 'PROTO', code: 0x80, argument: 1, since: 2 },
  { name: 'FRAME', code: 0x95, argument: 8, since: 4 },
  { name: 'STOP', code: 0x2e, argument: 0, since: 0 },

  { name: 'NONE', code: 0x4e, argument: 0, since: 0, makes: { from: 0, kind: 'none' } },
  { name: 'NEWTRUE', code: 0x88, argument: 0, since: 2, makes: { from: 0, kind: 'bool' } },
  { name: 'NEWFALSE', code: 0x89, argument: 0, since: 2, makes: { from: 0, kind: 'bool' } },
  { name: 'INT', code: 0x49, argument: 'decimal', since: 0, makes: { from: 0, kind: 'int' } },
  { name: 'BININT', code: 0x4a, argument: 4, since: 1, makes: { from: 0, kind: 'int' } },
  { name: 'BININT1', code: 0x4b, argument: 1, since: 1, makes: { from: 0, kind: 'int' } },
  { name: 'BININT2', code: 0x4d, argument: 2, since: 1, makes: { from: 0, kind: 'int' } },
  { name: 'LONG', code: 0x4c, argument: 'decimal', since: 0, makes: { from: 0, kind: 'int' } },
  { name: 'LONG1', code: 0x8a, argument: 'bytes1', since: 2, makes: { from: 0, kind: 'int' } },
  { name: 'LONG4', code: 0x8b, argument: 'bytes4', since: 2, makes: { from: 0, kind: 'int' } },
  { name: 'FLOAT', code: 0x46, argument: 'real', since: 0, makes: { from: 0, kind: 'float' } },
  { name: 'BINFLOAT', code: 0x47, argument: 8, since: 1, makes: { from: 0, kind: 'float' } },

  // A str of Python 2: bytes that are used as text.
  { name: 'BINSTRING', code: 0x54, argument: 'bytes4', since: 1, makes: { from: 0, kind: 'str' } },
  { name: 'SHORT_BINSTRING', code: 0x55, argument: 'bytes1', since: 1, makes: { from: 0, kind: 'str' } },
  { name: 'BINUNICODE', code: 0x58, argument: 'text4', since: 1, makes: { from: 0, kind: 'str' } },
  { name: 'SHORT_BINUNICODE', code: 0x8c, argument: 'text1', since: 4, makes: { from: 0, kind: 'str' } },
  { name: 'BINUNICODE8', code: 0x8d, argument: 'text8', since: 4, makes: { from: 0, kind: 'str' } },
  { name: 'BINBYTES', code: 0x42, argument: 'bytes4', since: 3, makes: { from: 0, kind: 'bytes' } },
  { name: 'SHORT_BINBYTES', code: 0x43, argument: 'bytes1', since: 3, makes: { from: 0, kind: 'bytes' } },
  { name: 'BINBYTES8', code: 0x8e, argument: 'bytes8', since: 4, makes: { from: 0, kind: 'bytes' } },
  { name: 'BYTEARRAY8', code: 0x96, argument: 'bytes8', since: 5, makes: { from: 0, kind: 'bytearray' } },
  { name: 'NEXT_BUFFER', code: 0x97, argument: 0, since: 5, makes: { from: 0, kind: 'buffer' } },
  { name: 'READONLY_BUFFER', code: 0x98, argument: 0, since: 5 },

  { name: 'EMPTY_LIST', code: 0x5d, argument: 0, since: 1, makes: { from: 0, kind: 'list' } },
  { name: 'EMPTY_DICT', code: 0x7d, argument: 0, since: 1, makes: { from: 0, kind: 'dict' } },
  { name: 'EMPTY_SET', code: 0x8f, argument: 0, since: 4, makes: { from: 0, kind: 'set' } },
  { name: 'EMPTY_TUPLE', code: 0x29, argument: 0, since: 1, makes: { from: 0, kind: 'tuple' } },
  { name: 'TUPLE1', code: 0x85, argument: 0, since: 2, makes: { from: 1, kind: 'tuple' } },
  { name: 'TUPLE2', code: 0x86, argument: 0, since: 2, makes: { from: 2, kind: 'tuple' } },
  { name: 'TUPLE3', code: 0x87, argument: 0, since: 2, makes: { from: 3, kind: 'tuple' } },
  { name: 'TUPLE', code: 0x74, argument: 0, since: 0 },
  { name: 'LIST', code: 0x6c, argument: 0, since: 0 },
  { name: 'DICT', code: 0x64, argument: 0, since: 0 },
  { name: 'FROZENSET', code: 0x91, argument: 0, since: 4 },
  { name: 'APPEND', code: 0x61, argument: 0, since: 0 },
  { name: 'APPENDS', code: 0x65, argument: 0, since: 1 },
  { name: 'SETITEM', code: 0x73, argument: 0, since: 0 },
  { name: 'SETITEMS', code: 0x75, argument: 0, since: 1 },
  { name: 'ADDITEMS', code: 0x90, argument: 0, since: 4 },

  { name: 'MARK', code: 0x28, argument: 0, since: 0 },
  { name: 'POP', code: 0x30, argument: 0, since: 0 },
  { name: 'POP_MARK', code: 0x31, argument: 0, since: 1 },
  { name: 'DUP', code: 0x32, argument: 0, since: 0 },
  { name: 'BINGET', code: 0x68, argument: 1, since: 1 },
  { name: 'LONG_BINGET', code: 0x6a, argument: 4, since: 1 },
  { name: 'BINPUT', code: 0x71, argument: 1, since: 1 },
  { name: 'LONG_BINPUT', code: 0x72, argument: 4, since: 1 },
  { name: 'MEMOIZE', code: 0x94, argument: 0, since: 4 },

  { name: 'GLOBAL', code: 0x63, argument: 'names', since: 0, makes: { from: 0, kind: 'global' } },
  { name: 'STACK_GLOBAL', code: 0x93, argument: 0, since: 4 },
  { name: 'EXT1', code: 0x82, argument: 1, since: 2 },
  { name: 'EXT2', code: 0x83, argument: 2, since: 2 },
  { name: 'EXT4', code: 0x84, argument: 4, since: 2 },
  { name: 'REDUCE', code: 0x52, argument: 0, since: 0 },
  { name: 'BUILD', code: 0x62, argument: 0, since: 0 },
  { name: 'OBJ', code: 0x6f, argument: 0, since: 1 },
  { name: 'NEWOBJ', code: 0x81, argument: 0, since: 2 },
  { name: 'NEWOBJ_EX', code: 0x92, argument: 0, since: 4 },
  { name: 'BINPERSID', code: 0x51, argument: 0, since: 1, makes: { from: 1, kind: 'anything' } },
];

const names = new Map(OPCODES.map(({ code, name }) => [code, name]));

/** The name of the opcode with this byte; undefined if there is none. */
export function opcodeName(code: number): string | undefined {
  return names.get(code);
}

/* The same as arrays, indexed by an opcode's byte: a walk looks up each opcode. */

/** Form of the argument; UNKNOWN is no opcode, and a FIXED one has only a number. */
export const FORM = new Uint8Array(256);
export const UNKNOWN = 0;
const FIXED = 1;
export const BYTES = 2;
export const TEXT = 3;
export const DECIMAL = 4;
export const REAL = 5;
export const NAMES = 6;
/** Bytes of the number or of the length directly behind the opcode. */
export const WIDTH = new Uint8Array(256);
/** The protocol that introduced it. */
export const SINCE = new Uint8Array(256);
/** Kind of the thing that it makes of the last `TAKES` things; 0, `nothing`, for opcodes with another effect. */
export const MAKES = new Uint8Array(256);
export const TAKES = new Uint8Array(256);
for (const { code, argument, since, makes } of OPCODES) {
  [FORM[code], WIDTH[code]] = formOf(argument);
  SINCE[code] = since;
  if (makes !== undefined) {
    MAKES[code] = kindNumber(makes.kind);
    TAKES[code] = makes.from;
  }
}

function formOf(argument: Argument): [form: number, width: number] {
  if (typeof argument === 'number') return [FIXED, argument];
  if (argument === 'decimal') return [DECIMAL, 0];
  if (argument === 'real') return [REAL, 0];
  if (argument === 'names') return [NAMES, 0];
  return [argument.startsWith('text') ? TEXT : BYTES, Number(argument.at(-1))];
}
