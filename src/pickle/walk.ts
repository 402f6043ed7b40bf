import type { Source } from '../source/source.js';
import { fill } from '../source/source.js';
import type { Kind } from './kinds.js';
import { KINDS } from './kinds.js';
import type { PickleFault, TextPlace } from './machine.js';
import { PickleMachine } from './machine.js';

/** What a walk through a pickle told: it is whole, from its header to its STOP, or where and why it is not. */
export type PickleWalk = WholePickle | ({ readonly whole: false } & PickleFault);

export interface WholePickle {
  readonly whole: true;
  /** 2 to 5. */
  readonly protocol: number;
  /** Bytes, from PROTO to STOP inclusive. */
  readonly size: number;
  readonly opcodes: number;
  /** Whether frames hold it, whose lengths of 8 bytes were right. */
  readonly framed: boolean;
  /** What the pickle is of. */
  readonly top: PickleTop;
}

export interface PickleTop {
  readonly kind: Kind;
  /** Of a dict, if they were asked for: the first of its keys that are text, in order. */
  readonly keys?: readonly string[];
}

export interface WalkOptions {
  /** Things on the stack and in the memo, each, at most; a byte of memory for each that there is. */
  readonly maxDepth?: number;
  /** Whether the keys of a dict are wanted, which are read again: at most 64, of up to 256 bytes. */
  readonly keys?: boolean;
}

const MAX_DEPTH = 2 ** 26;
/** Bytes of the first window; each next one is twice as large, so that what fails soon costs little. */
const FIRST_WINDOW = 4096;
/** Must hold two lines of names, see `PickleMachine.run`; larger ones than this are not faster. */
const LARGEST_WINDOW = 1 << 18;

/**
 * Walks through a pickle of protocol 2 to 5 at a file offset, opcode by opcode, without making or calling anything,
 * until its STOP, which must lie before `end`. That it is whole says that Python's pickler may have written it so, not
 * that its classes can be imported. Memory: a window of 256 KiB, and two bytes for each thing that is remembered.
 *
 * @throws SourceError if the source cannot be read
 */
export async function walkPickle(
  source: Source,
  offset: number,
  end: number,
  { maxDepth = MAX_DEPTH, keys = false }: WalkOptions = {},
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
  const kind = KINDS[machine.top];
  const top = keys && kind === 'dict' ? { kind, keys: await readTexts(source, machine.keys) } : { kind };
  return { whole: true, protocol, size: machine.next - offset, opcodes, framed, top };
}

async function readTexts(source: Source, places: readonly TextPlace[]): Promise<string[]> {
  const decoder = new TextDecoder();
  const texts: string[] = [];
  for (const { offset, size } of places) texts.push(decoder.decode(await source.read(offset, size)));
  return texts;
}
