import { rangeOf } from '../database/claims.js';
import { elementStruct, elementsStart } from '../format/bucket.js';
import type { Format } from '../format/format.js';
import { HASH_BITS } from '../format/hash.js';
import type { LooseList } from './loose.js';
import { weights } from '../weights.js';

/** Elements of one bucket whose head is gone. */
export interface Fragment {
  /**
   * File offset at which the bucket began. The bucket may begin before the file's start or end after the file's end.
   */
  readonly base: number;
  /** File offsets of its elements, ascending. */
  readonly elements: readonly number[];
  /** Number of leading bits that their hashes share: the bucket's bits or more. */
  readonly sharedBits: number;
  /** One of their hashes. */
  readonly hash: number;
}

/**
 * Groups loose elements that were in one bucket. Most elements stand at their home position, which is the hash modulo
 * the number of elements in a bucket. So each element gives the start of its bucket, and elements that give the same
 * start belong together. The directory votes too, if its entry for an element's hash leads to a bucket in which the
 * element has a place.
 *
 * @param held 1 for each element that is known to belong to another bucket
 * @param entryOf file offset of the bucket that the directory has for a hash, if it has one
 */
export function* joinFragments(
  loose: LooseList,
  format: Format,
  bucketElements: number,
  held: Uint8Array,
  entryOf: (hash: number) => number | undefined,
): Generator<Fragment> {
  const first = elementsStart(format);
  const stride = elementStruct(format.layout).size;
  const votes = new Map<number, number>();
  const vote = (base: number, weight: number) => votes.set(base, (votes.get(base) ?? 0) + weight);
  for (let i = 0; i < loose.length; i++) {
    if (held[i] !== 0) continue;
    const hash = loose.hash(i);
    vote(loose.at(i) - first - stride * (hash % bucketElements), 1);
    const entry = entryOf(hash);
    if (entry === undefined) continue;
    const place = (loose.at(i) - first - entry) / stride;
    if (Number.isInteger(place) && place >= 0 && place < bucketElements)
      vote(entry, weights.directory.entryVotes);
  }
  // Bases are taken in descending order of votes; an element belongs to one bucket.
  const taken = held.slice();
  const bases = [...votes].sort(([a, n], [b, m]) => m - n || a - b);
  for (const [base] of bases) {
    const members: number[] = [];
    const end = base + first + stride * bucketElements;
    for (let i = loose.firstAtOrAfter(base + first); i < loose.length && loose.at(i) < end; i++) {
      if (taken[i] !== 0 || (loose.at(i) - base - first) % stride !== 0) continue;
      taken[i] = 1;
      members.push(i);
    }
    if (members.length === 0) continue;
    const hash = loose.hash(members[0]);
    let different = 0;
    for (const i of members) different |= loose.hash(i) ^ hash;
    const sharedBits = Math.clz32(different) - 1;
    yield {
      base,
      elements: members.map((i) => loose.at(i)),
      sharedBits: Math.min(sharedBits, HASH_BITS),
      hash,
    };
  }
}

/**
 * Moves elements from fragments without a head to the fragments with a head that they belong to. If few elements are
 * left, the start that they give for their bucket may be wrong by chance.
 *
 * @param headBits for each fragment the bits in its head, if it has one
 */
export function gatherUnderHeads(
  fragments: readonly Fragment[],
  headBits: readonly (number | undefined)[],
  loose: LooseList,
  format: Format,
  bucketElements: number,
): Fragment[] {
  const stride = elementStruct(format.layout).size;
  const headed = new Map<number, number>();
  fragments.forEach(({ elements }, n) => {
    if (headBits[n] !== undefined) for (const at of elements) headed.set(at, n);
  });
  const moved = new Map<number, number>();
  fragments.forEach(({ base, hash }, n) => {
    const bits = headBits[n];
    if (bits === undefined) return;
    const first = base + elementsStart(format);
    const { first: range } = rangeOf(hash, bits);
    for (let i = loose.firstAtOrAfter(first); i < loose.length; i++) {
      const place = (loose.at(i) - first) / stride;
      if (place >= bucketElements) break;
      const belongs = Number.isInteger(place) && rangeOf(loose.hash(i), bits).first === range;
      if (belongs && !headed.has(loose.at(i)) && !moved.has(loose.at(i))) moved.set(loose.at(i), n);
    }
  });
  if (moved.size === 0) return [...fragments];
  const gathered = fragments.map(({ elements }) => elements.filter((at) => !moved.has(at)));
  const others = new Set(fragments.flatMap(({ elements }) => elements));
  for (const [at, n] of moved) if (others.has(at)) gathered[n].push(at);
  return fragments.map((fragment, n) => ({ ...fragment, elements: gathered[n].sort((a, b) => a - b) }));
}
