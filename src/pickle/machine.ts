import { isHashable, KINDS, kindNumber, opcodeName } from './opcodes.js';
import { BYTES, DECIMAL, FORM, MAKES, NAMES, SINCE, TAKES, TEXT, UNKNOWN, WIDTH } from './opcodes.js';
import { linesEnd, MAX_LINE, Utf8Check, wrongLines } from './text.js';

/** The first thing that makes bytes no whole pickle. */
export interface PickleFault {
  /** File offset of the opcode at fault. */
  readonly at: number;
  /** Its name, if its byte is one. */
  readonly opcode: string | undefined;
  readonly expected: string;
  readonly found: string;
}

/** The smallest protocol that begins with PROTO, and the largest there is. */
export const FIRST_PROTOCOL = 2;
export const LAST_PROTOCOL = 5;

const NOTHING = 0;
const MARK = kindNumber('mark');
const STR = kindNumber('str');
const BUFFER = kindNumber('buffer');
const LIST = kindNumber('list');
const TUPLE = kindNumber('tuple');
const DICT = kindNumber('dict');
const SET = kindNumber('set');
const FROZENSET = kindNumber('frozenset');
const GLOBAL = kindNumber('global');
const ANYTHING = kindNumber('anything');

/**
 * Runs a pickle's opcodes on a stack and a memo that hold only the kinds of things; nothing is made or called. It takes the
 * bytes window by window. Memory: a byte for each thing on the stack and in the memo, up to `maxDepth` each. Time: linear
 * in the bytes.
 */
export class PickleMachine {
  /** File offset of the next opcode, or of the rest of an argument. */
  next = 0;
  /** Bytes of an argument that are still to come. Those of bytes, other than text, need not be read. */
  rest = 0;
  restIsText = false;
  /** Number of opcodes so far. */
  opcodes = 0;
  protocol = 0;
  /** True after a FRAME, whose length of 8 bytes was right. */
  framed = false;
  /** Pairs of a class and a dict, from which a function makes an object: celery pickles each task so. */
  objects = 0;
  done = false;
  fault: PickleFault | undefined;

  readonly #maxDepth: number;
  readonly #utf8 = new Utf8Check();
  #start = 0;
  #end = 0;
  /** File offset of the current frame's end; Infinity outside of frames. */
  #frameEnd = Infinity;
  /** File offset of the opcode whose argument is still to come. */
  #opcodeAt = 0;
  #opcode = 0;
  #stack: Uint8Array<ArrayBuffer>;
  #depth = 0;
  #memo: Uint8Array<ArrayBuffer>;
  /** Entries in use, and the place after the last of them: a pickler may skip numbers. */
  #memoCount = 0;
  #memoTop = 0;

  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
    this.#stack = new Uint8Array(Math.min(256, maxDepth));
    this.#memo = new Uint8Array(Math.min(256, maxDepth));
  }

  /** Begins a pickle at a file offset; it must end before `end`. */
  begin(offset: number, end: number): void {
    this.next = this.#start = offset;
    this.#end = end;
    this.rest = this.opcodes = this.protocol = this.objects = 0;
    this.restIsText = this.framed = this.done = false;
    this.fault = undefined;
    this.#frameEnd = Infinity;
    this.#depth = this.#memoCount = 0;
    this.#memo.fill(NOTHING, 0, this.#memoTop);
    this.#memoTop = 0;
  }

  /** Kind of the thing at the bottom of the stack. */
  get top(): number {
    return this.#stack[0];
  }

  /**
   * Continues through a window whose first byte is at file offset `next`, until it is done, at fault, or needs another
   * window from the new `next` on. A window must reach to the end or hold two lines.
   *
   * One long loop with its state in local variables is faster than Python's unpickler, which matters because a scan walks
   * through much of a file.
   */
  run(bytes: Uint8Array): void {
    const base = this.next;
    const last = base + bytes.length >= this.#end;
    const length = Math.min(bytes.length, this.#end - base);
    let i = 0;
    if (this.rest > 0) {
      i = Math.min(this.rest, length);
      if (this.restIsText && !this.#utf8.feed(bytes, 0, i)) return this.#failAt('UTF-8 text', 'other bytes');
      this.rest -= i;
      this.next = base + i;
      if (this.rest > 0) return last ? this.#truncated() : undefined;
      if (this.restIsText && !this.#utf8.complete) return this.#failAt('UTF-8 text', 'a character cut off');
    }
    let stack = this.#stack;
    let depth = this.#depth;
    let count = this.opcodes;
    let { protocol } = this;
    let wrong: { expected: string; found: string } | undefined;

    loop: while (true) {
      const at = base + i;
      if (at >= this.#frameEnd) this.#frameEnd = Infinity;
      if (i >= length) break;
      const code = bytes[i];
      const form = FORM[code];
      if (form === UNKNOWN || SINCE[code] > protocol) {
        if (count > 0 || code !== 0x80) {
          wrong = {
            expected: count === 0 ? 'PROTO' : `an opcode of protocol ${protocol}`,
            found: opcodeName(code) ?? `byte ${code}`,
          };
          break;
        }
      } else if (count === 0 && code !== 0x80) {
        wrong = { expected: 'PROTO', found: opcodeName(code)! };
        break;
      }
      const width = WIDTH[code];
      let after = i + 1 + width;
      if (after > length) break;
      let value = 0;
      if (width === 1) value = bytes[i + 1];
      else if (width === 2) value = bytes[i + 1] | (bytes[i + 2] << 8);
      else if (width >= 4) {
        value = (bytes[i + 1] | (bytes[i + 2] << 8) | (bytes[i + 3] << 16) | (bytes[i + 4] << 24)) >>> 0;
        if (width === 8) {
          const high =
            (bytes[i + 5] | (bytes[i + 6] << 8) | (bytes[i + 7] << 16) | (bytes[i + 8] << 24)) >>> 0;
          value += high * 0x1_0000_0000;
        }
      }
      if (form === BYTES || form === TEXT) {
        after += value;
        if (base + after > this.#end) {
          wrong = {
            expected: `an argument that ends at ${this.#end} or before`,
            found: `one of ${value} bytes`,
          };
          break;
        }
      } else if (form >= DECIMAL) {
        after = linesEnd(bytes, i + 1, length, form === NAMES ? 2 : 1);
        if (after === 0) {
          // Either it is too long, or it ends in the next window.
          if (!last && length - i < 3 + 2 * MAX_LINE) break;
          wrong = { expected: `lines of up to ${MAX_LINE} bytes`, found: 'no end of a line' };
          break;
        }
        const lines = wrongLines(bytes, i + 1, after, form, protocol);
        if (lines !== undefined) {
          wrong = { expected: lines, found: 'other bytes' };
          break;
        }
      }
      if (base + after > this.#frameEnd) {
        wrong = {
          expected: `an opcode inside the frame that ends at ${this.#frameEnd}`,
          found: `one that ends at ${base + after}`,
        };
        break;
      }
      count++;

      const makes = MAKES[code];
      if (makes !== NOTHING) {
        const takes = TAKES[code];
        if (takes > 0) {
          if (!hasThings(stack, depth, takes)) {
            wrong = { expected: `${takes} things on the stack`, found: describeTop(stack, depth) };
            break;
          }
          depth -= takes;
          if (code === 0x86 && stack[depth] === GLOBAL && stack[depth + 1] === DICT) this.objects++;
        }
        if (depth === stack.length) {
          stack = this.#growStack(depth);
          if (depth === stack.length) {
            wrong = { expected: `a stack of up to ${this.#maxDepth} things`, found: 'more' };
            break;
          }
        }
        stack[depth++] = makes;
        if (form === TEXT || (form === BYTES && after > length)) {
          if (form === TEXT) {
            this.#utf8.restart();
            const to = Math.min(after, length);
            if (!this.#utf8.feed(bytes, after - value, to) || (to === after && !this.#utf8.complete)) {
              wrong = { expected: 'UTF-8 text', found: 'other bytes' };
              break;
            }
          }
          if (after > length) {
            this.rest = after - length;
            this.restIsText = form === TEXT;
            this.#opcodeAt = at;
            this.#opcode = code;
            i = length;
            break;
          }
        }
        i = after;
        continue;
      }

      // Literal numbers, so that the engine makes a jump table of them.
      switch (code) {
        case 0x28: // MARK
        case 0x32: // DUP
        case 0x68: // BINGET
        case 0x6a: // LONG_BINGET
        case 0x82: // EXT1
        case 0x83: // EXT2
        case 0x84: {
          // EXT4
          let kind = MARK;
          if (code === 0x32) {
            if (!hasThings(stack, depth, 1)) {
              wrong = { expected: 'a thing on the stack', found: describeTop(stack, depth) };
              break loop;
            }
            kind = stack[depth - 1];
          } else if (code === 0x68 || code === 0x6a) {
            kind = value < this.#memoTop ? this.#memo[value] : NOTHING;
            if (kind === NOTHING) {
              wrong = { expected: 'an entry of the memo', found: `${value}, which nothing was stored into` };
              break loop;
            }
          } else if (code !== 0x28) {
            if (value === 0 || value > 0x7fffffff) {
              wrong = { expected: 'a number of an extension, 1 or more', found: String(value | 0) };
              break loop;
            }
            kind = GLOBAL;
          }
          if (depth === stack.length) {
            stack = this.#growStack(depth);
            if (depth === stack.length) {
              wrong = { expected: `a stack of up to ${this.#maxDepth} things`, found: 'more' };
              break loop;
            }
          }
          stack[depth++] = kind;
          break;
        }
        case 0x71: // BINPUT
        case 0x72: // LONG_BINPUT
        case 0x94: {
          // MEMOIZE
          const index = code === 0x94 ? this.#memoCount : value;
          if (!hasThings(stack, depth, 1)) {
            wrong = { expected: 'a thing on the stack', found: describeTop(stack, depth) };
            break loop;
          }
          // Picklers count up; a number larger than the count of opcodes would only ask for memory.
          if (index >= count || index >= this.#maxDepth) {
            wrong = { expected: 'the next number of the memo', found: String(index) };
            break loop;
          }
          if (index < this.#memoTop && this.#memo[index] !== NOTHING) {
            wrong = { expected: 'a new number of the memo', found: `${index}, which is in use` };
            break loop;
          }
          if (index >= this.#memo.length) this.#memo = grown(this.#memo, index + 1, this.#maxDepth);
          this.#memo[index] = stack[depth - 1];
          this.#memoCount++;
          if (index >= this.#memoTop) this.#memoTop = index + 1;
          break;
        }
        case 0x30: // POP, also of a mark
          if (depth === 0) {
            wrong = { expected: 'something on the stack', found: describeTop(stack, depth) };
            break loop;
          }
          depth--;
          break;
        case 0x61: // APPEND
        case 0x73: {
          // SETITEM
          const things = code === 0x61 ? 1 : 2;
          const wanted = code === 0x61 ? LIST : DICT;
          if (!hasThings(stack, depth, things + 1)) {
            wrong = {
              expected: `a ${KINDS[wanted]} and ${things} more on the stack`,
              found: describeTop(stack, depth),
            };
            break loop;
          }
          const target = stack[depth - things - 1];
          if (target !== wanted && target !== ANYTHING) {
            wrong = { expected: `a ${KINDS[wanted]}`, found: KINDS[target] };
            break loop;
          }
          if (code === 0x73 && target === DICT) {
            if (!isHashable(stack[depth - 2])) {
              wrong = { expected: 'a key that can be hashed', found: KINDS[stack[depth - 2]] };
              break loop;
            }
          }
          depth -= things;
          break;
        }
        case 0x31: // POP_MARK
        case 0x64: // DICT
        case 0x65: // APPENDS
        case 0x6c: // LIST
        case 0x6f: // OBJ
        case 0x74: // TUPLE
        case 0x75: // SETITEMS
        case 0x90: // ADDITEMS
        case 0x91: {
          // FROZENSET
          let mark = depth - 1;
          while (mark >= 0 && stack[mark] !== MARK) mark--;
          if (mark < 0) {
            wrong = { expected: 'a mark on the stack', found: 'none' };
            break loop;
          }
          const isDict = code === 0x64 || code === 0x75;
          if (isDict && (depth - mark - 1) % 2 !== 0) {
            wrong = { expected: 'keys and values in pairs', found: `${depth - mark - 1} things` };
            break loop;
          }
          const target = mark > 0 ? stack[mark - 1] : NOTHING;
          const fills = code === 0x65 ? LIST : code === 0x75 ? DICT : code === 0x90 ? SET : NOTHING;
          if (fills !== NOTHING && target !== fills && target !== ANYTHING) {
            wrong = { expected: `a ${KINDS[fills]} before the mark`, found: KINDS[target] };
            break loop;
          }
          // An object that is filled like a dict or a set may take anything.
          if (isDict || code === 0x90 || code === 0x91) {
            const step = isDict ? 2 : 1;
            if (fills === NOTHING || target !== ANYTHING) {
              for (let k = mark + 1; k < depth; k += step) {
                if (isHashable(stack[k])) continue;
                wrong = { expected: 'a thing that can be hashed', found: KINDS[stack[k]] };
                break loop;
              }
            }
          }
          if (code === 0x6f) {
            const callee = mark + 1 < depth ? stack[mark + 1] : NOTHING;
            if (callee !== GLOBAL && callee !== ANYTHING) {
              wrong = { expected: 'a class after the mark', found: KINDS[callee] };
              break loop;
            }
          }
          depth = mark;
          if (code === 0x74) stack[depth++] = TUPLE;
          else if (code === 0x6c) stack[depth++] = LIST;
          else if (code === 0x64) stack[depth++] = DICT;
          else if (code === 0x91) stack[depth++] = FROZENSET;
          else if (code === 0x6f) stack[depth++] = ANYTHING;
          break;
        }
        case 0x93: // STACK_GLOBAL
          if (!hasThings(stack, depth, 2) || stack[depth - 1] !== STR || stack[depth - 2] !== STR) {
            wrong = { expected: 'two strings on the stack', found: describeTop(stack, depth) };
            break loop;
          }
          stack[--depth - 1] = GLOBAL;
          break;
        case 0x52: // REDUCE
        case 0x81: // NEWOBJ
        case 0x92: {
          // NEWOBJ_EX
          const things = code === 0x92 ? 3 : 2;
          if (!hasThings(stack, depth, things)) {
            wrong = { expected: `${things} things on the stack`, found: describeTop(stack, depth) };
            break loop;
          }
          const callee = stack[depth - things];
          const given = stack[depth - things + 1];
          const named = stack[depth - 1];
          if (
            (callee !== GLOBAL && callee !== ANYTHING) ||
            (given !== TUPLE && given !== ANYTHING) ||
            (things === 3 && named !== DICT && named !== ANYTHING)
          ) {
            wrong = {
              expected: 'what can be called, and a tuple of arguments',
              found: `${KINDS[callee]} and ${KINDS[given]}`,
            };
            break loop;
          }
          depth -= things - 1;
          stack[depth - 1] = ANYTHING;
          break;
        }
        case 0x62: // BUILD
          if (!hasThings(stack, depth, 2) || !isObject(stack[depth - 2])) {
            wrong = {
              expected: 'an object and its state on the stack',
              found: describeTop(stack, depth - 1),
            };
            break loop;
          }
          depth--;
          break;
        case 0x98: // READONLY_BUFFER
          if (depth === 0 || stack[depth - 1] !== BUFFER) {
            wrong = { expected: 'a buffer on the stack', found: describeTop(stack, depth) };
            break loop;
          }
          break;
        case 0x80: // PROTO
          if (count > 1) {
            wrong = { expected: 'PROTO only at the start', found: 'another' };
            break loop;
          }
          if (value < FIRST_PROTOCOL || value > LAST_PROTOCOL) {
            wrong = {
              expected: `a protocol from ${FIRST_PROTOCOL} to ${LAST_PROTOCOL}`,
              found: String(value),
            };
            break loop;
          }
          protocol = value;
          break;
        case 0x95: // FRAME
          if (this.#frameEnd !== Infinity || value === 0 || base + after + value > this.#end) {
            wrong = {
              expected: `a frame that ends at ${this.#end} or before, outside of another one`,
              found: `one of ${value} bytes`,
            };
            break loop;
          }
          this.#frameEnd = base + after + value;
          this.framed = true;
          break;
        default: {
          // STOP
          const frameLeft = this.#frameEnd === Infinity ? 0 : this.#frameEnd - base - after;
          if (depth !== 1 || stack[0] === MARK || frameLeft > 0) {
            wrong = {
              expected: 'one thing on the stack, at the end of the frame',
              found: `${depth}, and ${frameLeft} bytes left of the frame`,
            };
            break loop;
          }
          this.done = true;
          i = after;
          break loop;
        }
      }
      i = after;
    }

    this.#depth = depth;
    this.opcodes = count;
    this.protocol = protocol;
    this.next = base + i;
    if (wrong !== undefined) {
      this.fault = { at: base + i, opcode: i < length ? opcodeName(bytes[i]) : undefined, ...wrong };
    } else if (!this.done && last) this.#truncated();
  }

  /** Skips the rest of an argument of bytes without reading it. */
  skip(): void {
    this.next += this.rest;
    this.rest = 0;
  }

  #truncated(): void {
    this.fault = {
      at: this.rest > 0 ? this.#opcodeAt : this.next,
      opcode: this.rest > 0 ? opcodeName(this.#opcode) : undefined,
      expected: 'STOP',
      found: `the end after ${this.#end - this.#start} bytes`,
    };
  }

  /** Reports a fault in the argument of an opcode of an earlier window. */
  #failAt(expected: string, found: string): void {
    this.fault = { at: this.#opcodeAt, opcode: opcodeName(this.#opcode), expected, found };
  }

  #growStack(depth: number): Uint8Array<ArrayBuffer> {
    this.#stack = grown(this.#stack, depth + 1, this.#maxDepth);
    return this.#stack;
  }
}

/** Returns true if the last `count` entries of the stack are there and none is a mark. */
function hasThings(stack: Uint8Array, depth: number, count: number): boolean {
  if (depth < count) return false;
  for (let k = depth - count; k < depth; k++) if (stack[k] === MARK) return false;
  return true;
}

/** Returns true if a thing may be given a state: the result of a call, or a class. */
function isObject(kind: number): boolean {
  return kind === ANYTHING || kind === GLOBAL;
}

function describeTop(stack: Uint8Array, depth: number): string {
  return depth <= 0 ? 'nothing' : `${depth} of which the last is ${KINDS[stack[depth - 1]]}`;
}

/** A larger copy of at most `limit` bytes; of the same size if it is at the limit. */
function grown(bytes: Uint8Array, least: number, limit: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.min(limit, Math.max(least, 2 * bytes.length)));
  larger.set(bytes.subarray(0, larger.length));
  return larger;
}
