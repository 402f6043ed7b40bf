import type { Frame } from './frame.js';
import type { RecordRuns } from '../check/space.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';

/** Bytes of one read. */
const WINDOW = 1 << 19;
/** Runs that are no farther apart are read together. */
const MAX_GAP = 16 * 1024;

/** Moves so short are made here: a call for each takes longer than the moving. */
const SHORT = 64;

/**
 * The bytes of all runs in their order, many runs in one piece, which is valid until the next one is asked for; the next read
 * goes on meanwhile. Memory: two windows of half a MiB, and nothing for a run.
 */
export async function* stretches(source: Source, runs: RecordRuns): AsyncGenerator<Uint8Array> {
  const buffers = [new Uint8Array(WINDOW), new Uint8Array(WINDOW)];
  let turn = 0;
  const plan = planReads(runs);
  const start = () => {
    const next = plan.next();
    if (next.done) return undefined;
    const { base, end } = next.value;
    const bytes = buffers[turn++ & 1].subarray(0, end - base);
    const done = readInto(source, base, bytes);
    // Where nobody asks for more nobody waits for this one.
    done.catch(() => {});
    return { read: next.value, bytes, done };
  };
  for (let now = start(); now !== undefined;) {
    await now.done;
    const ahead = start();
    yield closeUp(now.bytes, now.read, runs);
    now = ahead;
  }
}

/** Appends the bytes of all runs in their order, up to the end of a block. */
export async function copyRuns(source: Source, runs: RecordRuns, frame: Frame): Promise<void> {
  for await (const bytes of stretches(source, runs)) await frame.out.append(bytes);
  await frame.fillBlock(0);
}

/** A part of the file that is read at once; what runs have of it is wanted. */
interface Read {
  readonly base: number;
  readonly end: number;
  /** The first run that has any of it. */
  readonly first: number;
}

function* planReads(runs: RecordRuns): Generator<Read> {
  let base = 0;
  let end = 0;
  let first = -1;
  for (let run = 0; run < runs.length; run++) {
    let from = runs.start(run);
    while (from < runs.end(run)) {
      if (first >= 0 && (from > end + MAX_GAP || from >= base + WINDOW)) {
        yield { base, end, first };
        first = -1;
      }
      if (first < 0) [base, first] = [from, run];
      from = end = Math.min(runs.end(run), base + WINDOW);
    }
  }
  if (first >= 0) yield { base, end, first };
}

/** Moves what runs have of a read to its beginning, one behind the other. */
function closeUp(bytes: Uint8Array, { base, end, first }: Read, runs: RecordRuns): Uint8Array {
  let at = 0;
  for (let run = first; run < runs.length && runs.start(run) < end; run++) {
    const from = Math.max(runs.start(run), base) - base;
    const to = Math.min(runs.end(run), end) - base;
    if (from === at) at = to;
    else if (to - from > SHORT) {
      bytes.copyWithin(at, from, to);
      at += to - from;
    } else for (let i = from; i < to; i++) bytes[at++] = bytes[i];
  }
  return bytes.subarray(0, at);
}
