/**
 * `error`: data or opening is at risk. `warning`: libgdbm copes. `note`: worth knowing, nothing to do.
 */
export type Severity = 'error' | 'warning' | 'note';

/**
 * Each code, stable for programs: how bad it is and what follows from it. A repair corrects no field: it writes the records
 * that are proved into a fresh file (src/repair.ts), so that no finding about a structure outlives it.
 */
export const FINDING_CODES = {
  'empty-file': [
    'error',
    'The file holds nothing. Python refuses to open it; libgdbm makes a new database of it when it may write.',
  ],
  'creation-interrupted': [
    'error',
    'The database was being created and never held a record, as where the volume was full; no program can open it.',
  ],
  'file-transformed': [
    'error',
    'No program can read it so. It was read with this undone: all sizes and offsets are those of the file before.',
  ],
  'header-truncated': ['error', 'The file ends inside its first block; no program can open it.'],
  'header-lost': ['error', 'libgdbm does not open the file; what is left of it is found by its structure.'],
  'bytes-missing': [
    'error',
    'Every offset from there on is wrong by so many bytes; offsets given here are those that the bytes had before.',
  ],
  image: [
    'error',
    'A repair in its place would throw away all that is not of this database: take the files out, or name another file, -o OUT.',
  ],
  'bytes-unreadable': [
    'error',
    'What is in them is lost to this copy. ddrescue may read more: copy the file with it, and repair the copy.',
  ],
  'block-moved': [
    'error',
    'libgdbm does not find what is in it; offsets given here are those at which the bytes belong.',
  ],
  'header-magic': ['error', 'libgdbm does not recognise the file and refuses to open it.'],
  'header-block-size': ['error', 'libgdbm refuses to open the file, or reads blocks of the wrong size.'],
  'header-directory-offset': [
    'error',
    'libgdbm refuses to open the file, or looks for buckets in the wrong place.',
  ],
  'header-directory-size': [
    'error',
    'libgdbm refuses to open the file, or looks for keys in the wrong buckets.',
  ],
  'header-directory-bits': [
    'error',
    'libgdbm refuses to open the file, or looks for keys in the wrong buckets.',
  ],
  'header-bucket-size': ['error', 'libgdbm refuses to open the file, or reads buckets of the wrong size.'],
  'header-bucket-elements': ['error', 'libgdbm refuses to open the file.'],
  'header-next-block-low': [
    'error',
    'libgdbm takes what is behind it for unused and refuses to work with the file. A writer that died while it was adding to the file leaves it so.',
  ],
  'header-next-block-high': [
    'warning',
    'The end of the file is missing or was never written. By this alone libgdbm does not refuse the file.',
  ],
  'foreign-format': [
    'error',
    'libgdbm of the machine in question does not open the file; that of machines that write this format does.',
  ],
  'foreign-keys': [
    'error',
    'libgdbm of the machine in question opens the file, does not find these keys, and ends a walk at the first of them.',
  ],
  'buckets-lost': [
    'error',
    'Records that are found come from older buckets: values may be outdated, and deleted records may be among them.',
  ],
  'directory-lost': ['error', 'No bucket can be found through it; libgdbm finds no key, or the wrong ones.'],
  'directory-at-end': ['error', 'libgdbm refuses to open a file that ends with its directory.'],
  'directory-entry-invalid': ['error', 'Keys whose hashes belong to these slots cannot be found.'],
  'directory-entry-wrong': [
    'error',
    'Keys whose hashes belong to these slots are looked for in the wrong bucket.',
  ],
  'directory-run': ['error', 'The next split of this bucket writes wrong directory entries.'],
  'bucket-header': ['error', 'libgdbm refuses to read the bucket; its keys cannot be found.'],
  'bucket-avail': ['error', 'libgdbm refuses to read the bucket; its keys cannot be found.'],
  'bucket-count': [
    'error',
    'The record count is wrong, and the bucket is split too early or, worse, too late.',
  ],
  'bucket-cut': ['error', 'The elements whose bytes are gone tell nothing of their records, which are lost.'],
  'bucket-overlap': ['error', 'Two buckets claim the same bytes; writing one destroys the other.'],
  'bucket-unread': [
    'error',
    'The directory leads to more bytes of buckets than the file holds; the rest of them was not looked at.',
  ],
  'element-hash': ['error', 'The element is in use but its hash is impossible; its record cannot be found.'],
  'element-hash-wrong': [
    'error',
    'Nothing but the hash is wrong, and a repair keeps the record. A lookup does not find its key; a walk by libgdbm stops there.',
  ],
  'element-wrong-bucket': ['error', 'A lookup of its key goes to another bucket and does not find it.'],
  'element-unreachable': ['error', 'A lookup stops before it gets to the element; walking finds it.'],
  'element-bounds': ['error', 'The record lies outside the file; libgdbm fails when it comes to it.'],
  'element-key-start': ['error', 'A lookup compares these bytes first and does not find the key.'],
  'element-gone': [
    'error',
    'Bytes are missing from the file, or were put into it, where the record is; its value is not as it was stored.',
  ],
  'element-unchecked': [
    'error',
    'The elements claim more bytes of keys than the file holds; the rest of them was not looked at.',
  ],
  'key-hash': [
    'error',
    'The key or the hash of its element is not what was stored, and which of them cannot be told; it cannot be found.',
  ],
  'key-foreign-hash': [
    'error',
    'The key was stored by another kind of machine, with another hash; it cannot be found here.',
  ],
  'key-duplicate': ['error', 'A lookup finds only one of the records; the other one is never seen.'],
  'record-beyond-next-block': ['warning', 'It is in space that the header calls unused.'],
  'avail-size': ['error', 'libgdbm refuses to open the file.'],
  'avail-count': ['error', 'libgdbm refuses to open the file, or to store into it.'],
  'avail-entry': [
    'error',
    'libgdbm refuses the table; it may not open, or fail when it next looks for space.',
  ],
  'avail-unsorted': ['note', 'Versions up to 1.15 left tables so; libgdbm sorts them when it reads them.'],
  'avail-chain': ['error', 'libgdbm fails when it next needs space from this part of the chain.'],
  'avail-loop': ['error', 'libgdbm gives the same space away again and again, over records that are in use.'],
  'avail-overlap': ['error', 'The same space is listed as free twice; two records will be written into it.'],
  'avail-live': ['error', 'Space in use is listed as free; the next record stored there destroys it.'],
  'space-overlap': ['error', 'Two structures or records claim the same bytes; at most one of them is right.'],
  'space-unaccounted': [
    'note',
    'Nothing uses this space and libgdbm will not use it again; it does no harm. A copy by repair -o has none.',
  ],
  'space-mostly-free': [
    'note',
    'Most of the file is free space, as after many deletions; libgdbm uses it again, and never gives it back. compact does.',
  ],
  'value-pickle': [
    'error',
    'Python cannot load the value, or loads another one than was stored; the offset is that of the opcode.',
  ],
  'value-not-pickle': ['error', 'Python cannot load the value: nothing in it speaks for a pickle.'],
  'value-old-pickle': [
    'warning',
    'It may be a pickle of protocol 0 or 1, as Python 2 wrote them; whether it is whole was not looked at.',
  ],
  'value-kind': ['warning', 'The program may load it and fail when it uses it.'],
  'value-unread': [
    'error',
    'The records claim more bytes of values than the file holds; the rest of them was not looked at.',
  ],
  'key-not-text': ['error', 'Python ends with UnicodeDecodeError when it goes through the keys.'],
  'flower-events-missing': [
    'error',
    'Flower loads events from every database that is not empty, and ends with KeyError or starts with nothing.',
  ],
  'flower-events-damaged': [
    'error',
    'Flower ends with an unpickling error when it starts, or starts with nothing; the offset is that of the opcode.',
  ],
  'flower-counter-damaged': [
    'error',
    'Flower 2.2 starts with nothing because of it, although events is not part of it; older versions do not read it.',
  ],
  'celerybeat-entry-missing': [
    'error',
    'celery beat starts without the times of the last runs: it clears the schedule, or makes an empty one.',
  ],
  'celerybeat-entry-damaged': [
    'error',
    'celery beat ends with an unpickling error when it starts; the offset is that of the opcode.',
  ],
  'changed-while-read': [
    'warning',
    'A program wrote to the file during the check, which was repeated for some seconds if the file looked damaged; look again when it is at rest.',
  ],
} as const satisfies Record<string, readonly [Severity, string]>;

/** Stable code of a finding; docs/findings.md explains each. */
export type FindingCode = keyof typeof FINDING_CODES;

/** One violated invariant. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** File offset of the field or structure; null where it is about the file as a whole. */
  readonly offset: number | null;
  /** Value or structure that was found there, as text. */
  readonly found: string;
  /** Value or structure that is correct there, as text. */
  readonly expected: string;
  /** Consequence of the violation, as text. */
  readonly consequence: string;
  /** The code of the finding that explains this one; undefined where it stands by itself. */
  readonly cause?: FindingCode;
}

/**
 * Makes a finding; its severity and consequence belong to its code.
 *
 * @param cause the code of the finding that explains it
 */
export function finding(
  code: FindingCode,
  offset: number | null,
  found: string | number,
  expected: string | number,
  cause?: FindingCode,
): Finding {
  const [severity, consequence] = FINDING_CODES[code];
  const made = { code, severity, offset, found: String(found), expected: String(expected), consequence };
  return cause === undefined ? made : { ...made, cause };
}

/** Findings of a database that is in order, but for another kind of machine. */
const FOREIGN: ReadonlySet<FindingCode> = new Set(['foreign-format', 'foreign-keys']);

/** Returns the verdict of findings: `foreign` if the only errors are that the file is for another kind of machine. */
export function verdictOf(findings: FindingList): 'healthy' | 'foreign' | 'damaged' {
  const errors = findings.kept.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return 'healthy';
  return errors.every(({ code }) => FOREIGN.has(code)) ? 'foreign' : 'damaged';
}

/** Maximum number of findings kept in full for each code and cause; a wrecked file has millions. */
export const KEPT_PER_CODE = 100;

/** Number of findings that each cause explains, by code. */
export type ExplainedCounts = Partial<Record<FindingCode, Partial<Record<FindingCode, number>>>>;

/**
 * Collects findings in order of arrival: counts all, and keeps the first {@link KEPT_PER_CODE} of each code and
 * cause.
 */
export class FindingList {
  readonly kept: Finding[] = [];
  readonly counts = new Map<FindingCode, number>();
  readonly explained: ExplainedCounts = {};

  add(findings: Iterable<Finding>): void {
    for (const one of findings) {
      const { code, cause } = one;
      this.counts.set(code, (this.counts.get(code) ?? 0) + 1);
      if (cause !== undefined) {
        const explained = (this.explained[cause] ??= {});
        explained[code] = (explained[code] ?? 0) + 1;
      }
      const count = countOf(this.counts.get(code)!, this.explained, code, cause);
      if (count <= KEPT_PER_CODE) this.kept.push(one);
    }
  }

  has(severity: Severity): boolean {
    return this.kept.some((one) => one.severity === severity);
  }

  /** Tells whether there is a finding of a code that no other finding explains. */
  standsByItself(code: FindingCode): boolean {
    return countOf(this.counts.get(code) ?? 0, this.explained, code, undefined) > 0;
  }
}

/** Returns how many findings of a code a cause explains; without a cause, how many no other finding explains. */
function countOf(
  all: number,
  explained: ExplainedCounts,
  code: FindingCode,
  cause: FindingCode | undefined,
): number {
  if (cause !== undefined) return explained[cause]?.[code] ?? 0;
  return Object.values(explained).reduce((rest, counts) => rest - (counts[code] ?? 0), all);
}

/** Place of a finding, with the found and the expected value. */
export type FindingPlace = Pick<Finding, 'offset' | 'found' | 'expected'>;

/**
 * Findings of one code that stand by themselves, or that one cause explains. Its fields of a finding are those of the
 * first.
 */
export interface FindingGroup extends Omit<Finding, 'cause'> {
  /** Number of findings in the group. */
  readonly count: number;
  /** Places of the first {@link KEPT_PER_CODE} findings. */
  readonly places: readonly FindingPlace[];
  /** Groups of findings that this group explains. */
  readonly consequences: readonly FindingGroup[];
}

/** Findings as a check gives them. */
interface CountedFindings {
  readonly findings: readonly Finding[];
  readonly findingCounts: Partial<Record<FindingCode, number>>;
  readonly explainedCounts?: ExplainedCounts | undefined;
}

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note'];
const bySeverity = (a: { severity: Severity }, b: { severity: Severity }) =>
  SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity);

/**
 * Groups findings: one entry for each code that stands by itself, the worst first, with the findings that it explains
 * under it. An entry is as severe as the worst finding under it.
 */
export function groupFindings(result: CountedFindings): FindingGroup[] {
  const { findings, findingCounts, explainedCounts = {} } = result;
  const kinds = new Map<string, Finding[]>();
  for (const one of findings) {
    const kind = `${one.cause ?? ''} ${one.code}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), one]);
  }
  const groups = [...kinds.values()].map((alike) => {
    const { cause, ...own } = alike[0];
    const places = alike.map(({ offset, found, expected }) => ({ offset, found, expected }));
    const count = countOf(findingCounts[own.code] ?? places.length, explainedCounts, own.code, cause);
    const group: FindingGroup = { ...own, count, places, consequences: [] };
    return { cause, group };
  });
  const byItself = new Set(groups.filter(({ cause }) => cause === undefined).map(({ group }) => group.code));
  // Follow a cause that has a cause itself up to the one that stands by itself.
  const rootOf = (
    cause: FindingCode | undefined,
    seen: readonly FindingCode[] = [],
  ): FindingCode | undefined => {
    if (cause === undefined || byItself.has(cause)) return cause;
    const above = groups.find(({ group }) => group.code === cause)?.cause;
    return seen.includes(cause) ? undefined : rootOf(above, [...seen, cause]);
  };
  const rooted = groups.map(({ cause, group }) => ({ root: rootOf(cause), group }));
  const top = rooted.filter(({ root }) => root === undefined).map(({ group }) => group);
  return top
    .map((group) => {
      const consequences = rooted.filter(({ root }) => root === group.code).map((one) => one.group);
      const [worst] = [group, ...consequences].sort(bySeverity);
      return { ...group, severity: worst.severity, consequences: consequences.sort(bySeverity) };
    })
    .sort(bySeverity);
}
