import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { anyBucket, oneBucket, storeAll } from '../check/onebucket.js';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { Random } from '../tools/random.js';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Stated {
  tool: string;
  version: string;
  options: string[];
  time: string;
  evidence?: { path: string; before: string; after: string }[];
}

test('the hashes of overlapping values are limited by the size of the file', async (t) => {
  const file = join(await temporaryFolder(t), 'case.db');
  const s = oneBucket(1 << 16, 1 << 14);
  const place = anyBucket(s) + s.bucketSize;
  s.bytes.set(new Random(1).bytes(2100), place);
  const size = 8000;
  s.bucket(anyBucket(s)).setHead(
    0,
    storeAll(s, 2000, (i) => ({ pointer: place + i, keySize: 8, dataSize: size })),
  );
  await writeFile(file, s.bytes);
  const { stdout } = await cli(['salvage', '--hash', '--json', file]);
  const lines = stdout
    .trim()
    .split('\n')
    .map(
      (line) =>
        JSON.parse(line) as { kind: string; valueSha256?: string | null; valueSize: number; values?: number },
    );
  const records = lines.filter(({ kind }) => kind === 'record');
  const hashed = records.filter(({ valueSha256 }) => typeof valueSha256 === 'string');
  assert.ok(records.length > 100 && hashed.length > 0);
  assert.ok(hashed.reduce((sum, { valueSize }) => sum + valueSize, 0) <= 8 * s.size);
  const left = lines.find(({ kind }) => kind === 'not-hashed');
  assert.equal(left?.values, records.length - hashed.length);
  assert.ok(left.values > 0);
});

test('--hash has the hashes before and after, and the command that makes the report again', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'case.db');
  await copyFile(fixture('killed-shelve.db'), file);
  const sum = sha256(await readFile(file));
  const { version } = JSON.parse(await readFile(fixture('../package.json'), 'utf8')) as { version: string };
  for (const args of [
    ['check', file, '--json', '--hash'],
    ['inspect', file, 'at', '4096', '--json', '--hash'],
  ]) {
    const started = Date.now();
    const { statement } = JSON.parse((await cli(args)).stdout) as { statement: Stated };
    assert.equal(statement.version, version);
    assert.deepEqual(statement.options, args);
    assert.ok(Date.parse(statement.time) >= started - 1000 && Date.parse(statement.time) <= Date.now());
    assert.deepEqual(statement.evidence, [{ path: file, before: sum, after: sum }]);
  }
  for (const args of [['check'], ['salvage'], ['inspect'], ['report', '--html', join(folder, 'x.html')]]) {
    const { stdout } = await cli([...args, file, '--hash']);
    assert.ok(stdout.includes(`SHA-256 of ${file}: ${sum}, the same after`), args.join(' '));
    assert.ok(stdout.includes(`gdbm-doctor ${version}, 2`), args.join(' '));
  }
  assert.equal(sha256(await readFile(file)), sum);
});

test('salvage --json --hash gives each record its place, length, provenance and the hash of its value', async () => {
  const file = fixture('killed-shelve.db');
  const bytes = await readFile(file);
  const { stdout } = await cli(['salvage', file, '--deleted', '--json', '--hash']);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const records = lines.filter(({ kind }) => kind === 'record');
  assert.ok(records.length >= 396);
  for (const { offset, length, keySize, valueSize, valueSha256, key, provenance } of records) {
    const at = Number(offset);
    assert.equal(length, Number(keySize) + Number(valueSize));
    assert.equal(key, bytes.subarray(at, at + Number(keySize)).toString('base64'));
    assert.equal(valueSha256, sha256(bytes.subarray(at + Number(keySize), at + Number(length))));
    assert.match(String(provenance), /^(live|orphaned|loose|stale|deleted)$/);
  }
  const statement = lines.at(-1) as unknown as Stated & { kind: string };
  assert.equal(statement.kind, 'statement');
  assert.equal(statement.evidence![0].before, sha256(bytes));
});

test(
  'reading a file of our own does not change its time of access',
  { skip: process.platform !== 'linux' && 'needs O_NOATIME of Linux' },
  async (t) => {
    const folder = await temporaryFolder(t);
    const file = join(folder, 'case.db');
    await copyFile(fixture('amd64.db'), file);
    // Older than its last change, so that a system with relatime would renew it.
    await utimes(file, new Date('2020-01-01'), new Date('2020-01-02'));
    for (const args of [
      ['check', '--hash'],
      ['inspect'],
      ['salvage'],
      ['list'],
      ['report', '--html', join(folder, 'x.html')],
    ]) {
      await cli([...args, file]);
      assert.equal((await stat(file)).atime.toISOString(), '2020-01-01T00:00:00.000Z', args.join(' '));
    }
  },
);
