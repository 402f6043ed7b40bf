import { latin1Text } from './text.js';

/** Nothing yet: most things are not filled in both ways. */
const NOTHING: PickledValue[] = [];

/** A thing of a pickle that holds others, or a class by its name. Nothing of it was made or called. */
export class PickledThing {
  /** Items of a list, tuple or set; keys and values in turn of a dict. */
  items: PickledValue[] = NOTHING;
  /** Keys and values in turn that an object was filled with, as a dict is. */
  pairs: PickledValue[] = NOTHING;
  /** The class or function of an object, and its arguments. */
  callee: PickledValue;
  args: PickledValue;
  /** The state that an object was given. */
  state: PickledValue;
  /** True if it stands at several places. */
  isShared = false;

  constructor(
    readonly kind: 'list' | 'tuple' | 'set' | 'frozenset' | 'dict' | 'object' | 'global' | 'outside',
    /** Module and name of a global; an identifier of what is not in the pickle. */
    readonly name = '',
  ) {}
}

/** A value of a pickle; undefined where none was given. */
export type PickledValue = null | boolean | number | bigint | string | Uint8Array | PickledThing | undefined;

/** Things on the stack, in the memo and inside others, at most; one that holds others counts as several. */
const MOST_THINGS = 5 << 18;
/** Things of the room that one which holds others takes. */
const HOLDER = 8;
const MARK = Symbol('mark');

/** Bytes that are no pickle, or one that is too large to be held. */
export class PickleDataError extends Error {
  override readonly name = 'PickleDataError';
}

/**
 * Reads a pickle of any protocol as data: classes stay names, and nothing is made or called.
 *
 * @throws PickleDataError
 */
export function readPickle(bytes: Uint8Array): PickledValue {
  return new DataReader(bytes).read();
}

class DataReader {
  readonly #view: DataView;
  readonly #stack: (PickledValue | typeof MARK)[] = [];
  readonly #memo = new Map<number, PickledValue>();
  #at = 0;
  #things = 0;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(): PickledValue {
    for (;;) {
      const opcode = this.#byte();
      if (opcode === 0x2e) break;
      this.#step(opcode);
    }
    if (this.#at !== this.bytes.length) this.#fail(`${this.bytes.length - this.#at} bytes after its end`);
    return this.#pop();
  }

  /** Carries out an opcode but STOP. */
  #step(opcode: number): void {
    switch (opcode) {
      case 0x80: // PROTO
        this.#skip(1);
        return;
      case 0x95: // FRAME
        this.#skip(8);
        return;
      case 0x28: // MARK
        this.#count();
        this.#stack.push(MARK);
        return;
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x49: {
        // INT; 00 and 01 are booleans.
        const line = this.#line();
        return this.#push(line === '00' || line === '01' ? line === '01' : this.#whole(line));
      }
      case 0x4c: // LONG
        return this.#push(this.#whole(this.#line().replace(/L$/, '')));
      case 0x4a: // BININT
        return this.#push(this.#view.getInt32(this.#skip(4), true));
      case 0x4b: // BININT1
        return this.#push(this.#byte());
      case 0x4d: // BININT2
        return this.#push(this.#view.getUint16(this.#skip(2), true));
      case 0x8a: // LONG1
        return this.#push(this.#long(this.#byte()));
      case 0x8b: // LONG4
        return this.#push(this.#long(this.#size(4)));
      case 0x46: // FLOAT
        return this.#push(Number(this.#line().replace(/^([+-]?)(inf)$/i, '$1Infinity')));
      case 0x47: // BINFLOAT
        return this.#push(this.#view.getFloat64(this.#skip(8)));
      case 0x53: // STRING
        return this.#push(unquoted(latin1Text(this.#lineBytes())));
      case 0x54: // BINSTRING
        return this.#push(latin1Text(this.#take(this.#size(4))));
      case 0x55: // SHORT_BINSTRING
        return this.#push(latin1Text(this.#take(this.#byte())));
      case 0x56: // UNICODE
        return this.#push(rawUnescaped(latin1Text(this.#lineBytes())));
      case 0x58: // BINUNICODE
        return this.#push(textOf(this.#take(this.#size(4))));
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(textOf(this.#take(this.#byte())));
      case 0x8d: // BINUNICODE8
        return this.#push(textOf(this.#take(this.#size(8))));
      case 0x42: // BINBYTES
        return this.#push(this.#take(this.#size(4)));
      case 0x43: // SHORT_BINBYTES
        return this.#push(this.#take(this.#byte()));
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.#push(this.#take(this.#size(8)));
      case 0x97: // NEXT_BUFFER
        return this.#push(new PickledThing('outside', 'buffer'));
      case 0x98: // READONLY_BUFFER
        return;
      case 0x50: // PERSID
        return this.#push(new PickledThing('outside', this.#line()));
      case 0x51: {
        // BINPERSID
        const outside = new PickledThing('outside', 'persistent');
        outside.args = this.#pop();
        return this.#push(outside);
      }
      case 0x82: // EXT1
        return this.#push(new PickledThing('global', `extension ${this.#byte()}`));
      case 0x83: // EXT2
        return this.#push(
          new PickledThing('global', `extension ${this.#view.getUint16(this.#skip(2), true)}`),
        );
      case 0x84: // EXT4
        return this.#push(new PickledThing('global', `extension ${this.#size(4)}`));
      case 0x5d: // EMPTY_LIST
        return this.#push(new PickledThing('list'));
      case 0x7d: // EMPTY_DICT
        return this.#push(new PickledThing('dict'));
      case 0x8f: // EMPTY_SET
        return this.#push(new PickledThing('set'));
      case 0x29: // EMPTY_TUPLE
        return this.#push(new PickledThing('tuple'));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#push(filled('tuple', this.#popSome(opcode - 0x84)));
      case 0x74: // TUPLE
        return this.#push(filled('tuple', this.#popToMark()));
      case 0x6c: // LIST
        return this.#push(filled('list', this.#popToMark()));
      case 0x64: // DICT
        return this.#push(filled('dict', this.#popToMark()));
      case 0x91: // FROZENSET
        return this.#push(filled('frozenset', this.#popToMark()));
      case 0x61: // APPEND
        return this.#fill([this.#pop()], false);
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        return this.#fill(this.#popToMark(), false);
      case 0x73: // SETITEM
        return this.#fill(this.#popSome(2), true);
      case 0x75: // SETITEMS
        return this.#fill(this.#popToMark(), true);
      case 0x30: // POP, also of a mark
        if (this.#stack.pop() === undefined) this.#fail('nothing on the stack');
        return;
      case 0x31: // POP_MARK
        this.#popToMark();
        return;
      case 0x32: {
        // DUP
        const top = this.#pop();
        this.#push(top);
        return this.#share(top);
      }
      case 0x67: // GET
        return this.#get(Number(this.#line()));
      case 0x68: // BINGET
        return this.#get(this.#byte());
      case 0x6a: // LONG_BINGET
        return this.#get(this.#size(4));
      case 0x70: // PUT
        return this.#put(Number(this.#line()));
      case 0x71: // BINPUT
        return this.#put(this.#byte());
      case 0x72: // LONG_BINPUT
        return this.#put(this.#size(4));
      case 0x94: // MEMOIZE
        return this.#put(this.#memo.size);
      case 0x63: // GLOBAL
        return this.#push(new PickledThing('global', `${this.#line()}.${this.#line()}`));
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#popSome(2);
        if (typeof module !== 'string' || typeof name !== 'string') this.#fail('a class without a name');
        return this.#push(new PickledThing('global', `${module}.${name}`));
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const [callee, args] = this.#popSome(2);
        return this.#push(object(callee, args));
      }
      case 0x92: {
        // NEWOBJ_EX
        const [callee, args, named] = this.#popSome(3);
        return this.#push(object(callee, filled('tuple', [args, named])));
      }
      case 0x69: {
        // INST
        const callee = new PickledThing('global', `${this.#line()}.${this.#line()}`);
        return this.#push(object(callee, filled('tuple', this.#popToMark())));
      }
      case 0x6f: {
        // OBJ
        const [callee, ...args] = this.#popToMark();
        return this.#push(object(callee, filled('tuple', args)));
      }
      case 0x62: {
        // BUILD
        const state = this.#pop();
        const built = this.#top();
        if (!(built instanceof PickledThing)) this.#fail('a state for what is no object');
        built.state = state;
        return;
      }
      default:
        this.#fail(`no opcode ${opcode}`);
    }
  }

  #fail(why: string): never {
    throw new PickleDataError(`it is no pickle: ${why} before byte ${this.#at}`);
  }

  #skip(count: number): number {
    const at = this.#at;
    if (at + count > this.bytes.length) this.#fail('the end');
    this.#at += count;
    return at;
  }

  #byte(): number {
    return this.bytes[this.#skip(1)];
  }

  #take(size: number): Uint8Array {
    const at = this.#skip(size);
    return this.bytes.subarray(at, at + size);
  }

  /** A size of 4 or 8 bytes. */
  #size(width: 4 | 8): number {
    const at = this.#skip(width);
    const low = this.#view.getUint32(at, true);
    return width === 4 ? low : low + this.#view.getUint32(at + 4, true) * 2 ** 32;
  }

  #line(): string {
    return textOf(this.#lineBytes());
  }

  /** The bytes up to the end of the line. */
  #lineBytes(): Uint8Array {
    const end = this.bytes.indexOf(0x0a, this.#at);
    if (end < 0) this.#fail('no end of a line');
    const line = this.bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return line;
  }

  #whole(digits: string): number | bigint {
    if (!/^[+-]?\d+$/.test(digits) || digits.length > LONGEST_INT) this.#fail('no whole number');
    const value = BigInt(digits.replace(/^\+/, ''));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  /** A whole number in two's complement, the lowest byte first. */
  #long(size: number): number | bigint {
    const bytes = this.#take(size);
    if (size === 0) return 0;
    if (size > LONGEST_INT) this.#fail('a number of too many bytes');
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
      .reverse()
      .join('');
    const value = BigInt.asIntN(8 * size, BigInt(`0x${hex}`));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  #count(things = 1): void {
    this.#things += things;
    if (this.#things > MOST_THINGS) throw new PickleDataError('it has too many things to be shown');
  }

  #push(value: PickledValue): void {
    this.#count(value instanceof PickledThing ? HOLDER : 1);
    this.#stack.push(value);
  }

  #top(): PickledValue {
    const top = this.#stack.at(-1);
    if (top === undefined || top === MARK) this.#fail('nothing on the stack');
    return top;
  }

  #pop(): PickledValue {
    const top = this.#top();
    this.#stack.pop();
    return top;
  }

  #popSome(count: number): PickledValue[] {
    const values = Array.from({ length: count }, () => this.#pop());
    return values.reverse();
  }

  #popToMark(): PickledValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) this.#fail('no mark');
    const values = this.#stack.splice(mark) as PickledValue[];
    return values.slice(1);
  }

  #fill(values: PickledValue[], isPairs: boolean): void {
    const target = this.#top();
    if (!(target instanceof PickledThing)) this.#fail('items for what holds none');
    const place = isPairs && target.kind !== 'dict' ? 'pairs' : 'items';
    if (target[place] === NOTHING) target[place] = values;
    else for (const value of values) target[place].push(value);
  }

  #put(index: number): void {
    this.#memo.set(index, this.#top());
    this.#count();
  }

  #get(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) this.#fail(`nothing in the memo at ${index}`);
    this.#share(value);
    this.#count();
    this.#stack.push(value);
  }

  #share(value: PickledValue): void {
    if (value instanceof PickledThing) value.isShared = true;
  }
}

/** Digits, or bytes, of a whole number at most: more would take long to be written in digits. */
const LONGEST_INT = 4096;

function filled(kind: PickledThing['kind'], items: PickledValue[]): PickledThing {
  const thing = new PickledThing(kind);
  thing.items = items;
  return thing;
}

function object(callee: PickledValue, args: PickledValue): PickledThing | Uint8Array {
  const bytes = encodedBytes(callee, args);
  if (bytes !== undefined) return bytes;
  const thing = new PickledThing('object');
  thing.callee = callee;
  thing.args = args;
  return thing;
}

/** The bytes that a pickle of protocol 0 to 2 has as a text of Latin-1 and the function that encodes it. */
function encodedBytes(callee: PickledValue, args: PickledValue): Uint8Array | undefined {
  if (!(callee instanceof PickledThing && args instanceof PickledThing)) return undefined;
  const [text, encoding] = args.items;
  if (callee.name === '__builtin__.bytes' && args.items.length === 0) return new Uint8Array(0);
  if (callee.name !== '_codecs.encode' || typeof text !== 'string' || encoding !== 'latin1') return undefined;
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text in UTF-8; lone surrogates, which Python keeps in its strings, become U+FFFD. */
function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  }
}

/** The text of a string literal of protocol 0. */
function unquoted(line: string): string {
  return unescaped(line.replace(/^(['"])([^]*)\1$/, '$2'));
}

/** Text in Python's raw-unicode-escape: Latin-1, in which only numbers of characters are escaped. */
function rawUnescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/g, (all, u?: string, long?: string) => {
    const code = parseInt(u ?? long ?? '', 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}

const SIMPLE: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|(.))/gi, (all, x?: string, one?: string) =>
    x === undefined ? (SIMPLE[one ?? ''] ?? all) : String.fromCharCode(parseInt(x, 16)),
  );
}
