import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { check } from '../../src/examine.js';
import type { FindingCode } from '../../src/check/finding.js';
import { FINDING_CODES, KEPT_PER_CODE } from '../../src/check/finding.js';
import { describeFormat, LAYOUT_64, offsetSize } from '../../src/format/format.js';
import { FREE_HASH } from '../../src/format/hash.js';
import { memorySource } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';
import { fixture } from '../tools/fixtures.js';
import type { Used } from './specimen.js';
import { FREE_RANGES, Specimen } from './specimen.js';

/** Offset of the finding; one of several where the check may choose among them. */
type Place = number | null | readonly number[];

interface Damage {
  readonly code: FindingCode;
  readonly what: string;
  /** Damages the file; gives the place that the finding must name. */
  readonly damage: (s: Specimen) => Place | Promise<Place>;
}

const SPECIMENS = await Promise.all(
  FORMATS.filter(
    ({ variant, layout }) => variant === 'standard' || (variant === 'numsync' && layout === LAYOUT_64),
  ).map((format) => Specimen.make(format)),
);

/** The longest value in the first half of the records. */
function middleRecord(s: Specimen): Used {
  const inOrder = s.used().sort((a, b) => a.pointer - b.pointer);
  return inOrder.slice(5, inOrder.length / 2).sort((a, b) => b.dataSize - a.dataSize)[0];
}

const without = (bytes: Uint8Array, at: number, length: number) =>
  Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);

const within = (from: number, length: number) => Array.from({ length }, (_, i) => from + i);

const DAMAGES: readonly Damage[] = [
  {
    code: 'empty-file',
    what: 'a file of no bytes',
    damage: (s) => {
      s.resize(0);
      return null;
    },
  },
  {
    code: 'header-truncated',
    what: 'a file that ends inside its first block',
    damage: (s) => {
      s.resize(300);
      return null;
    },
  },
  { code: 'header-magic', what: 'a wrong magic', damage: (s) => setField(s, 'magic', 0x2bad2bad) },
  { code: 'header-block-size', what: 'a wrong block size', damage: (s) => setField(s, 'block_size', 77) },
  {
    code: 'header-directory-offset',
    what: 'a wrong offset of the directory',
    damage: (s) => {
      s.setOffset(s.headerAt('dir'), 12);
      return s.headerAt('dir');
    },
  },
  {
    code: 'header-lost',
    what: 'a header block of zeroes',
    damage: (s) => {
      s.fill(0, 512, 0);
      return 0;
    },
  },
  {
    code: 'file-transformed',
    what: 'a file of which the bytes of each pair were swapped',
    damage: (s) => {
      s.replace(Buffer.from(s.bytes).swap16());
      return null;
    },
  },
  {
    code: 'bytes-missing',
    what: 'a file without its first 700 bytes',
    damage: (s) => {
      s.replace(s.bytes.slice(700));
      return 0;
    },
  },
  {
    code: 'bytes-missing',
    what: 'a file without 300 bytes of its middle',
    damage: (s) => {
      const { pointer, keySize, dataSize } = middleRecord(s);
      s.replace(without(s.bytes, pointer + keySize + dataSize, 300));
      return within(pointer, 2000);
    },
  },
  {
    code: 'bytes-missing',
    what: 'a file into whose middle 300 bytes were put',
    damage: (s) => {
      const { pointer, keySize, dataSize } = middleRecord(s);
      const at = pointer + keySize + dataSize;
      s.replace(Buffer.concat([s.bytes.subarray(0, at), Buffer.alloc(300, 7), s.bytes.subarray(at)]));
      return within(pointer, 2000);
    },
  },
  {
    code: 'element-gone',
    what: 'a value of which bytes are missing',
    damage: (s) => {
      const { at, pointer, keySize, dataSize } = middleRecord(s);
      s.replace(without(s.bytes, pointer + keySize, dataSize));
      return at;
    },
  },
  {
    code: 'block-moved',
    what: 'two blocks full of records that changed places',
    damage: (s) => {
      const keys = new Map<number, number>();
      for (const { pointer } of s.used()) {
        const block = pointer - (pointer % 512);
        keys.set(block, (keys.get(block) ?? 0) + 1);
      }
      const [[a], [b]] = [...keys].sort(([, n], [, m]) => m - n);
      const first = s.bytes.slice(a, a + 512);
      s.bytes.copyWithin(a, b, b + 512);
      s.bytes.set(first, b);
      return a;
    },
  },
  {
    code: 'header-directory-size',
    what: 'a wrong size of the directory',
    damage: (s) => setField(s, 'dir_size', s.directoryBytes * 2),
  },
  {
    code: 'header-directory-size',
    what: 'a directory smaller than that of a new file',
    damage: (s) => {
      setField(s, 'dir_bits', 3);
      return setField(s, 'dir_size', 8 * offsetSize(s.format.layout));
    },
  },
  {
    code: 'header-directory-bits',
    what: 'wrong bits of the directory',
    damage: (s) => setField(s, 'dir_bits', 9),
  },
  { code: 'header-bucket-size', what: 'a wrong bucket size', damage: (s) => setField(s, 'bucket_size', 1) },
  {
    code: 'header-bucket-elements',
    what: 'a wrong number of elements in a bucket',
    damage: (s) => setField(s, 'bucket_elems', 0),
  },
  {
    code: 'header-next-block-low',
    what: 'a file longer than its header says',
    damage: (s) => {
      s.resize(s.size + 100);
      return s.headerAt('next_block');
    },
  },
  {
    code: 'header-next-block-high',
    what: 'a file shorter than its header says',
    damage: (s) => {
      s.resize(s.size - 10);
      return s.headerAt('next_block');
    },
  },
  {
    code: 'directory-lost',
    what: 'a directory of zeroes',
    damage: (s) => {
      s.fill(s.directoryAt, s.directoryAt + s.directoryBytes, 0);
      return s.directoryAt;
    },
  },
  {
    code: 'directory-at-end',
    what: 'a file that ends with its directory',
    damage: (s) => {
      s.resize(s.directoryAt + s.directoryBytes);
      return s.directoryAt;
    },
  },
  {
    code: 'directory-entry-invalid',
    what: 'a directory entry before the first possible bucket',
    damage: (s) => setEntry(s, 5, 99),
  },
  {
    code: 'directory-entry-invalid',
    what: 'a directory entry past the last possible bucket',
    damage: (s) => setEntry(s, 5, s.size - 511),
  },
  {
    code: 'directory-entry-wrong',
    what: 'a directory entry that leads to a bucket of other hashes',
    damage: (s) => setEntry(s, 0, s.directory.at(-1)!),
  },
  {
    code: 'directory-run',
    what: 'a bucket that has lost one of its slots',
    damage: (s) => {
      const { first } = bucketOfSlots(s, 4);
      setEntry(s, first + 1, 99);
      return s.entryAt(first);
    },
  },
  {
    code: 'bucket-header',
    what: "a bucket's impossible bits",
    damage: (s) => set(s, s.bucketFieldAt(anyBucket(s), 'bucket_bits'), -7),
  },
  {
    code: 'bucket-header',
    what: "a bucket's impossible count",
    damage: (s) => set(s, s.bucketFieldAt(anyBucket(s), 'count'), 12345),
  },
  {
    code: 'bucket-avail',
    what: "an impossible count of a bucket's free space",
    damage: (s) => set(s, s.bucketFieldAt(anyBucket(s), 'av_count'), 77),
  },
  {
    code: 'bucket-avail',
    what: "an entry of a bucket's free space that lies nowhere",
    damage: (s) => {
      set(s, s.bucketFieldAt(anyBucket(s), 'av_count'), 1);
      return set(s, s.bucketFieldAt(anyBucket(s), 'bucket_avail'), s.size);
    },
  },
  {
    code: 'bucket-count',
    what: "a bucket's count that is not the number of its elements",
    damage: (s) => {
      const at = s.bucketFieldAt(anyBucket(s), 'count');
      return set(s, at, s.int(at) - 1);
    },
  },
  {
    code: 'bucket-overlap',
    what: 'a bucket that lies on another one',
    damage: (s) => {
      // Read four bytes later the bucket's count stands where the bits are, which are never so many.
      const { bucket, first, slots } = bucketOfSlots(s, 2, ({ bucket }) => s.used(bucket).length > 6);
      setEntry(s, first + slots - 1, bucket + 4);
      return bucket + 4;
    },
  },
  {
    code: 'bucket-unread',
    what: 'a directory that leads to more buckets than the file has bytes for',
    damage: leadEverywhere,
  },
  {
    code: 'element-hash',
    what: 'an impossible hash',
    damage: (s) => set(s, s.used()[3].at, -5),
  },
  {
    code: 'element-wrong-bucket',
    what: 'an element in a bucket of other hashes',
    damage: (s) => {
      const buckets = [...new Set(s.directory)];
      const from = s.used(buckets[0])[0];
      const to = s.elementAt(buckets[1], s.free(buckets[1])[0]);
      s.copyElement(from.at, to);
      return to;
    },
  },
  {
    code: 'element-unreachable',
    what: 'an element that no lookup comes to',
    damage: (s) => {
      const { elements } = s.bucket(anyBucket(s));
      const atHome = s
        .used()
        .find(({ bucket, index, hash }) => index === hash % elements && s.free(bucket).length > 0)!;
      const to = s.elementAt(atHome.bucket, s.free(atHome.bucket)[0]);
      s.copyElement(atHome.at, to);
      s.setInt(atHome.at, FREE_HASH);
      return to;
    },
  },
  {
    code: 'element-bounds',
    what: 'a record that starts past the end',
    damage: (s) => {
      const { at } = s.used()[3];
      s.setOffset(s.elementFieldAt(at, 'data_pointer'), s.size + 1);
      return at;
    },
  },
  {
    code: 'element-bounds',
    what: 'a record that ends past the end',
    damage: (s) => {
      const { at, pointer, keySize } = s.used()[3];
      s.setInt(s.elementFieldAt(at, 'data_size'), s.size - pointer - keySize + 1);
      return at;
    },
  },
  {
    code: 'element-bounds',
    what: 'a key of a negative size',
    damage: (s) => {
      const { at } = s.used()[3];
      s.setInt(s.elementFieldAt(at, 'key_size'), -1);
      return at;
    },
  },
  {
    code: 'element-key-start',
    what: 'an element whose first bytes of the key are not those of the key',
    damage: (s) => {
      const { at } = s.used()[3];
      s.flip(s.elementFieldAt(at, 'key_start') + 3);
      return at;
    },
  },
  {
    code: 'element-unchecked',
    what: 'more bytes of keys than the file has',
    damage: (s) => {
      const huge = s.used().slice(0, 4);
      for (const { at } of huge) {
        s.setOffset(s.elementFieldAt(at, 'data_pointer'), 512);
        s.setInt(s.elementFieldAt(at, 'key_size'), s.size - 512);
        s.setInt(s.elementFieldAt(at, 'data_size'), 0);
      }
      return huge.map(({ at }) => at);
    },
  },
  {
    code: 'element-hash-wrong',
    what: 'a hash with one wrong bit',
    damage: (s) => {
      const { at } = s.used()[3];
      s.setInt(at, s.int(at) ^ 4);
      return at;
    },
  },
  {
    code: 'key-hash',
    what: 'a changed key',
    damage: (s) => {
      const { at, pointer } = s.used()[3];
      s.flip(pointer + 5);
      return at;
    },
  },
  {
    code: 'key-foreign-hash',
    what: 'keys that two kinds of machines stored',
    damage: async (s) => {
      const records = Array.from({ length: 20 }, (_, i) => ({
        key: Buffer.from(`schlüssel ${i}`),
        value: Buffer.of(i),
        hashChar: i < 3 ? ('unsigned' as const) : ('signed' as const),
      }));
      s.replace((await build(records, specFor(s.format))).bytes);
      return null;
    },
  },
  {
    code: 'key-duplicate',
    what: 'a key that is stored twice',
    damage: (s) => {
      const { at, bucket, index } = elementBeforeFree(s);
      const twin = s.elementAt(bucket, index + 1);
      s.copyElement(at, twin);
      return twin;
    },
  },
  {
    code: 'record-beyond-next-block',
    what: 'a record past the end that the header says',
    damage: (s) => {
      const last = s.used().reduce((a, b) => (endOf(b) > endOf(a) ? b : a));
      s.setOffset(s.headerAt('next_block'), endOf(last) - 1);
      return last.at;
    },
  },
  {
    code: 'avail-size',
    what: 'a wrong size of the table of free space',
    damage: (s) => setAt(s, s.availAt, s.availFieldAt(s.availAt, 'size'), 9999),
  },
  {
    code: 'avail-count',
    what: 'an impossible count of free ranges',
    damage: (s) => setAt(s, s.availAt, s.availFieldAt(s.availAt, 'count'), -3),
  },
  {
    code: 'avail-count',
    what: 'an impossible count of free ranges in the second table',
    damage: (s) => setAt(s, s.chainedAt, s.availFieldAt(s.chainedAt, 'count'), 5000),
  },
  {
    code: 'avail-entry',
    what: 'a free range inside the header block',
    damage: (s) => {
      s.setOffset(s.availAddressAt(s.chainedAt, 1), 40);
      return s.availEntryAt(s.chainedAt, 1);
    },
  },
  {
    code: 'avail-entry',
    what: 'a free range that ends past the end',
    damage: (s) => set(s, s.availEntryAt(s.chainedAt, 2), FREE_RANGES[2] + 1),
  },
  {
    code: 'avail-unsorted',
    what: 'a table of free space that is not in order',
    damage: (s) => {
      s.setInt(s.availEntryAt(s.chainedAt, 1), FREE_RANGES[0] - 1);
      return s.availEntryAt(s.chainedAt, 0);
    },
  },
  {
    code: 'avail-chain',
    what: 'a chain of free space that leads out of the file',
    damage: (s) => {
      s.setOffset(s.availFieldAt(s.chainedAt, 'next_block'), s.size);
      return s.chainedAt;
    },
  },
  {
    code: 'avail-chain',
    what: 'a chain of free space that leads into the header block',
    damage: (s) => {
      s.setOffset(s.availFieldAt(s.availAt, 'next_block'), 7);
      return s.availAt;
    },
  },
  {
    code: 'avail-loop',
    what: 'a chain of free space that leads back to its start',
    damage: (s) => {
      s.setOffset(s.availFieldAt(s.chainedAt, 'next_block'), s.availAt);
      return s.chainedAt;
    },
  },
  {
    code: 'avail-loop',
    what: 'a table of free space that leads to itself',
    damage: (s) => {
      s.setOffset(s.availFieldAt(s.chainedAt, 'next_block'), s.chainedAt);
      return s.chainedAt;
    },
  },
  {
    code: 'avail-overlap',
    what: 'free space that is listed twice',
    damage: (s) => {
      s.setOffset(s.availAddressAt(s.chainedAt, 0), s.freeAt + FREE_RANGES[0] + 20);
      return s.freeAt + FREE_RANGES[0] + 20;
    },
  },
  {
    code: 'avail-live',
    what: 'a record that is listed as free',
    damage: (s) => {
      const { pointer } = s.used()[3];
      s.setOffset(s.availAddressAt(s.chainedAt, 0), pointer);
      return pointer;
    },
  },
  {
    code: 'avail-live',
    what: 'a bucket that is listed as free',
    damage: (s) => {
      s.setOffset(s.availAddressAt(s.chainedAt, 0), anyBucket(s) + 50);
      return anyBucket(s) + 50;
    },
  },
  {
    code: 'space-overlap',
    what: 'a record that reaches into the next one',
    damage: (s) => {
      const inOrder = s.used().sort((a, b) => a.pointer - b.pointer);
      const { at, dataSize } = inOrder[10];
      s.setInt(s.elementFieldAt(at, 'data_size'), dataSize + 3);
      return inOrder[11].pointer;
    },
  },
  {
    code: 'space-unaccounted',
    what: 'free space that no table lists',
    damage: (s) => {
      s.setInt(s.availFieldAt(s.chainedAt, 'count'), 2);
      return s.freeAt + FREE_RANGES[0] + FREE_RANGES[1];
    },
  },
];

for (const { code, what, damage } of DAMAGES) {
  test(`${what}: found as ${code}, at its place`, async () => {
    const [severity] = FINDING_CODES[code];
    for (const sound of SPECIMENS) {
      const specimen = sound.copy();
      const place = await damage(specimen);
      const result = await check(memorySource(specimen.bytes));
      const found = result.findings.filter((one) => one.code === code);
      const about = `${describeFormat(sound.format)}: ${JSON.stringify(result.findings)}`;
      assert.ok(found.length > 0, about);
      const places = Array.isArray(place) ? (place as readonly (number | null)[]) : [place];
      assert.ok(
        found.some(({ offset }) => places.includes(offset)),
        `${JSON.stringify(place)} in ${about}`,
      );
      assert.equal(found.length, Math.min(result.findingCounts[code] ?? 0, KEPT_PER_CODE), about);
      for (const one of found) assert.equal(one.severity, severity);
      if (severity === 'error') assert.equal(result.verdict, 'damaged', about);
    }
  });
}

test('a sound file of every format gives no error and no warning, before it is damaged', async () => {
  for (const { bytes, format } of SPECIMENS) await requireSound(bytes, describeFormat(format));
});

test('the files of real machines give no error and no warning', async () => {
  const names = ['amd64', 'i386', 'arm64', 'armhf', 's390x', 'amd64-numsync', 's390x-numsync'];
  for (const name of names) await requireSound(await readFile(fixture(`${name}.db`)), name);
});

test('a finding is kept at most a hundred times and counted each time', async () => {
  const records = Array.from({ length: 300 }, (_, i) => ({
    key: Buffer.from(`key ${i}`),
    value: Buffer.of(i),
  }));
  const format = { layout: LAYOUT_64, byteOrder: 'little', variant: 'standard' } as const;
  const specimen = new Specimen((await build(records, specFor(format))).bytes, format);
  for (const { pointer } of specimen.used()) specimen.flip(pointer);
  const { findings, findingCounts } = await check(memorySource(specimen.bytes));
  assert.equal(findingCounts['key-hash'], 300);
  assert.equal(findings.filter(({ code }) => code === 'key-hash').length, 100);
});

test('every finding there is, save those of a running writer and of what is inside, is tried above', () => {
  const tried = new Set<string>(DAMAGES.map(({ code }) => code));
  // The command makes the one, of a file that changes between two looks; test/profile tries those of contents,
  // test/interop/machines those of other machines, test/check/image the one of an image,
  // test/repair/readings that of an interrupted creation, test/source/readaround the one of read errors,
  // test/check/lostbuckets the one of lost buckets, test/repair/compact the one of free space, and test/torture the one of a
  // bucket that is cut, which takes a file with records behind its buckets.
  const elsewhere =
    /^(changed-while-read|creation-interrupted|bucket-cut|image|bytes-unreadable|buckets-lost|space-mostly-free|foreign-.*|(value|flower|celerybeat)-.*|key-not-text)$/;
  const others = Object.keys(FINDING_CODES).filter((code) => !elsewhere.test(code));
  assert.deepEqual(
    others.filter((code) => !tried.has(code)),
    [],
  );
});

async function requireSound(bytes: Uint8Array, about: string): Promise<void> {
  const { verdict, findings } = await check(memorySource(bytes));
  assert.equal(verdict, 'healthy', `${about}: ${JSON.stringify(findings)}`);
  const notes = new Set(['space-unaccounted', 'avail-unsorted']);
  assert.deepEqual(
    findings.filter(({ code }) => !notes.has(code)),
    [],
    about,
  );
}

/** Sets an int, which is the place itself. */
function set(s: Specimen, at: number, value: number): number {
  return setAt(s, at, at, value);
}

/** Sets an int of a structure at `place`. */
function setAt(s: Specimen, place: number, at: number, value: number): number {
  s.setInt(at, value);
  return place;
}

function setField(
  s: Specimen,
  field: 'magic' | 'block_size' | 'dir_size' | 'dir_bits' | 'bucket_size' | 'bucket_elems',
  value: number,
): number {
  return set(s, s.headerAt(field), value);
}

function setEntry(s: Specimen, slot: number, offset: number): number {
  s.setOffset(s.entryAt(slot), offset);
  return s.entryAt(slot);
}

function anyBucket(s: Specimen): number {
  return s.directory[0];
}

function endOf({ pointer, keySize, dataSize }: Used): number {
  return pointer + keySize + dataSize;
}

/** A bucket that so many slots lead to. */
function bucketOfSlots(
  s: Specimen,
  slots: number,
  fits: (one: { bucket: number }) => boolean = () => true,
): { bucket: number; first: number; slots: number } {
  const { directory } = s;
  const all = [...new Set(directory)].map((bucket) => ({
    bucket,
    first: directory.indexOf(bucket),
    slots: directory.filter((entry) => entry === bucket).length,
  }));
  return all.find((one) => one.slots >= slots && fits(one))!;
}

/** An element in use right before a free one: a lookup that passes it comes there next. */
function elementBeforeFree(s: Specimen): Used {
  return s.used().find(({ bucket, index }) => s.free(bucket).includes(index + 1))!;
}

/** Makes of the file one whose directory leads to a bucket at every byte. */
function leadEverywhere(s: Specimen): readonly number[] {
  const bits = 10;
  const buckets = 512 + offsetSize(s.format.layout) * 2 ** bits;
  s.replace(Specimen.frame(s.format, buckets + 2 ** bits + 512, { block: 512, bits }).bytes);
  return Array.from({ length: 2 ** bits }, (_, slot) => {
    setEntry(s, slot, buckets + slot);
    return buckets + slot;
  });
}
