import { setFlagsFromString } from 'node:v8';

/** The last major version of Node in which the flag was tried; a later one might say that it does not know it. */
const TRIED = 24;

/**
 * Lets the part of the heap for what was just made stay as small as it begins. The engine makes it larger the more is
 * made, up to 48 MiB, which we gain nothing by: the large things are pieces of memory outside of it. Measured with 10^6
 * records of which one is damaged, Node 20: 135 MiB instead of 187 for a repair, in the same time.
 */
export function keepYoungHeapSmall(): void {
  if (Number.parseInt(process.versions.node) <= TRIED) setFlagsFromString('--semi-space-growth-factor=1');
}
