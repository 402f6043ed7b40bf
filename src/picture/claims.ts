import type { AreaKind } from './areas.js';

/** What may claim bytes; `unaccounted` and `overlapping` follow from the claims. */
export type ClaimKind = Exclude<AreaKind, 'unaccounted' | 'overlapping'>;

/** Claims of a range; parts outside of the file, and empty ones, count for nothing. */
export type Claim = (kind: ClaimKind, offset: number, length: number) => void;

/** Tells all that claims bytes of a file, in any order, and the same each time it is asked. */
export type Claims = (claim: Claim) => Promise<void> | void;
