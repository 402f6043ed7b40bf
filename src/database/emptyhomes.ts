import { endOfRun } from '../format/directory.js';
import type { BucketSite } from './site.js';
import { changedSite } from './site.js';

/** Slots that lead to one bucket, within one range that may be its own. */
interface Home {
  readonly ownFirst: number;
  readonly firstSlot: number;
  entries: number;
}

/**
 * Places buckets without records at the slots that most entries give them. They have no hash that tells their slots,
 * and the first entry that leads there may be wrong.
 */
export function placeEmpty(sites: BucketSite[], siteOfSlot: Int32Array): void {
  if (!sites.some(isEmpty)) return;
  const best = new Map<number, Home>();
  const last = new Map<number, Home>();
  for (const [slot, index] of siteOfSlot.entries()) {
    if (index < 0 || !isEmpty(sites[index])) continue;
    const { ownSlots } = sites[index];
    const ownFirst = Math.floor(slot / ownSlots) * ownSlots;
    let home = last.get(index);
    if (home?.ownFirst !== ownFirst) last.set(index, (home = { ownFirst, firstSlot: slot, entries: 0 }));
    home.entries++;
    if (home.entries > (best.get(index)?.entries ?? 0)) best.set(index, home);
  }
  for (const [index, { ownFirst, firstSlot }] of best) {
    if (ownFirst === sites[index].ownFirst) continue;
    const slots = endOfRun(siteOfSlot, firstSlot) - firstSlot;
    sites[index] = changedSite(sites[index], { firstSlot, slots, ownFirst });
  }
}

function isEmpty({ state, used }: BucketSite): boolean {
  return state === 'sound' && used === 0;
}
