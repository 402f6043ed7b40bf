import type { Source } from '../source/source.js';
import { fill } from '../source/source.js';
import type { PickleFault } from './machine.js';
import { FIRST_PROTOCOL, LAST_PROTOCOL, PickleMachine } from './machine.js';
import type { Kind } from './opcodes.js';
import { KINDS } from './opcodes.js';

/** The result of a walk through a pickle: it is whole, from its PROTO to its STOP, or has a fault. */
type PickleWalk = WholePickle | ({ readonly whole: false } & PickleFault);

interface WholePickle {
  readonly whole: true;
  /** 2 to 5. */
  readonly protocol: number;
  /** Bytes, from PROTO to STOP inclusive. */
  readonly size: number;
  /** Number of opcodes. */
  readonly opcodes: number;
  /** True if it has frames, whose lengths of 8 bytes were right. */
  readonly framed: boolean;
  /** Pairs of a class and a dict of fields in it; celery pickles each task so. */
  readonly objects: number;
  /** Kind of the pickled object. */
  readonly kind: Kind;
}

const MAX_DEPTH = 2 ** 26;
/** Bytes of the first window; each next one is twice as large, so that a walk that fails early costs little. */
const FIRST_WINDOW = 4096;
/** Bytes of the largest window: two lines of names fit in, see `PickleMachine.run`; larger windows are not faster. */
const LARGEST_WINDOW = 1 << 18;

/**
 * Walks through a pickle of protocol 2 to 5 at a file offset, opcode by opcode, without making or calling anything,
 * until its STOP, which must lie before `end`. A whole one may have been written so by Python's pickler; its classes may
 * still be missing. Memory: a window of 256 KiB, and two bytes for each thing on the stack or in the memo.
 *
 * @param maxDepth things on the stack, and in the memo, at most
 * @throws SourceError if the source cannot be read
 */
export async function walkPickle(
  source: Source,
  offset: number,
  end: number,
  maxDepth = MAX_DEPTH,
): Promise<PickleWalk> {
  const machine = new PickleMachine(maxDepth);
  const limit = Math.min(end, source.size);
  machine.begin(offset, limit);
  let size = FIRST_WINDOW;
  let buffer = new Uint8Array(0);
  do {
    const length = Math.max(0, Math.min(size, limit - machine.next));
    if (source.readInto !== undefined && buffer.length < length) buffer = new Uint8Array(size);
    machine.run(length === 0 ? buffer.subarray(0, 0) : await fill(source, machine.next, length, buffer));
    if (machine.fault !== undefined) return { whole: false, ...machine.fault };
    if (machine.rest > 0 && !machine.restIsText) machine.skip();
    size = Math.min(LARGEST_WINDOW, 2 * size);
  } while (!machine.done);
  const { protocol, opcodes, framed, objects } = machine;
  const kind = KINDS[machine.top];
  return { whole: true, protocol, size: machine.next - offset, opcodes, framed, objects, kind };
}

/**
 * State of a value. `whole`: one pickle and nothing else. `damaged`: it looks like a pickle and is none. `old`: it may be
 * one of protocol 0 or 1, which are not examined. `not-pickle`: it does not look like one.
 */
export type ValueState =
  | { readonly state: 'whole'; readonly pickle: WholePickle }
  | { readonly state: 'damaged'; readonly fault: PickleFault }
  | { readonly state: 'old' }
  | { readonly state: 'not-pickle'; readonly fault: PickleFault };

const PROTO = 0x80;
const STOP = 0x2e;
/** First bytes of pickles of protocols 0 and 1 that Python 2's shelve wrote, and the bytes of such opcodes. */
const OLD_STARTS = new Set([...'(]}ISVFNKJMLGTUXc)'].map((character) => character.charCodeAt(0)));

/**
 * Examines a value's structure; nothing is made or called. Python itself stops at STOP and never sees the bytes behind it;
 * a shelf's value has none, so bytes there show that the STOP is wrong.
 *
 * @param offset file offset of its first byte
 * @param size bytes
 * @throws SourceError if the source cannot be read
 */
export async function examineValue(source: Source, offset: number, size: number): Promise<ValueState> {
  const end = offset + size;
  const walk = await walkPickle(source, offset, end);
  if (walk.whole && walk.size === size) return { state: 'whole', pickle: walk };
  const fault = walk.whole ? trailing(offset + walk.size, end) : walk;
  if (await looksLikePickle(source, offset, size)) return { state: 'damaged', fault };
  return (await looksOld(source, offset, size)) ? { state: 'old' } : { state: 'not-pickle', fault };
}

/**
 * Returns true if a value looks like a pickle of protocols 2 to 5: of its first byte, its second and its last at least two
 * are right, so that one wrong byte does not hide it. Zeros, which a crash leaves of bytes that were not written, may have
 * been one.
 */
export async function looksLikePickle(source: Source, offset: number, size: number): Promise<boolean> {
  if (size < 3) return false;
  const start = await source.read(offset, Math.min(size, 64));
  const last = (await source.read(offset + size - 1, 1))[0];
  const marks =
    Number(start[0] === PROTO) +
    Number(start[1] >= FIRST_PROTOCOL && start[1] <= LAST_PROTOCOL) +
    Number(last === STOP);
  return marks >= 2 || start.every((byte) => byte === 0);
}

async function looksOld(source: Source, offset: number, size: number): Promise<boolean> {
  if (size < 2) return false;
  const first = (await source.read(offset, 1))[0];
  const last = (await source.read(offset + size - 1, 1))[0];
  return last === STOP && OLD_STARTS.has(first);
}

function trailing(at: number, end: number): PickleFault {
  return { at, opcode: undefined, expected: 'the end of the value', found: `${end - at} bytes after STOP` };
}
