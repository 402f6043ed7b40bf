import type { Source } from '../source/source.js';
import { fill } from '../source/source.js';
import type { PickleFault } from './machine.js';
import { PickleMachine } from './machine.js';
import type { Kind } from './opcodes.js';
import { KINDS } from './opcodes.js';

/** The result of a walk through a pickle: it is whole, from its PROTO to its STOP, or has a fault. */
export type PickleWalk = WholePickle | ({ readonly whole: false } & PickleFault);

export interface WholePickle {
  readonly whole: true;
  /** 2 to 5. */
  readonly protocol: number;
  /** Bytes, from PROTO to STOP inclusive. */
  readonly size: number;
  /** Number of opcodes. */
  readonly opcodes: number;
  /** True if it has frames, whose lengths of 8 bytes were right. */
  readonly framed: boolean;
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
  const { protocol, opcodes, framed } = machine;
  return { whole: true, protocol, size: machine.next - offset, opcodes, framed, kind: KINDS[machine.top] };
}
