import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { BIN, cli } from '../tools/cli.js';
import { runs, sample } from '../tools/effort.js';
import { fixture, fixtureRecords } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { runOn } from '../tools/machines.js';
import { testWith } from '../tools/needs.js';

/** gdbm_dump and gdbm_load of 1.23 do not get past records of no bytes. */
const FILES = ['killed-shelve.db'];

async function records(path: string): Promise<[string, string][]> {
  const { stdout } = await cli(['dump', path]);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '');
  return lines
    .map((line) => JSON.parse(line) as { key: string; value: string })
    .map(({ key, value }): [string, string] => [key, value])
    .sort();
}

for (const format of ['ascii', 'binary', 'ndjson']) {
  test(`a ${format} dump loads again with every record, also those of no bytes`, async (t) => {
    const folder = await temporaryFolder(t);
    const [dump, again] = [join(folder, 'dump'), join(folder, 'again.db')];
    assert.equal((await cli(['dump', '-H', format, fixture('amd64.db'), dump])).code, 0);
    assert.equal((await cli(['load', dump, again])).code, 0);
    assert.deepEqual(await records(again), await fixtureRecords());
    assert.equal((await cli(['check', again])).code, 0);
  });
}

testWith('gdbmtool', 'the real gdbm_load reads what dump writes, in both forms', async (t) => {
  const folder = await temporaryFolder(t);
  const sound = join(folder, 'sound.db');
  for (const name of FILES) {
    await cli(['repair', '-o', sound, fixture(name)]);
    for (const form of ['ascii', 'binary']) {
      const [dump, theirs] = [join(folder, `${form}.dump`), join(folder, `${form}.db`)];
      await cli(['dump', '-H', form, sound, dump]);
      execFileSync('gdbm_load', [dump, theirs]);
      assert.deepEqual(await records(theirs), await records(sound), form);
    }
  }
});

testWith(
  'gdbmtool',
  'load reads what the real gdbm_dump writes, and dump writes the same bytes',
  async (t) => {
    const folder = await temporaryFolder(t);
    const sound = join(folder, 'sound.db');
    await cli(['repair', '-o', sound, fixture('killed-shelve.db')]);
    for (const form of ['ascii', 'binary']) {
      const [theirs, ours, again] = ['theirs', 'ours', 'again'].map((name) =>
        join(folder, `${form}-${name}`),
      );
      execFileSync('gdbm_dump', ['-H', form, sound, theirs]);
      assert.equal((await cli(['load', theirs, again])).code, 0);
      assert.deepEqual(await records(again), await records(sound), form);
      await cli(['dump', '-H', form, sound, ours]);
      // The first line of the ASCII form tells the program and the time.
      const rest = (bytes: Buffer) => (form === 'ascii' ? bytes.subarray(bytes.indexOf('\n')) : bytes);
      assert.deepEqual(rest(await readFile(ours)), rest(await readFile(theirs)), form);
    }
  },
);

test('- is a standard stream for dump and load', async (t) => {
  const again = join(await temporaryFolder(t), 'again.db');
  const dump = execFileSync(process.execPath, [BIN, 'dump', '-H', 'ascii', fixture('amd64.db'), '-']);
  const { status } = spawnSync(process.execPath, [BIN, 'load', '-', again], { input: dump });
  assert.equal(status, 0);
  assert.deepEqual(await records(again), await fixtureRecords());
});

test('a malformed dump is refused with its line, and nothing is made or replaced', async (t) => {
  const folder = await temporaryFolder(t);
  const [dump, out] = [join(folder, 'dump'), join(folder, 'out.db')];
  const whole = execFileSync(process.execPath, [BIN, 'dump', '-H', 'ascii', fixture('amd64.db'), '-']);
  const text = whole.toString('latin1');
  const wrong: [string, string][] = [
    ['a length that is none', text.replace(/#:len=\d+/, '#:len=x')],
    ['a huge length', text.replace(/#:len=\d+/, '#:len=99999999999')],
    ['cut in the middle', text.slice(0, text.length / 2)],
    ['bytes that are no base64', text.replace(/\n([A-Za-z0-9+/]{8,})/, '\n!!!!$1')],
    ['a wrong count', text.replace(/#:count=\d+/, '#:count=1')],
  ];
  await writeFile(out, 'precious');
  for (const [what, bad] of wrong) {
    await writeFile(dump, bad, 'latin1');
    const { code, stderr } = await cli(['load', '--replace', '--no-lock', dump, out]);
    assert.equal(code, 2, what);
    assert.match(stderr, /line \d+/, what);
    assert.equal(await readFile(out, 'utf8'), 'precious', what);
  }
  assert.ok(!existsSync(`${out}.~1~`));
});

test('whatever bytes a dump is made of, load ends and says what is wrong, or makes a sound database', async (t) => {
  const folder = await temporaryFolder(t);
  const dump = join(folder, 'dump');
  const whole = execFileSync(process.execPath, [BIN, 'dump', '-H', 'binary', fixture('amd64.db'), '-']);
  const ascii = execFileSync(process.execPath, [BIN, 'dump', '-H', 'ascii', fixture('amd64.db'), '-']);
  let n = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(whole, ascii),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), fc.nat(255)), {
        maxLength: 4,
      }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (original, changes, cut) => {
        const bytes = Buffer.from(
          original.subarray(0, cut > 0.5 ? undefined : Math.floor(cut * 2 * original.length)),
        );
        for (const [at, value] of changes) bytes[Math.floor(at * bytes.length)] = value;
        await writeFile(dump, bytes);
        const out = join(folder, `${n++}.db`);
        const { code, stderr } = await cli(['load', dump, out]);
        if (code !== 0) {
          assert.equal(code, 2, stderr);
          assert.ok(!existsSync(out));
          return;
        }
        assert.equal((await cli(['check', out])).code, 0);
      },
    ),
    { seed: 20261124, numRuns: runs(30) },
  );
});

for (const machine of ['i386', 'arm64', 'armhf', 's390x'] as const) {
  testWith('machines', `a database converted for ${machine} has every key for its own libgdbm`, async (t) => {
    const out = join(await temporaryFolder(t), 'converted.db');
    assert.equal((await cli(['convert', '--for', machine, fixture('amd64.db'), out])).code, 0);
    const keys = (await fixtureRecords()).map(([key]) => Buffer.from(key, 'base64'));
    // Keys that gdbmtool takes as an argument: not empty, no zero byte, valid text; non-ASCII ones among them.
    const askable = keys.filter(
      (key) => key.length > 0 && key.length < 60 && !key.includes(0) && isText(key),
    );
    const foreign = askable.filter((one) => one.some((byte) => byte >= 0x80));
    assert.ok(foreign.length > 0);
    for (const key of [...sample(askable.slice(0, 25), 3), ...sample(foreign, 3)]) {
      const said = await runOn(machine, 'gdbmtool', '--norc', '-r', out, 'fetch', key.toString());
      assert.equal(said.code, 0, said.stderr);
      assert.doesNotMatch(said.stdout + said.stderr, /not found/i, key.toString());
    }
  });
}

function isText(key: Uint8Array): boolean {
  try {
    return !/[^\p{L}\p{N} _-]/u.test(new TextDecoder('utf-8', { fatal: true }).decode(key));
  } catch {
    return false;
  }
}

test('what cannot fit is refused before anything is written', async (t) => {
  const out = join(await temporaryFolder(t), 'out.db');
  const { code, stderr } = await cli([
    'convert',
    '--offset',
    '32',
    '--alignment',
    '8',
    fixture('amd64.db'),
    out,
  ]);
  assert.equal(code, 2);
  assert.match(stderr, /expected --alignment 4/);
  assert.ok(!existsSync(out));
});

test('diff tells what only one has and what changed, between machines of any kind', async (t) => {
  const folder = await temporaryFolder(t);
  const [lines, other] = [join(folder, 'lines'), join(folder, 'other.db')];
  const same = await cli(['diff', fixture('amd64.db'), fixture('s390x.db')]);
  assert.equal(same.code, 0, same.stdout);
  const all = (await fixtureRecords()).map(([key, value]) => ({ key, value }));
  const changed = all.slice(1).map((one, i) => (i === 0 ? { ...one, value: 'AAAA' } : one));
  const added = { key: Buffer.from('a new one').toString('base64'), value: '' };
  await writeFile(lines, [...changed, added].map((one) => `${JSON.stringify(one)}\n`).join(''));
  assert.equal((await cli(['load', lines, other])).code, 0);
  const { code, stdout } = await cli(['diff', '--json', fixture('amd64.db'), other]);
  assert.equal(code, 1);
  const how = [...stdout.matchAll(/"how":"(\w+)"/g)].map(([, one]) => one).sort();
  assert.deepEqual(how, ['added', 'changed', 'removed']);
  assert.equal((await cli(['diff', fixture('amd64.db'), join(folder, 'none')])).code, 2);
});
