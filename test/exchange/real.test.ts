import assert from 'node:assert/strict';
import { chmod, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { cli, run } from '../tools/cli.js';
import { fixture, fixtureRecords } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import type { Machine } from '../tools/machines.js';
import { dumpOn, runOn } from '../tools/machines.js';
import { testWith } from '../tools/needs.js';

async function recordsOf(path: string): Promise<[string, string][]> {
  const { stdout } = await cli(['dump', path]);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { key: string; value: string })
    .map(({ key, value }): [string, string] => [key, value])
    .sort();
}

/** A database without what libgdbm's own dumps cannot hold: data of no bytes end its binary one. */
async function withoutEmpty(folder: string, variant: 'standard' | 'numsync'): Promise<string> {
  const [lines, path] = [join(folder, 'lines'), join(folder, `${variant}.db`)];
  const records = (await fixtureRecords()).filter(([, value]) => value !== '');
  await writeFile(lines, records.map(([key, value]) => `{"key":"${key}","value":"${value}"}\n`).join(''));
  const { code, stderr } = await cli(['load', '--variant', variant, lines, path]);
  assert.equal(code, 0, stderr);
  return path;
}

testWith('gdbmtool', 'a dump is byte for byte what gdbm_dump writes, but for its first line', async (t) => {
  const folder = await temporaryFolder(t);
  for (const variant of ['standard', 'numsync'] as const) {
    const db = await withoutEmpty(folder, variant);
    for (const format of ['ascii', 'binary']) {
      const [theirs, ours] = [join(folder, 'theirs'), join(folder, 'ours')];
      await rm(theirs, { force: true });
      await rm(ours, { force: true });
      assert.equal((await run('gdbm_dump', ['-H', format, db, theirs], { LC_ALL: 'C' })).code, 0);
      assert.equal((await cli(['dump', '-H', format, db, ours])).code, 0);
      const created = /^# GDBM dump file created by .+ on \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n/;
      const body = async (path: string) => (await readFile(path, 'latin1')).replace(created, '');
      assert.equal(await body(ours), await body(theirs), `${variant} ${format}`);
    }
  }
});

testWith('gdbmtool', 'what gdbm_dump wrote is loaded, and gdbm_load takes what dump wrote', async (t) => {
  const folder = await temporaryFolder(t);
  const db = await withoutEmpty(folder, 'standard');
  const records = (await fixtureRecords()).filter(([, value]) => value !== '');
  for (const format of ['ascii', 'binary']) {
    const path = (name: string) => join(folder, `${format}-${name}`);
    await run('gdbm_dump', ['-H', format, db, path('theirs')]);
    assert.equal((await cli(['load', path('theirs'), path('ours.db')])).code, 0);
    assert.deepEqual(await recordsOf(path('ours.db')), records);
    await cli(['dump', '-H', format, '--keys', '*schl*', db, path('some')]);
    const loaded = await run('gdbm_load', ['-n', path('some'), path('theirs.db')]);
    assert.equal(loaded.code, 0, loaded.stderr);
    const some = records.filter(([key]) => Buffer.from(key, 'base64').includes('schl'));
    assert.deepEqual(await recordsOf(path('theirs.db')), some);
  }
});

test('load replaces nothing unless it is told to, and keeps what was there', async (t) => {
  const folder = await temporaryFolder(t);
  const [dump, db] = [join(folder, 'dump'), join(folder, 'a.db')];
  await cli(['dump', '-H', 'ascii', fixture('amd64.db'), dump]);
  await writeFile(db, 'mine');
  const refused = await cli(['load', dump, db]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /--replace/);
  await writeFile(join(folder, 'cut'), (await readFile(dump)).subarray(0, 500));
  assert.equal((await cli(['load', '--replace', '--no-lock', join(folder, 'cut'), db])).code, 2);
  assert.equal(await readFile(db, 'utf8'), 'mine');
  assert.equal((await cli(['load', '--replace', '--no-lock', dump, db])).code, 0);
  assert.equal(await readFile(`${db}.~1~`, 'utf8'), 'mine');
  assert.deepEqual(await recordsOf(db), await fixtureRecords());
});

test('a key that comes again is refused, or the first one kept', async (t) => {
  const folder = await temporaryFolder(t);
  const [dump, db] = [join(folder, 'dump'), join(folder, 'a.db')];
  await writeFile(dump, '{"key":"YQ==","value":"MQ=="}\n{"key":"YQ==","value":"Mg=="}\n');
  const refused = await cli(['load', dump, db]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /found 1 that come again/);
  assert.equal((await cli(['load', '--duplicates', 'first', dump, db])).code, 0);
  assert.deepEqual(await recordsOf(db), [['YQ==', 'MQ==']]);
});

for (const machine of ['i386', 'arm64', 'armhf', 's390x'] as const satisfies readonly Machine[]) {
  testWith('machines', `${machine}'s libgdbm finds every key of a database converted for it`, async (t) => {
    const path = join(await temporaryFolder(t), 'a.db');
    const converted = await cli(['convert', '--for', machine, fixture('amd64.db'), path]);
    assert.equal(converted.code, 0, converted.stderr);
    // gdbm_dump looks each key up.
    assert.deepEqual(await dumpOn(machine, path), await fixtureRecords());
    const fetched = await runOn(machine, 'gdbmtool', '--norc', path, 'fetch', 'schlüssel-7-é');
    assert.equal(fetched.code, 0, fetched.stderr);
    const same = await cli(['diff', fixture('amd64.db'), path]);
    assert.equal(same.code, 0, same.stdout);
  });
}

test('convert refuses a damaged database and tells what to do', async (t) => {
  const path = join(await temporaryFolder(t), 'a.db');
  const { code, stderr } = await cli(['convert', fixture('killed-shelve.db'), path]);
  assert.equal(code, 1);
  assert.match(stderr, /Run: gdbm-doctor repair/);
  await assert.rejects(readFile(path));
});

test('diff tells what is gone, new and changed, and ends as diff does', async (t) => {
  const folder = await temporaryFolder(t);
  const [a, b] = [join(folder, 'a.db'), join(folder, 'b.db')];
  const make = async (path: string, records: Record<string, string>) => {
    const line = ([key, value]: [string, string]) => `{"key":"${btoa(key)}","value":"${btoa(value)}"}\n`;
    await writeFile(`${path}.dump`, Object.entries(records).map(line).join(''));
    assert.equal((await cli(['load', `${path}.dump`, path])).code, 0);
  };
  await make(a, { same: '1', gone: '22', other: '333' });
  await make(b, { same: '1', added: '4444', other: '334' });
  const { code, stdout } = await cli(['diff', a, b]);
  assert.equal(code, 1);
  const lines = stdout.trimEnd().split('\n').sort();
  assert.deepEqual(lines, ['+ added  (4 bytes)', '- gone  (2 bytes)', '~ other  (3 -> 3 bytes)']);
  assert.equal((await cli(['diff', a, join(folder, 'none')])).code, 2);
});

/** Mode, seconds of the last change, and the counter of syncs; undefined where there is no file. */
type Row = [mode: number, time: number, numsync: number] | undefined;
const MAX = 0xffffffff;
const TABLE: [Row, Row][] = [
  [
    [0o400, 1000, 1],
    [0o200, 1000, 2],
  ],
  [
    [0o200, 1000, 1],
    [0o400, 1000, 2],
  ],
  [
    [0o400, 1000, 3],
    [0o400, 1000, 2],
  ],
  [
    [0o400, 1000, 2],
    [0o400, 1000, 3],
  ],
  [
    [0o400, 2000, 2],
    [0o400, 1000, 2],
  ],
  [
    [0o400, 1000, 2],
    [0o400, 2000, 2],
  ],
  [
    [0o400, 1000, 2],
    [0o400, 1000, 2],
  ],
  [
    [0o400, 2000, 4],
    [0o400, 1000, 2],
  ],
  [
    [0o400, 1000, 0],
    [0o400, 1000, MAX],
  ],
  [
    [0o400, 1000, MAX],
    [0o400, 1000, 0],
  ],
  [
    [0o400, 1000, MAX],
    [0o400, 1000, 1],
  ],
  [
    [0o200, 2000, 1],
    [0o200, 1000, 2],
  ],
  [undefined, [0o400, 1000, 2]],
  [[0o200, 1000, 2], undefined],
  [undefined, undefined],
  [
    [0o644, 1000, 3],
    [0o400, 1000, 2],
  ],
  [
    [0o444, 1000, 3],
    [0o444, 1000, 2],
  ],
  [
    [0o500, 1000, 3],
    [0o400, 1000, 2],
  ],
  [
    [0o300, 1000, 3],
    [0o400, 1000, 2],
  ],
  [
    [0o000, 1000, 3],
    [0o200, 1000, 2],
  ],
];

testWith(['gdbmtool', 'root'], 'latest-snapshot chooses as gdbmtool does', async (t) => {
  const folder = await temporaryFolder(t);
  const paths = [join(folder, 'even'), join(folder, 'odd')] as const;
  const base = await readFile(fixture('amd64-numsync.db'));
  for (const rows of TABLE) {
    for (const [i, row] of rows.entries()) {
      await rm(paths[i], { force: true });
      if (row === undefined) continue;
      base.writeUInt32LE(row[2], 44);
      await writeFile(paths[i], base);
      await utimes(paths[i], row[1], row[1]);
      await chmod(paths[i], row[0]);
    }
    const theirs = await run('gdbmtool', ['--norc', join(folder, 'x'), 'snapshot', ...paths]);
    const verdict = /GDBM_SNAPSHOT_(\w+)/.exec(theirs.stdout)?.[1];
    const chosen = verdict === 'OK' ? /^(\/[^:]*): \d/m.exec(theirs.stdout)?.[1] : undefined;
    const ours = JSON.parse((await cli(['latest-snapshot', '--json', ...paths])).stdout) as {
      verdict: string;
      latest: string | null;
    };
    assert.equal(ours.verdict.toUpperCase(), verdict, JSON.stringify(rows));
    assert.equal(ours.latest ?? undefined, chosen, JSON.stringify(rows));
  }
});
