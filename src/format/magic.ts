import type { Format, Variant } from './format.js';
import { swapped } from './words.js';

/** Each magic number as a 32-bit integer in the file's byte order, and what it says. */
export const MAGICS: readonly { magic: number; variant: Variant; offsetBits: 32 | 64 | undefined }[] = [
  // The oldest magic does not tell the width of offsets: it must be inferred.
  { magic: 0x13579ace, variant: 'old', offsetBits: undefined },
  { magic: 0x13579acd, variant: 'standard', offsetBits: 32 },
  { magic: 0x13579acf, variant: 'standard', offsetBits: 64 },
  { magic: 0x13579ad0, variant: 'numsync', offsetBits: 32 },
  { magic: 0x13579ad1, variant: 'numsync', offsetBits: 64 },
];

/** The magic that a file of this format starts with. */
export function magicOf(format: Format): number {
  const found = MAGICS.find(
    (m) =>
      m.variant === format.variant && (m.offsetBits ?? format.layout.offsetBits) === format.layout.offsetBits,
  );
  // Every variant has a magic for both widths.
  return found!.magic;
}

/** What a magic says, or undefined for a number that is no GDBM magic. */
export function magicMeaning(magic: number): (typeof MAGICS)[number] | undefined {
  return MAGICS.find((m) => m.magic === magic);
}

/** The same four bytes read in the other byte order. */
export function swap32(value: number): number {
  return swapped(value) >>> 0;
}
