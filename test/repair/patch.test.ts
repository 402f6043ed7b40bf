import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { check, openProved } from '../../src/examine.js';
import { repair } from '../../src/repair.js';
import type { RepairResult } from '../../src/repair/result.js';
import { memorySource } from '../../src/source/source.js';
import { provedContents } from '../../src/write/contents.js';
import { planNewHeader } from '../../src/write/patch.js';
import { memorySink } from '../../src/write/sink.js';
import { verifyFresh, VerifyError, writeFresh } from '../../src/write/write.js';
import { damageFile } from '../tools/damage.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

const BLOCK = 512;

/** A damaged copy of a fixture, repaired in place. */
async function repaired(
  t: TestContext,
  damage: (path: string) => Promise<void>,
): Promise<{ result: RepairResult; before: Buffer; after: Buffer }> {
  const path = join(await temporaryFolder(t), 'state.db');
  await writeFile(path, await readFile(fixture('amd64.db')));
  await damage(path);
  const before = await readFile(path);
  const result = await repair(path);
  assert.equal(result.action, 'repaired');
  assert.equal(result.after?.verdict, 'healthy');
  assert.equal(result.lost.records, 0);
  assert.equal(result.kept, 102);
  return { result, before, after: await readFile(path) };
}

async function zeroHeader(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(0, 0, BLOCK));
}

const PATCHED = [
  'a wrong dir',
  'a wrong magic',
  'a wrong bucket size',
  'a directory entry wrecked',
  'a directory entry that leads to another bucket',
] as const;

for (const name of PATCHED) {
  testWith('flock', `${name}: the repair gives the file as it was before the damage`, async (t) => {
    const { after } = await repaired(t, (path) => damageFile(path, name));
    assert.ok(after.equals(await readFile(fixture('amd64.db'))));
  });
}

testWith(
  'flock',
  'a directory of zeros: the repair gives the file as it was before the damage',
  async (t) => {
    const { after } = await repaired(t, async (path) => {
      const bytes = await readFile(path);
      const directory = Number(bytes.readBigInt64LE(8));
      await writeFile(path, bytes.fill(0, directory, directory + bytes.readInt32LE(16)));
    });
    assert.ok(after.equals(await readFile(fixture('amd64.db'))));
  },
);

testWith('flock', 'bytes behind the end that the header states are cut off', async (t) => {
  const { after } = await repaired(t, (path) => damageFile(path, 'bytes appended'));
  assert.ok(after.equals(await readFile(fixture('amd64.db'))));
});

testWith(
  'flock',
  'a lost header is made anew and the rest of the file is kept byte for byte, its free space listed',
  async (t) => {
    const { before, after } = await repaired(t, zeroHeader);
    assert.ok(after.subarray(BLOCK).equals(before.subarray(BLOCK)));
    const [found, original] = [
      await check(memorySource(after)),
      await check(memorySource(await readFile(fixture('amd64.db')))),
    ];
    assert.ok(found.space!.bytes.unaccounted <= original.space!.bytes.unaccounted);
  },
);

testWith('flock', 'where the table of free space is damaged, too, the file is packed', async (t) => {
  const { before, after } = await repaired(t, (path) => damageFile(path, 'the avail block wrecked'));
  assert.ok(!after.subarray(BLOCK).equals(before.subarray(BLOCK)));
  assert.deepEqual((await check(memorySource(after))).findings, []);
});

test('a healthy database that is written elsewhere is packed', async (t) => {
  const output = join(await temporaryFolder(t), 'packed.db');
  await repair(fixture('amd64.db'), { output, lock: false });
  assert.ok((await stat(output)).size < (await stat(fixture('amd64.db'))).size);
});

test('a patched copy that differs from the source in one byte is refused', async () => {
  const bytes = await readFile(fixture('amd64.db'));
  bytes.writeUInt32LE(0xdeadbeef, 0);
  const proved = await openProved(memorySource(bytes));
  assert.ok(proved !== undefined);
  const patch = await planNewHeader(proved);
  assert.ok(patch !== undefined);
  const contents = { ...provedContents(proved), patch };
  for (const at of [BLOCK + 1, bytes.length - 1]) {
    const sink = memorySink();
    await sink.write(0, bytes);
    const written = await writeFresh(contents, sink);
    assert.equal((await verifyFresh(contents, written, sink)).checked.verdict, 'healthy');
    await sink.write(at, Uint8Array.of(bytes[at] ^ 1));
    await assert.rejects(verifyFresh(contents, written, sink), VerifyError);
  }
});
