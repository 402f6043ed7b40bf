/*
 * The weights by which a damaged file is judged. Limits of time and memory are not among them.
 *
 * `npm run weights` repairs damaged files with each weight a third and three times as large, and writes the table in
 * docs/weights.md. A test repeats one file for each, and names those for which no file is known.
 */

/** Numbers that decide, by the part of the salvage that uses them. Only the measurement changes them. */
export const weights = {
  align: {
    /** Cost of a change of the distance, in keys that have the same one: a key and a half. */
    change: 1.5,
    /** Cost of a change by whole sectors, in keys: a key is displaced so by chance only. */
    changeBySectors: 0.75,
    /** Weight of a key that shows alone that a block moved, in keys: more than two changes by sectors. */
    blockAlone: 1.6,
    /** Maximum number of places of a key of which one may be its own. */
    likelyPlaces: 2,
    /** Maximum number of elements between an element and its home; a full bucket has longer ways. */
    fromHome: 32,
  },
  old: {
    /** Bits of evidence from which a range of free space is a record with high confidence. */
    rangeHigh: 10,
    /** The same for medium confidence. */
    rangeMedium: 7,
    /** Home bits of an element at home or next to it, in the buckets that libgdbm makes. */
    nearHome: 6,
    /** Home bits below which the place is no evidence: most of these keys are another record’s. */
    tellingHome: 4,
    /** Number of records in force that tell what a record looks like. */
    fewInForce: 64,
    /** Minimum number of records from which the shape of records is learned. */
    leastLearned: 8,
    /** Bits against a key whose hash is not of the bucket that lists its space. */
    foreignBits: 8,
    /** Bits of a range that is a piece of a structure: one range in a million. */
    structureBits: 20,
    /** Bits by which a key may be worse than the best explanation and is still hashed. */
    hashedWithin: 40,
    /** Minimum number of bits of a known key beyond those of all known keys together. */
    carvedKeyBits: 16,
  },
  bucket: {
    /** Minimum share of proved keys of a bucket; one with less ranks after every other. */
    enoughProved: 0.25,
    /** Share of proved keys of a bucket of this file where blocks of another one are mixed in. */
    mostlyProved: 0.6,
    /** Bits that the hashes of a bucket share in all beyond those of its head, above which the head is wrong. */
    chanceBits: 40,
    /** Number of hashes that share no further bit by chance. */
    tellingHashes: 8,
    /** One in this many records of a bucket overlaps those of other buckets in force from which it is contradicted. */
    contradictedShare: 8,
    /** Share of keys that the buckets of one state of a database may lack. */
    missingKeys: 1 / 16,
    /** Number of ranges of hashes with two buckets that shows blocks of two files. */
    twins: 2,
    /** Weight of the directory leading to a bucket, in elements. */
    led: 4,
    /** Weight of the assumption that nothing is known of a block, in elements. */
    doubt: 1,
    /** Likeness, −1 to 1, below which a block is another file’s. */
    foreign: -0.02,
    /** Likeness below which a block may be another file’s. */
    doubtful: -0.001,
  },
  directory: {
    /** Number of runs of entries that must agree on a place of the directory. */
    agreeingRuns: 2,
    /** Number of buckets behind the file’s end, to which entries lead, that show that the end is lost. */
    beyondEnd: 2,
    /** Votes of an entry for the place of a bucket; the home of an element has one. */
    entryVotes: 2,
  },
  reading: {
    /** Number of elements by which a layout must be ahead of one that is more common. */
    layoutAhead: 3,
    /** Score, in records, by which a reading of changed bytes must be ahead. */
    ahead: 3,
    /** Share of elements in use that prove a record below which a file is probably read in a wrong way. */
    hopeless: 1 / 16,
    /** Confidence, 0 to 1, below which a header that leads to no bucket is in doubt. */
    believed: 0.5,
    /** Score of a directory that fits the buckets it leads to: half of a header’s. */
    fit: 10,
    /** Score below which a file without a known magic is not called GDBM; random bytes score 0 to 2. */
    withoutMagic: 6,
    /** Fit, 0 to 1, below which a directory may be a copy of another one, or none. */
    goodFit: 0.5,
    /** Fit of a directory that was searched for inside a record, or that ends the search. */
    sureFit: 0.9,
    /** Minimum score of a header in the midst of a file; random bytes have 2. */
    header: 12,
    /**
     * Share of a file’s contents that its records and free space must account for: at most 0.019 in files that were copied in
     * text mode, at least 0.06 in those half of which was swapped, or three quarters zeroed.
     */
    explained: 0.03,
    /** The same if only one record was found. */
    explainedByOne: 0.1,
    /** Number of keys that must agree on the bytes that are missing before a file. */
    agreeingKeys: 3,
    /** The same if all keys of the file agree. */
    agreeingAll: 2,
  },
};
