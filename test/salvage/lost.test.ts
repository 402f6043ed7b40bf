import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { BucketView } from '../../src/format/bucket.js';
import { repair } from '../../src/repair.js';
import { memorySource } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';
import { cli, joined } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { Random } from '../tools/random.js';

const FORMAT = FORMATS[0];

/** A database of records whose keys are `k000`, `k001` and so on, with the offsets of its buckets. */
async function numbered(count: number, value: (n: number) => Uint8Array, blockSize = 512) {
  const records = Array.from({ length: count }, (_, n) => {
    return { key: Buffer.from(`k${String(n).padStart(3, '0')}`), value: value(n) };
  });
  const { bytes } = await build(records, specFor(FORMAT, blockSize));
  const db = await openDatabase(memorySource(bytes));
  return { bytes, db: db!, buckets: [...new Set(db!.directory)] };
}

test('a share of just so much is let pass, and one of less is not', async (t) => {
  const { bytes, db, buckets } = await numbered(100, () => Buffer.from('value'));
  // 29 of 100: 0.29 × 100 is less than 29 in binary. Of damaged keys it would be estimated how many values are, too.
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let left = 29;
  for (const at of buckets) {
    const bucket = new BucketView(bytes.subarray(at, at + 512), FORMAT, db.geometry.bucketElements);
    for (let i = 0; i < bucket.elements; i++) {
      if (bucket.hash(i) !== -1 && left-- > 0) view.setInt32(at + bucket.elementOffset(i), -2, true);
    }
  }
  const path = join(await temporaryFolder(t), 'state.db');
  await writeFile(path, bytes);
  for (const [limit, code] of [
    ['28.9%', 1],
    ['28', 1],
    ['29%', 0],
    ['29', 0],
  ] as const) {
    const output = `${path}.${limit}`;
    const done = await cli(['repair', '--no-lock', '--max-loss', limit, '-o', output, path]);
    assert.equal(done.code, code, done.stdout);
    assert.equal(
      await stat(output).then(
        () => 0,
        () => 1,
      ),
      code,
      'written only where it is allowed',
    );
  }
  const { stdout } = await cli(['repair', '--no-lock', '--findings', '--max-loss', '7%', path]);
  assert.match(
    joined(stdout),
    /At most 7 % of the records may be lost, but 29 of 100 would be\. Nothing was changed/,
  );
  assert.match(
    joined(stdout),
    /a key of 4 bytes that begins "k0\d\d" and a value of 5, at \d+.*its hash is impossible/,
  );
});

test('a record whose place is missing from the file has no offset there, but the one that it had', async (t) => {
  const { bytes } = await numbered(400, (n) => Buffer.from(`value ${n} `.repeat(20)), 4096);
  const path = join(await temporaryFolder(t), 'state.db');
  const middle = Math.floor(bytes.length / 2);
  await writeFile(path, Buffer.concat([bytes.subarray(0, middle), bytes.subarray(middle + 1024)]));
  const { stdout } = await cli(['salvage', '--json', path]);
  interface Line {
    readonly reason?: string;
    readonly offset: number | null;
    readonly offsetBefore?: number;
  }
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  const gone = lines.filter(({ offset }) => offset === null);
  assert.ok(gone.length > 0, stdout);
  for (const { reason, offsetBefore } of gone) {
    assert.equal(reason, 'gone');
    assert.ok(offsetBefore! >= middle - 1024 && offsetBefore! < middle + 1024, String(offsetBefore));
  }
  assert.ok(lines.every(({ offset }) => offset === null || offset >= 0));
  const text = await cli(['salvage', path]);
  assert.equal(text.stdout.match(/ bytes gone from \d+ /g)?.length, gone.length);
});

test('a bucket that is overwritten counts each of its records once, as an estimate', async (t) => {
  const { bytes, buckets } = await numbered(400, () => Buffer.from('value'), 4096);
  bytes.set(new Random(5).bytes(4096), buckets[0]);
  const path = join(await temporaryFolder(t), 'state.db');
  await writeFile(path, bytes);
  const result = await repair(path, { lock: false, output: `${path}.fresh` });
  assert.ok(result.kept < 400);
  assert.equal(result.lost.records, 0, 'what stands there now was no element');
  const missing = 400 - result.kept;
  assert.ok(
    Math.abs(result.lost.estimated! - missing) < 0.35 * missing,
    `${result.lost.estimated} of ${missing}`,
  );
});

test('hundreds of elements that claim one large record multiply neither the file nor the quarantine', async (t) => {
  const large = 1_000_000;
  const { bytes, db, buckets } = await numbered(
    300,
    (n) => (n === 0 ? new Uint8Array(large) : Buffer.from('v')),
    4096,
  );
  // Their keys lie inside of the large value, each with a size that reaches almost to its end.
  const inside = Buffer.from(bytes).indexOf('k000') + 4;
  for (let n = 1; n < 300; n++) bytes.set(Buffer.from(`k${String(n).padStart(3, '0')}`), inside + 4 * n);
  const { bucketElements, bucketSize } = db.geometry;
  for (const at of buckets) {
    const bucket = new BucketView(bytes.subarray(at, at + bucketSize), FORMAT, bucketElements);
    for (let i = 0; i < bucketElements; i++) {
      if (bucket.hash(i) === -1 || bucket.dataSize(i) === large) continue;
      const n = Number(Buffer.from(bucket.keyStart(i)).toString().slice(1));
      bucket.setElement(i, {
        hash: bucket.hash(i),
        key_start: bucket.keyStart(i).slice(),
        data_pointer: inside + 4 * n,
        key_size: 4,
        data_size: large - 5000,
      });
    }
  }
  const path = join(await temporaryFolder(t), 'state.db');
  await writeFile(path, bytes);
  const quarantine = `${path}.ndjson`;
  const result = await repair(path, { lock: false, output: `${path}.fresh`, quarantine });
  assert.ok((await stat(`${path}.fresh`)).size <= bytes.length + 4 * 4096);
  assert.equal(result.kept + result.lost.records, 300);
  const lines = (await readFile(quarantine, 'utf8')).trim().split('\n');
  const found = lines.map(
    (line) => JSON.parse(line) as { provenance: string; key: string | null; value: string | null },
  );
  assert.equal(found.length, result.lost.records, 'nothing that was found is thrown away');
  const held = found.reduce((sum, { value }) => sum + (value === null ? 0 : value.length * 0.75), 0);
  assert.ok(held <= bytes.length, `${held} bytes of values`);
  assert.ok(result.lostDetails.length > 0);
  for (const { reason, keyStart } of result.lostDetails) {
    assert.equal(reason, 'overreaching');
    assert.match(Buffer.from(keyStart).toString(), /^k\d{3}$/);
  }
});
