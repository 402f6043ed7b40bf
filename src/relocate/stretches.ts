import type { Frame } from '../build/frame.js';
import type { RecordRuns } from '../check/sound/recordruns.js';
import type { Source } from '../source/source.js';
import { readInto } from '../source/source.js';

/** Bytes of one read. */
const WINDOW = 1 << 19;
/** Runs that are no farther apart are read together. */
const MAX_GAP = 16 * 1024;

/**
 * The bytes of all runs in their order, in pieces that are valid until the next one is asked for; the next read goes on
 * meanwhile. Memory: two windows of half a MiB.
 */
export async function* stretches(source: Source, runs: RecordRuns): AsyncGenerator<Uint8Array[]> {
  const buffers = [new Uint8Array(WINDOW), new Uint8Array(WINDOW)];
  let turn = 0;
  const plan = planReads(runs);
  const start = () => {
    const next = plan.next();
    if (next.done) return undefined;
    const { base, length, pieces } = next.value;
    const target = buffers[turn++ & 1].subarray(0, length);
    const done = readInto(source, base, target);
    // Where nobody asks for more nobody waits for this one.
    done.catch(() => {});
    return { pieces: pieces.map(([from, to]) => target.subarray(from, to)), done };
  };
  for (let now = start(); now !== undefined;) {
    await now.done;
    const ahead = start();
    yield now.pieces;
    now = ahead;
  }
}

/** Appends the bytes of all runs in their order, up to the end of a block. */
export async function copyRuns(source: Source, runs: RecordRuns, frame: Frame): Promise<void> {
  for await (const pieces of stretches(source, runs)) {
    for (const piece of pieces) await frame.out.append(piece);
  }
  await frame.fillBlock(0);
}

interface Read {
  readonly base: number;
  readonly length: number;
  /** The parts of it that belong to runs. */
  readonly pieces: readonly (readonly [from: number, to: number])[];
}

function* planReads(runs: RecordRuns): Generator<Read> {
  let base = 0;
  let end = 0;
  let pieces: [number, number][] = [];
  for (let run = 0; run < runs.length; run++) {
    let from = runs.start(run);
    while (from < runs.end(run)) {
      if (pieces.length > 0 && (from > end + MAX_GAP || from >= base + WINDOW)) {
        yield { base, length: end - base, pieces };
        pieces = [];
      }
      if (pieces.length === 0) base = from;
      const to = Math.min(runs.end(run), base + WINDOW);
      pieces.push([from - base, to - base]);
      end = to;
      from = to;
    }
  }
  if (pieces.length > 0) yield { base, length: end - base, pieces };
}
