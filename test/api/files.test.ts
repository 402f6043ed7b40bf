import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { check, diagnose, hashKey, repair, salvage, snapshots } from '../../src/index.js';
import { DAMAGES, damageFile } from '../tools/damage.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { text } from '../build/build.js';
import { rejectedWith } from './tools.js';

test('a report can be cloned and serialized: it is nothing but facts', async () => {
  for (const name of ['amd64.db', 'killed-shelve.db']) {
    const report = await check(fixture(name), { profile: 'auto' });
    assert.deepEqual(structuredClone(report), report);
    assert.equal(report.size, (await readFile(fixture(name))).length);
  }
});

test('a check of a path and one of its bytes say the same', async () => {
  const path = fixture('killed-shelve.db');
  assert.deepEqual(await check(path), await check(await readFile(path)));
  assert.equal((await check(path, { machine: 's390x' })).verdict, 'damaged');
  assert.equal((await check(fixture('s390x.db'), { machine: 'amd64' })).verdict, 'foreign');
  await assert.rejects(check(path, { machine: 'vax' as never }), RangeError);
  await assert.rejects(check(path, { profile: 'vax' as never }), RangeError);
  await rejectedWith('NO_SUCH_FILE', check('none.db'));
});

test('a repair gives its result, and a refusal to write its code', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'some.db');
  await copyFile(fixture('amd64.db'), path);
  await damageFile(path, 'a wrong dir');
  const before = await readFile(path);
  await rejectedWith('EXISTS', repair(path, { output: path, lock: false }));
  await rejectedWith('NO_SUCH_FILE', repair(join(folder, 'none.db'), { lock: false }));
  await assert.rejects(repair(path, { maxLoss: { share: 2 } }), RangeError);
  const reason = new Error('enough');
  await assert.rejects(repair(path, { signal: AbortSignal.abort(reason), lock: false }), reason);
  assert.deepEqual(await readFile(path), before);

  const steps: string[] = [];
  const onProgress = (step: string) => void steps.push(step);
  const result = await repair(path, { profile: 'auto', lock: false, onProgress });
  assert.equal(result.action, 'repaired');
  assert.equal(result.before.verdict, 'damaged');
  assert.equal(result.after?.verdict, 'healthy');
  assert.equal(result.kept, result.after?.records.count);
  assert.deepEqual(await readFile(result.backup!), before);
  assert.ok(steps.includes('writing the fresh file'));
  assert.deepEqual(structuredClone(result), result);
});

test('whatever the damage, a report names its cause, and a salvage gives every record', async () => {
  const whole = new Map<string, string>();
  for await (const { key, value } of salvage(fixture('amd64.db'))) whole.set(text(key!), text(await value()));
  for (const [name, { code, damage }] of Object.entries(DAMAGES)) {
    const bytes = await readFile(fixture('amd64.db'));
    const damaged = damage(bytes) ?? bytes;
    const { findings, verdict } = await check(damaged);
    assert.equal(verdict, 'damaged', name);
    assert.ok(findings.some((one) => one.code === code || one.consequences.some((two) => two.code === code)));
    const found = new Map<string, string>();
    for await (const { key, value, keySize, valueSize, offset, confidence, doubt } of salvage(damaged)) {
      assert.deepEqual([confidence, doubt], ['proved', undefined]);
      assert.equal(text(damaged.subarray(offset, offset! + keySize)), text(key!));
      found.set(text(key!), text(await value()));
      assert.equal(found.get(text(key!))!.length, valueSize);
    }
    assert.deepEqual(found, whole, name);
  }
});

test('a salvage reads values only while its loop goes on, and refuses what is no database', async (t) => {
  for await (const { value } of salvage(fixture('amd64.db'))) {
    await value();
    break;
  }
  let late: (() => Promise<Uint8Array>) | undefined;
  for await (const { value } of salvage(fixture('amd64.db'))) late = value;
  await rejectedWith('CLOSED', late!());
  const path = join(await temporaryFolder(t), 'text');
  await writeFile(path, 'no database, only text');
  await rejectedWith('NOT_GDBM', salvage(path).next());
  for await (const record of salvage(path, { carve: true, expectKeys: ['events'] }))
    assert.fail(record.provenance);
});

test('snapshots are taken of sound databases, listed and brought back', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'some.db');
  await copyFile(fixture('amd64.db'), path);
  const sound = await readFile(path);
  const copies = snapshots(path, { dir: join(folder, 'copies') });
  assert.deepEqual((await copies.list()).snapshots, []);
  await rejectedWith('NO_SNAPSHOT', copies.restore({ lock: false }));
  const { taken } = await copies.take({ lock: false });
  assert.equal((await copies.take({ lock: false })).taken, undefined);
  await damageFile(path, 'a wrong dir');
  await rejectedWith('DAMAGED', copies.take({ lock: false }));
  const { snapshots: all, untrusted, other } = await copies.list({ verify: true });
  assert.deepEqual(all, [{ ...taken, intact: true }]);
  assert.deepEqual([untrusted, other], [[], undefined]);
  await rejectedWith('NO_SNAPSHOT', copies.restore({ id: '1999', lock: false }));
  const { action, backup } = await copies.restore({ lock: false });
  assert.equal(action, 'restored');
  assert.deepEqual(await readFile(path), sound);
  assert.notDeepEqual(await readFile(backup!), sound);
  await assert.rejects(copies.take({ keep: 0, lock: false }), RangeError);
});

test('a diagnosis does not throw where there is nothing to see', async (t) => {
  const folder = await temporaryFolder(t);
  const missing = await diagnose(join(folder, 'none.db'));
  assert.equal(missing.report, undefined);
  assert.equal(missing.problems[0].code, 'file-missing');
  const path = join(folder, 'some.db');
  await copyFile(fixture('s390x.db'), path);
  const foreign = await diagnose(path);
  assert.equal(foreign.report?.verdict, 'healthy');
  assert.ok(foreign.problems.some(({ code }) => code === 'foreign-byte-order'));
});

test('a hash is that of text as UTF-8, and of either flavour', () => {
  assert.equal(hashKey('ä'), hashKey(Uint8Array.of(0xc3, 0xa4)));
  assert.notEqual(hashKey('ä', 'signed'), hashKey('ä', 'unsigned'));
  assert.equal(hashKey('a', 'signed'), hashKey('a', 'unsigned'));
  assert.throws(() => hashKey('a', 'both' as never), RangeError);
  assert.throws(() => hashKey(7 as never), TypeError);
});
