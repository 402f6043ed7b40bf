import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The last major version of Node in which the flag was tried; a later one might say that it does not know it. */
const TRIED = 24;

/**
 * Lets the part of the heap for what was just made stay as small as it begins. The engine makes it larger the more is
 * made, up to 48 MiB, which we gain nothing by: the large things are pieces of memory outside of it. Measured with 10^6
 * records of which one is damaged, Node 20: 135 MiB instead of 187 for a repair, in the same time.
 */
export function keepYoungHeapSmall(): void {
  setFlag('--semi-space-growth-factor=1');
}

function setFlag(flag: string): void {
  if (Number.parseInt(process.versions.node) <= TRIED) setFlagsFromString(flag);
}

/** Bytes in the heap and outside of it from which on it is worth the milliseconds to look for what of them is garbage. */
const WORTH = 24 << 20;
type Collect = (how?: { type: 'minor' }) => void;
let collect: Collect | undefined;

let isSparing = false;

/**
 * Frees what is garbage after one step of a long work: the columns of millions of elements are large pieces of memory
 * outside of the heap, which the engine counts, but collects late. From the first time on it also lets the rest of the heap
 * grow by less at a time. Measured with 10^7 records, Node 20: 121 MiB instead of 142 for a repair, and 250 instead of 300
 * for a check of a damaged file.
 */
export function collectGarbage(): void {
  // Not at the start: with it everything is some hundredths slower.
  if (!isSparing) setFlag('--optimize-for-size');
  isSparing = true;
  const { heapUsed, external } = process.memoryUsage();
  if (heapUsed + external < WORTH) return;
  if (collect === undefined) {
    // The only way to the engine's own function after the start.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
  }
  collect();
  // The memory of a WebAssembly, which large lists are in, goes back only with the collection after the one that finds it to
  // be garbage; any does. Measured with 10^7 records of which one is damaged: when they are examined, 109 MiB instead of 139 are left.
  collect({ type: 'minor' });
}

/** Frees after each step of a long work what it needed; told of the step as often as it likes. */
export function sparing(): (step: string) => void {
  let current: string | undefined;
  return (step) => {
    if (step !== current) collectGarbage();
    current = step;
  };
}
