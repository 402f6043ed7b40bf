import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { encodeName, shortHash } from '../../src/store/snapshot.js';
import { thisMachine } from '../../src/service/machine.js';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

/** Databases of other kinds of machine: byte order, layout, and the hash of the other `char`. */
const OTHERS = ['s390x.db', 'i386.db', 'armhf.db', '../test/cases/arm64-two-non-ascii-keys.db'].filter(
  (name) => !name.includes(thisMachine() ?? 'none'),
);

async function database(t: TestContext, name: string): Promise<string> {
  const path = join(await temporaryFolder(t), 'state.db');
  await copyFile(fixture(name), path);
  return path;
}

function guarded(path: string, ...options: string[]) {
  const program = ['--', process.execPath, '-e', 'console.log("ran")'];
  return cli(['guard', path, ...options, ...program]);
}

/** Checks that libgdbm of this machine can use the database, and that it has every record of the original. */
async function assertConverted(path: string, original: string): Promise<void> {
  const check = await cli(['check', path]);
  assert.equal(check.code, 0, check.stdout);
  const difference = await cli(['diff', original, path]);
  assert.equal(difference.code, 0, difference.stdout);
}

for (const name of OTHERS) {
  testWith('flock', `${name}: guard converts it for this machine, and keeps the original`, async (t) => {
    const path = await database(t, name);
    const metrics = `${path}.prom`;
    const health = `${path}.health`;
    const { code, stdout, stderr } = await guarded(path, '--metrics-file', metrics, '--health-file', health);
    assert.deepEqual([code, stdout], [0, 'ran\n'], stderr);
    assert.match(stderr, /converted for this machine, with all \d+ records\. As it was: \S+\.~1~/);
    assert.deepEqual(await readFile(`${path}.~1~`), await readFile(fixture(name)));
    await assertConverted(path, fixture(name));
    assert.match(await readFile(metrics, 'utf8'), /^gdbm_doctor_healthy\{.*\} 1$/m);
    assert.match(await readFile(health, 'utf8'), /^healthy/);
    const [snapshot, ...more] = (await readdir(join(path, '..', '.state.db.snapshots'))).filter((one) =>
      one.endsWith('.db'),
    );
    assert.deepEqual(more, []);
    const kept = await readFile(join(path, '..', '.state.db.snapshots', snapshot));
    assert.deepEqual(kept, await readFile(path));
  });

  testWith('flock', `${name}: with --fallback fail the program is not started`, async (t) => {
    const path = await database(t, name);
    const { code, stdout, stderr } = await guarded(path, '--fallback', 'fail');
    assert.deepEqual([code, stdout], [125, ''], stderr);
    assert.match(stderr, /for another kind of machine, and --fallback fail/);
    assert.deepEqual(await readFile(path), await readFile(fixture(name)));
    assert.deepEqual(await readdir(join(path, '..')), ['state.db']);
  });
}

testWith('flock', 'a damaged database of another machine is repaired, then converted', async (t) => {
  const path = await database(t, 's390x.db');
  const bytes = await readFile(path);
  bytes.writeBigInt64BE(7n, 8);
  await writeFile(path, bytes);
  const { code, stderr } = await guarded(path);
  assert.equal(code, 0, stderr);
  await assertConverted(path, fixture('s390x.db'));
  assert.deepEqual(await readFile(`${path}.~1~`), bytes);
});

testWith('flock', 'a snapshot of another machine is restored, then converted', async (t) => {
  const path = await database(t, 's390x.db');
  const folder = join(path, '..', '.state.db.snapshots');
  await mkdir(folder, { mode: 0o700 });
  const hash = shortHash(
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  );
  const name = encodeName({ time: new Date('2026-11-01'), hash, records: 60, poor: false });
  await copyFile(path, join(folder, name));
  await rm(path);
  const { code, stderr } = await guarded(path);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /the snapshot \S+ is back[^]*converted for this machine/);
  await assertConverted(path, fixture('s390x.db'));
});
