import type { FindingGroup } from '../../check/finding.js';

/** A report as a page: what is told of the file in words, and the data that its script draws. Texts are escaped for people. */
export interface Page extends PageWords {
  /** Bytes. */
  readonly size: number;
  /** The worst first; offsets are those in the file as it lies there. */
  readonly findings: readonly FindingGroup[];
  /** Sentences on what the page does not show in full. */
  readonly summarised: readonly string[];
  readonly data: PageData;
}

/** The sentences of a page. */
export interface PageWords {
  readonly path: string;
  readonly verdict: string;
  /** One sentence: how bad it is. */
  readonly headline: string;
  /** The first thing to do: a sentence, and a command if there is one. */
  readonly advice: { readonly text: string; readonly command: string | null };
  /** Names and values, in order of their importance. */
  readonly facts: readonly (readonly [name: string, value: string])[];
}

/** The data that the script of a page draws. Offsets are those in the file as it lies there; texts are escaped for people. */
export interface PageData {
  /** The file's name as a shell takes it. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Names of what bytes are, which numbers below stand for; and how many bytes each has. */
  readonly kinds: readonly string[];
  readonly totals: readonly number[];
  readonly map: MapData;
  readonly little: boolean;
  readonly structs: Readonly<Record<string, StructData>>;
  readonly structures: readonly StructureData[];
  /** Runs of the file's bytes that the page has, in order, each in base64. */
  readonly hex: readonly (readonly [offset: number, base64: string])[];
  /** Places of errors and warnings, the worst first. */
  readonly marks: readonly number[];
  readonly records: {
    readonly shown: readonly RecordData[];
    /** Records of each class, listed or not. */
    readonly classes: readonly (readonly [name: string, count: number])[];
  };
  readonly spread: {
    readonly elements: number;
    readonly fill: readonly number[];
    readonly keySizes: readonly number[];
    readonly valueSizes: readonly number[];
    readonly hashes: readonly number[];
    /** Hashes without a bucket, from the first to before the second. */
    readonly open: readonly (readonly [number, number])[];
    readonly uncovered: number;
    readonly buckets: number;
  };
  /** Opcodes of pickles: byte, name, and the kind of argument. */
  readonly opcodes: readonly (readonly [number, string, number | string])[];
}

/** Kinds of bytes: exactly in `exact`, and elsewhere in cells of `cell` bytes, each with the bytes of each kind. */
export interface MapData {
  readonly exact: readonly ExactData[];
  /** Bytes of a cell; 0 where all is exact. */
  readonly cell: number;
  /** For each cell its one kind, or kinds and bytes in turns. */
  readonly cells: readonly (number | readonly number[])[];
  /** Ranges in the whole file. */
  readonly ranges: number;
}

/** Ranges that follow each other from `offset` on: their lengths, and their kinds as digits. */
export interface ExactData {
  readonly offset: number;
  readonly lengths: readonly number[];
  readonly kinds: string;
}

/** A struct's fields: name, bytes from its start, bytes; and the table that follows from `tableAt`, if there is one. */
export interface StructData {
  readonly fields: readonly (readonly [string, number, number])[];
  readonly tableAt?: number;
  readonly stride?: number;
  readonly row?: readonly (readonly [string, number, number])[];
}

/** A structure's place: which struct it is by name, file offset, bytes, and what to call it. */
export type StructureData = readonly [struct: string, offset: number, size: number, name: string];

export interface RecordData {
  readonly key: string;
  /** The way it was found and, if it is not in force, the confidence. */
  readonly class: string;
  /** Further facts about an old record. */
  readonly note: string;
  readonly offset: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly hash: number;
  /** File offset of its bucket, and its element there. */
  readonly bucket: number;
  readonly element: number;
  /** The value's first bytes, in base64. */
  readonly preview: string;
}
