import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { DatabaseBuilder } from '../../src/write/builder.js';
import { BuildError } from '../../src/write/frame.js';
import type { Sink } from '../../src/write/sink.js';
import { memorySink } from '../../src/write/sink.js';
import { check } from '../../src/examine.js';
import { openDatabase } from '../../src/database/database.js';
import { Lookup } from '../../src/read/lookup.js';
import { describeFormat, LAYOUT_32, LAYOUT_64, LAYOUT_64_PACKED } from '../../src/format/format.js';
import { hashKey } from '../../src/format/hash.js';
import { readRecords } from '../../src/read/records.js';
import { memorySource } from '../../src/source/source.js';
import type { Source } from '../../src/source/source.js';
import { anyFormat, FORMATS } from '../format/formats.js';
import { anyRecords, build, heldBy, specFor, text } from '../build/build.js';
import { runs, sweepTest, SWEEP } from '../tools/effort.js';

const SEED = 20261205;
const GIB = 2 ** 30;

test('any records build into a healthy database of any format that holds exactly them', async () => {
  const any = {
    format: anyFormat,
    records: anyRecords(150),
    blockSize: fc.constantFrom(512, 1024, 2048, 4096),
    hashChar: fc.constantFrom('signed' as const, 'unsigned' as const),
    numsync: fc.integer({ min: 0, max: 0xffffffff }),
  };
  let split = 0;
  await fc.assert(
    fc.asyncProperty(fc.record(any), async ({ format, records, blockSize, hashChar, numsync }) => {
      const { bytes, result } = await build(records, specFor(format, blockSize, numsync), hashChar);
      const held = heldBy(records);
      assert.equal(result.records, held.size);
      assert.equal(result.duplicates, records.length - held.size);
      assert.equal(result.size, bytes.length);

      // 1. The check has nothing to say against it, and reads it as what it was built as.
      const checked = await check(memorySource(bytes));
      assert.deepEqual(
        checked.findings.filter(({ severity }) => severity !== 'note'),
        [],
      );
      assert.equal(checked.verdict, 'healthy');
      assert.equal(checked.records.count, held.size);
      assert.ok(checked.format);
      const { layout, byteOrder, variant, geometry, extended } = checked.format;
      assert.deepEqual({ layout, byteOrder, variant }, format);
      assert.deepEqual([geometry.blockSize, geometry.bucketSize], [blockSize, blockSize]);
      assert.equal(extended?.numsync, format.variant === 'numsync' ? numsync : undefined);
      const telling = records.some(({ key }) => hashKey(key, 'signed') !== hashKey(key, 'unsigned'));
      assert.equal(checked.format.hashChar, telling ? hashChar : 'undetermined');
      if (checked.records.buckets > 1) split++;

      // 2. Walking finds each record once, looking up finds each key.
      const db = await openDatabase(memorySource(bytes));
      assert.ok(db);
      const walked: [string, string][] = [];
      for await (const record of readRecords(db))
        walked.push([text(record.key), text(await record.readValue())]);
      assert.deepEqual(walked.sort(), [...held].sort());
      const lookup = new Lookup(db);
      for (const { key } of records) {
        const found = await lookup.find(key);
        assert.ok(found, `key ${text(key)} found`);
        const value = bytes.subarray(found.valueOffset, found.valueOffset + found.valueSize);
        assert.equal(text(value), held.get(text(key)));
      }
      const stranger = Buffer.from('a key that no generator makes, by its length');
      assert.equal(await lookup.find(stranger), undefined);
    }),
    { seed: SEED, numRuns: runs(90) },
  );
  assert.ok(split > (SWEEP ? 20 : 1), `${split} databases of several buckets`);
});

test('of many keys with one hash each is held once, with the value that came first', async () => {
  const key = (n: number) => {
    const bytes = Buffer.alloc(48, 64);
    for (const [at, more] of [
      [0, n % 20],
      [24, -(n % 20)],
      [1, Math.floor(n / 20)],
      [25, -Math.floor(n / 20)],
    ])
      bytes[at] += more;
    return bytes;
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(199), { minLength: 150, maxLength: 400, size: 'max' }),
      async (numbers) => {
        const records = numbers.map((n, i) => ({ key: key(n), value: Buffer.from(`value ${i}`) }));
        assert.equal(new Set(records.map(({ key }) => hashKey(key, 'signed'))).size, 1);
        const { bytes, result } = await build(records, specFor(FORMATS[0], 16384));
        const held = heldBy(records);
        assert.equal(result.records, held.size);
        const db = await openDatabase(memorySource(bytes));
        assert.ok(db);
        const walked: [string, string][] = [];
        for await (const record of readRecords(db))
          walked.push([text(record.key), text(await record.readValue())]);
        assert.deepEqual(walked.sort(), [...held].sort());
      },
    ),
    { seed: SEED, numRuns: runs(30) },
  );
});

test('an empty database of every format is healthy', async () => {
  for (const format of FORMATS) {
    const { bytes, result } = await build([], specFor(format, 4096));
    assert.equal(result.records, 0);
    const checked = await check(memorySource(bytes));
    assert.equal(checked.verdict, 'healthy', describeFormat(format));
    assert.equal(checked.records.count, 0);
  }
});

test('thousands of records are each found again', async () => {
  const records = Array.from({ length: 8_000 }, (_, i) => ({
    key: Buffer.from(`key ${i}`),
    value: Buffer.from(`${i * i}`),
  }));
  const { bytes } = await build(records, specFor(FORMATS[0]));
  const db = await openDatabase(memorySource(bytes));
  assert.ok(db);
  const lookup = new Lookup(db);
  for (const { key, value } of records) {
    const found = await lookup.find(key);
    assert.ok(found);
    assert.equal(text(await db.source.read(found.valueOffset, found.valueSize)), text(value));
  }
  assert.equal((await check(db.source)).verdict, 'healthy');
});

test('of two large keys that differ in their last byte both are kept, and a third like the first is not', async () => {
  const size = 3 << 20;
  const key = (last: number) => {
    const bytes = new Uint8Array(size).fill(0x61);
    bytes[size - 1] = last;
    return bytes;
  };
  const sink = memorySink();
  const builder = new DatabaseBuilder(sink, specFor(FORMATS[0]));
  // The same hash for all, so that only the keys themselves tell them apart.
  for (const last of [1, 2, 1]) {
    await builder.add({ hash: 77, keySize: size, dataSize: 0, bytes: key(last) });
  }
  assert.deepEqual(await builder.finish(), { records: 2, duplicates: 1, crowded: 0, size: sink.size });
});

test('a record that comes in pieces is stored as if it came whole', async () => {
  const record = fc.record({
    key: fc.uint8Array({ maxLength: 30 }),
    value: fc.uint8Array({ maxLength: 60 }),
    cuts: fc.array(fc.nat(90), { maxLength: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 6 }), async (records) => {
      const whole = await build(records, specFor(FORMATS[0]));
      const sink = memorySink();
      const builder = new DatabaseBuilder(sink, specFor(FORMATS[0]));
      for (const { key, value, cuts } of records) {
        const bytes = Buffer.concat([key, value]);
        const places = [
          0,
          ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
          bytes.length,
        ];
        await builder.add({
          hash: hashKey(key, 'signed'),
          keySize: key.length,
          dataSize: value.length,
          bytes: pieces(places.slice(1).map((end, i) => bytes.subarray(places[i], end))),
        });
      }
      await builder.finish();
      assert.equal(Buffer.compare(sink.bytes(), whole.bytes), 0);
    }),
    { seed: SEED, numRuns: runs(60) },
  );
});

test('records that are added many at once are stored as if each were added by itself, and keys that come again are found', async () => {
  const LARGE = 1 << 16;
  // Keys with bytes that have another hash where a char is signed, and such that are looked at whole, or as they come.
  const anyKey = fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    { weight: 1, arbitrary: fc.nat(3).map((n) => Uint8Array.of(0x61, n, 0xe9)) },
    fc
      .tuple(fc.constantFrom(LARGE - 1, LARGE, LARGE + 1), fc.nat(1))
      .map(([size, last]) => new Uint8Array(size).fill(0xe9).fill(last, size - 1)),
  );
  const record = fc.record({
    key: anyKey,
    value: fc.uint8Array({ maxLength: 30 }),
    together: fc.boolean(),
  });
  let duplicates = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { maxLength: 24, size: 'max' }),
      fc.constantFrom('signed' as const, 'unsigned' as const),
      async (records, hashChar) => {
        const [one, many] = [memorySink(), memorySink()];
        const byOne = new DatabaseBuilder(one, specFor(FORMATS[0]));
        const byMany = new DatabaseBuilder(many, specFor(FORMATS[0]));
        for (let i = 0; i < records.length;) {
          let end = i;
          while (end < records.length && records[end].together) end++;
          const run = records.slice(i, Math.max(end, i + 1));
          for (const { key, value } of run) {
            const stored = { hash: hashKey(key, hashChar), keySize: key.length, dataSize: value.length };
            await byOne.add({ ...stored, bytes: Buffer.concat([key, value]) });
            if (end === i)
              await byMany.add({ ...stored, bytes: pieces([key.subarray(0, 2), key.subarray(2), value]) });
          }
          if (end > i) {
            // Not at the start of their memory, of which a run knows only where it begins.
            const bytes = Buffer.concat([
              Buffer.from('abc'),
              ...run.flatMap(({ key, value }) => [key, value]),
            ]);
            const keySizes = Int32Array.from(run, ({ key }) => key.length);
            const dataSizes = Int32Array.from(run, ({ value }) => value.length);
            await byMany.addRun({ bytes, keySizes, dataSizes }, 0, run.length, 3, hashChar);
          }
          i += run.length;
        }
        const result = await byMany.finish();
        assert.deepEqual(result, await byOne.finish());
        assert.equal(result.records, new Set(records.map(({ key }) => text(key))).size);
        duplicates += result.duplicates;
        assert.equal(Buffer.compare(many.bytes(), one.bytes()), 0);
      },
    ),
    { seed: SEED, numRuns: runs(60) },
  );
  assert.ok(duplicates > (SWEEP ? 50 : 5), `${duplicates} keys that came again`);
});

test('a record whose bytes are not as many as it says is refused', async () => {
  for (const bytes of [Buffer.from('keyvalu'), Buffer.from('keyvalue.')]) {
    const builder = new DatabaseBuilder(memorySink(), specFor(FORMATS[0]));
    await assert.rejects(builder.add({ hash: 1, keySize: 3, dataSize: 5, bytes }), BuildError);
  }
});

test('sizes and hashes that no database can have are refused', async () => {
  const [spec] = FORMATS.map((format) => specFor(format));
  for (const wrong of [
    { blockSize: 0 },
    { blockSize: 64 },
    { blockSize: NaN },
    { blockSize: 2 ** 31 },
    { bucketSize: 1 },
    { bucketSize: 0.5 },
    { bucketSize: 2 ** 31 },
  ]) {
    assert.throws(() => new DatabaseBuilder(memorySink(), { ...spec, ...wrong }), BuildError);
  }
  for (const hash of [-1, 2 ** 31, 1.5, NaN]) {
    const builder = new DatabaseBuilder(memorySink(), spec);
    await assert.rejects(builder.add({ hash, keySize: 0, dataSize: 0, bytes: Buffer.from('') }), BuildError);
  }
  for (const [keySize, dataSize] of [
    [-1, 3],
    [1.5, 0.5],
    [NaN, 2],
    [2, NaN],
  ]) {
    const builder = new DatabaseBuilder(memorySink(), spec);
    await assert.rejects(builder.add({ hash: 1, keySize, dataSize, bytes: new Uint8Array(2) }), BuildError);
  }
});

test('a key or a value that is larger than an element can tell is refused before any of it is written', async () => {
  const endless = async function* () {
    for (;;) yield new Uint8Array(1 << 20);
  };
  for (const [keySize, dataSize] of [
    [1, 2 ** 31],
    [2 ** 31, 1],
  ]) {
    const sink = discardingSink();
    const builder = new DatabaseBuilder(sink, specFor(FORMATS[0]));
    await assert.rejects(builder.add({ hash: 1, keySize, dataSize, bytes: endless() }), BuildError);
    assert.equal(sink.size, 0);
  }
});

test('of a record in pieces that have no end no more is taken than it says', async () => {
  const closed: string[] = [];
  const endless = async function* () {
    try {
      for (let i = 0; i < 100; i++) yield new Uint8Array(1000);
    } finally {
      closed.push('pieces');
    }
  };
  const sink = discardingSink();
  const builder = new DatabaseBuilder(sink, specFor(FORMATS[0]));
  const record = { hash: 1, keySize: 3, dataSize: 1500, bytes: endless() };
  await assert.rejects(builder.add(record), /expected a record of 3 \+ 1500 bytes, found 2000 or more/);
  assert.deepEqual(closed, ['pieces']);
});

test('of more records of one hash than a bucket holds the first are kept, and the rest counted', async () => {
  const sink = memorySink();
  const builder = new DatabaseBuilder(sink, { ...specFor(FORMATS[0]), maxDirectoryBits: 10 });
  for (let i = 0; i < 17; i++) {
    await builder.add({ hash: 5, keySize: 1, dataSize: 0, bytes: Uint8Array.of(i) });
  }
  const { records, crowded } = await builder.finish();
  assert.deepEqual([records, crowded], [16, 1]);
  // The directory did not grow to tell apart what cannot be told apart.
  assert.ok(sink.size < 16 * 1024, `${sink.size} bytes`);
});

test('a database of more than 2 GiB is refused where offsets have 32 bits', async () => {
  for (const byteOrder of ['little', 'big'] as const) {
    const sink = discardingSink();
    const format = { layout: LAYOUT_32, byteOrder, variant: 'standard' } as const;
    const builder = new DatabaseBuilder(sink, specFor(format, 4096));
    await addHuge(builder, 'first', GIB);
    await assert.rejects(addHuge(builder, 'second', GIB), BuildError);
    assert.ok(sink.size < 2 * GIB);
  }
});

test('the directory and the buckets count too where offsets have 32 bits', async () => {
  const format = { layout: LAYOUT_32, byteOrder: 'little', variant: 'standard' } as const;
  const builder = new DatabaseBuilder(discardingSink(), specFor(format, 4096));
  await addHuge(builder, 'k', 2 * GIB - 4096 - 1 - 100);
  await assert.rejects(builder.finish(), BuildError);
});

for (const layout of [LAYOUT_64, LAYOUT_64_PACKED]) {
  for (const byteOrder of ['little', 'big'] as const) {
    const format = { layout, byteOrder, variant: 'standard' } as const;
    const isUsual = layout === LAYOUT_64 && byteOrder === 'little';
    (isUsual ? test : sweepTest)(
      `a database of more than 4 GiB is read right: ${describeFormat(format)}`,
      async () => {
        const sink = discardingSink();
        const builder = new DatabaseBuilder(sink, specFor(format, 4096));
        const sizes = [2 ** 31 - 100, 2 ** 31 - 200, 1 << 20];
        for (const [i, size] of sizes.entries()) {
          await addHuge(builder, `huge ${i}`, size);
          const bytes = Buffer.from(`small ${i}and its value`);
          await builder.add({
            hash: hashKey(bytes.subarray(0, 7), 'signed'),
            keySize: 7,
            dataSize: 13,
            bytes,
          });
        }
        const { size, records } = await builder.finish();
        assert.equal(records, 6);
        assert.ok(size > 4 * GIB, `${size}`);
        const db = await openDatabase(sink);
        assert.ok(db);
        assert.deepEqual(db.format, format);
        assert.equal(db.header.next_block, size);
        assert.ok(db.directory.every((offset) => offset > 4 * GIB));
        const lookup = new Lookup(db);
        for (const [i, valueSize] of sizes.entries()) {
          const huge = await lookup.find(Buffer.from(`huge ${i}`));
          assert.equal(huge?.valueSize, valueSize);
          const small = await lookup.find(Buffer.from(`small ${i}`));
          assert.ok(small);
          assert.equal(text(await sink.read(small.valueOffset, small.valueSize)), 'and its value');
          assert.equal(small.valueOffset, huge.valueOffset + valueSize + 7);
        }
        assert.equal((await check(sink)).verdict, 'healthy');
      },
    );
  }
}

async function* pieces(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

/** The content of huge values, which a sink need not keep. */
const FILLER = new Uint8Array(4 << 20).fill(0x2e);

/** Adds a record whose value costs no memory. */
async function addHuge(builder: DatabaseBuilder, key: string, dataSize: number): Promise<void> {
  const keyBytes = Buffer.from(key);
  async function* bytes() {
    yield keyBytes;
    for (let left = dataSize; left > 0; left -= FILLER.length) yield FILLER.subarray(0, left);
  }
  await builder.add({
    hash: hashKey(keyBytes, 'signed'),
    keySize: keyBytes.length,
    dataSize,
    bytes: bytes(),
  });
}

/** A sink that keeps what is no filler, however far out it is written. */
function discardingSink(): Sink {
  const kept: { offset: number; bytes: Uint8Array }[] = [];
  let size = 0;
  const source: Source = {
    get size() {
      return size;
    },
    async read(offset, length) {
      const read = new Uint8Array(length).fill(FILLER[0]);
      for (const { offset: start, bytes } of kept) {
        const from = Math.max(start, offset);
        const to = Math.min(start + bytes.length, offset + length);
        if (from < to) read.set(bytes.subarray(from - start, to - start), from - offset);
      }
      return read;
    },
  };
  return {
    ...source,
    get size() {
      return size;
    },
    async write(offset, bytes) {
      const isFiller = Buffer.compare(bytes, FILLER.subarray(0, bytes.length)) === 0;
      if (!isFiller) kept.push({ offset, bytes: bytes.slice() });
      size = Math.max(size, offset + bytes.length);
    },
  };
}
