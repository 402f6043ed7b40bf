import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { repair } from '../../src/repair.js';
import { cli, joined } from '../tools/cli.js';
import { fixture, fixtureRecords } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';

/** A copy of a fixture of 512-byte blocks, damaged. */
async function damagedCopy(t: TestContext, damage: (bytes: Buffer) => Buffer | void): Promise<string> {
  const path = join(await temporaryFolder(t), 'state.db');
  const bytes = await readFile(fixture('amd64.db'));
  await writeFile(path, damage(bytes) ?? bytes);
  return path;
}

const headerAndDirectory = (bytes: Buffer) => {
  const directory = Number(bytes.readBigInt64LE(8));
  bytes.fill(0, directory, directory + bytes.readInt32LE(16));
  bytes.fill(0, 0, 512);
};

/** Zeroes the bucket that slot 0 leads to. */
const loseBucket = (bytes: Buffer) => {
  const bucket = Number(bytes.readBigInt64LE(Number(bytes.readBigInt64LE(8))));
  bytes.fill(0, bucket, bucket + 512);
};

test('with header and directory lost every record comes back, and is told to be orphaned', async (t) => {
  const path = await damagedCopy(t, headerAndDirectory);
  const result = await repair(path, { lock: false });
  assert.equal(result.action, 'repaired');
  assert.equal(result.kept, (await fixtureRecords()).length);
  assert.equal(result.found.orphaned, result.kept);
  assert.equal(result.found.live, 0);
  assert.deepEqual(result.uncoveredRanges, []);
});

test('a file that lost its first 300 bytes gives every record back', async (t) => {
  const path = await damagedCopy(t, (bytes) => bytes.subarray(300));
  const result = await repair(path, { lock: false });
  assert.equal(result.kept, (await fixtureRecords()).length);
  assert.ok(result.before.findings.some(({ code }) => code === 'bytes-missing'));
});

test('a loss over the limit is refused with exit 1, and nothing is changed', async (t) => {
  const path = await damagedCopy(t, loseBucket);
  const before = await readFile(path);
  for (const limit of ['3', '1%']) {
    const { code: status, stdout } = await cli(['repair', '--no-lock', '--max-loss', limit, path]);
    assert.equal(status, 1, stdout);
    assert.match(joined(stdout), /At most .* may be lost, but .* would be\. Nothing was changed/);
    assert.deepEqual(await readFile(path), before);
  }
  assert.equal((await cli(['repair', '--no-lock', '--max-loss', 'many', path])).code, 2);
  const { code: status } = await cli(['repair', '--no-lock', '--max-loss', '50%', path]);
  assert.equal(status, 0);
});

test('the ranges of hashes without a bucket are told', async (t) => {
  const result = await repair(await damagedCopy(t, loseBucket), { lock: false });
  assert.equal(result.uncoveredRanges.length, 1);
  assert.equal(result.uncoveredRanges[0].first, 0);
});

test('what is found but not kept goes to the quarantine, with what is known of it', async (t) => {
  // One key changed: it no longer fits its hash.
  const path = await damagedCopy(t, (bytes) => {
    const bucket = Number(bytes.readBigInt64LE(Number(bytes.readBigInt64LE(8))));
    for (let at = bucket + 112; at < bucket + 512; at += 24) {
      if (bytes.readInt32LE(at) === -1 || bytes.readInt32LE(at + 16) === 0) continue;
      bytes[Number(bytes.readBigInt64LE(at + 8))] ^= 1;
      return;
    }
  });
  const quarantine = join(path, '..', 'quarantine.ndjson');
  const result = await repair(path, { lock: false, quarantine });
  assert.equal(result.lost.records, 1);
  assert.equal(result.lostDetails[0].reason, 'key');
  const lines = (await readFile(quarantine, 'utf8')).trim().split('\n');
  const entries = lines.map(
    (line) => JSON.parse(line) as { provenance: string; reason?: string; key: string },
  );
  const unproved = entries.filter(({ provenance }) => provenance === 'unproved');
  assert.equal(unproved.length, 1);
  assert.equal(unproved[0].reason, 'key');
  assert.ok(Buffer.from(unproved[0].key, 'base64').length > 0);
  await assert.rejects(repair(path, { lock: false, quarantine, output: `${path}.x` }), /quarantine/);
});

test('salvage --deleted lists a deleted record that is still whole, and repair adds it only when asked', async (t) => {
  let key = '';
  const remove = (bytes: Buffer) => {
    const bucket = Number(bytes.readBigInt64LE(Number(bytes.readBigInt64LE(8))));
    for (let at = bucket + 112; at < bucket + 512; at += 24) {
      const hash = bytes.readInt32LE(at);
      const size = bytes.readInt32LE(at + 16);
      // At its home position, and the next one free, so that nothing is to be moved.
      const next = bucket + 112 + (((at - bucket - 112) / 24 + 1) % 16) * 24;
      if (hash === -1 || size === 0 || hash % 16 !== (at - bucket - 112) / 24) continue;
      if (bytes.readInt32LE(next) !== -1) continue;
      const pointer = Number(bytes.readBigInt64LE(at + 8));
      key = bytes.subarray(pointer, pointer + size).toString('base64');
      bytes.writeInt32LE(-1, at);
      bytes.writeInt32LE(bytes.readInt32LE(bucket + 108) - 1, bucket + 108);
      // The bucket's own list of free space, which libgdbm puts the freed range into: the only thing that confirms it.
      const free = bytes.readInt32LE(bucket);
      bytes.writeInt32LE(free + 1, bucket);
      bytes.writeInt32LE(size + bytes.readInt32LE(at + 20), bucket + 8 + 16 * free);
      bytes.writeBigInt64LE(BigInt(pointer), bucket + 16 + 16 * free);
      return;
    }
  };
  const path = await damagedCopy(t, remove);
  assert.notEqual(key, '');
  const provenanceOf = async (...args: string[]) => {
    const { stdout } = await cli(['salvage', '--json', ...args, path]);
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { key: string; provenance: string });
    return records.find((one) => one.key === key)?.provenance;
  };
  assert.equal(await provenanceOf(), undefined);
  assert.equal(await provenanceOf('--deleted'), 'deleted');

  const all = (await fixtureRecords()).length;
  const without = await repair(path, { lock: false, output: `${path}.without` });
  assert.equal(without.kept, all - 1);
  const included = await repair(path, { lock: false, output: `${path}.with`, include: ['deleted'] });
  assert.ok(included.kept > all - 1);
});
