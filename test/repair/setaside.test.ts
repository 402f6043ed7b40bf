import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Verdict } from '../../src/check/check.js';
import { checkContents, withProfile } from '../../src/contents.js';
import { repair } from '../../src/repair.js';
import type { RepairOptions } from '../../src/repair/result.js';
import { RefusedError } from '../../src/store/errors.js';
import { memorySource } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';
import { cli, cliProcess, joined, run } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';

/*
 * Records that the program of a database cannot load: a repair sets them aside, whole, and then says what a check says.
 */

/** A pickle of protocol 2: PROTO, the given opcodes, STOP. */
const pickle = (...opcodes: number[]) => Uint8Array.of(0x80, 2, ...opcodes, 0x2e);
const WHOLE = pickle(0x4b, 7);
/** Its second opcode is none that there is. */
const BROKEN = pickle(0x7d, 0xff);
const DICT = pickle(0x7d);
const PLAIN = Buffer.from('1.0');
const NOT_UTF8 = Buffer.from('fffe6b6579', 'hex');
const CASE = fileURLToPath(new URL('../cases/shelve-key-not-utf8.db', import.meta.url));

/** Writes a database of so many whole pickles and of others. */
async function shelve(
  t: TestContext,
  others: readonly (readonly [string | Uint8Array, Uint8Array])[],
  pickles = 20,
): Promise<string> {
  const path = join(await temporaryFolder(t), 'state.db');
  const records = [...Array.from({ length: pickles }, (_, n) => [`job-${n}`, WHOLE] as const), ...others].map(
    ([key, value]) => ({ key: Buffer.from(key), value }),
  );
  await writeFile(path, (await build(records, specFor(FORMATS[0], 4096))).bytes);
  return path;
}

const repairCommand = (path: string, ...options: string[]) => cli(['repair', '--no-lock', ...options, path]);

test('a key that is not UTF-8 is shown with its bytes wherever a key is shown', async (t) => {
  const page = join(await temporaryFolder(t), 'page.html');
  for (const args of [
    ['check', '--findings', CASE],
    ['check', '--json', CASE],
    ['repair', '--dry-run', '--findings', CASE],
    ['list', CASE],
    ['salvage', CASE],
    ['inspect', CASE, 'bucket', '256'],
    ['inspect', '--key-encoding', 'hex', CASE, 'record', 'fffe6b6579'],
    ['diff', CASE, fileURLToPath(new URL('../../fixtures/amd64.db', import.meta.url))],
    ['get', '--key-encoding', 'hex', CASE, 'fffe6b657a'],
    ['report', CASE, '--html', page],
  ]) {
    const { stdout, stderr } = await cli(args);
    const shown = args[0] === 'report' ? await readFile(page, 'utf8') : stdout + stderr;
    assert.ok(!shown.includes('\ufffd'), args.join(' '));
    // JSON doubles a backslash.
    assert.match(shown, /\\xff\\{1,2}xfeke[yz]/, args.join(' '));
  }
});

testWith('python', 'a shelve that Python cannot walk is one that it can after a repair', async (t) => {
  const walk = 'import shelve, sys; print(len(list(shelve.open(sys.argv[1], "r").items())))';
  const path = join(await temporaryFolder(t), 'state.db');
  await copyFile(CASE, path);
  const before = await run(PYTHON, ['-c', walk, path]);
  assert.match(before.stderr, /UnicodeDecodeError/);
  const { code, stdout } = await repairCommand(path);
  assert.equal(code, 0, stdout);
  const told = joined(stdout);
  assert.ok(told.startsWith(`${path}: REPAIRED, but records were set aside `), told);
  assert.match(told, /set aside 1 record that shelve cannot load: 1 with a key that is not UTF-8 whole, in /);
  assert.ok(
    told.includes(`whole, in ${path}.quarantine.~1~ to bring it back: gdbm-doctor load --add `),
    told,
  );
  assert.equal((await run(PYTHON, ['-c', walk, path])).stdout, '200\n');
  assert.match((await cli(['check', path])).stdout, /: healthy/);

  const broken = await shelve(t, [['broken', BROKEN]]);
  assert.match((await run(PYTHON, ['-c', walk, broken])).stderr, /UnpicklingError/);
  assert.equal((await repairCommand(broken)).code, 0);
  assert.equal((await run(PYTHON, ['-c', walk, broken])).stdout, '20\n');
});

test('a repair says of its result what a check says of it', async (t) => {
  const beat = ['entries', '__version__', 'utc_enabled'].map((key) => [key, DICT] as const);
  type Records = Parameters<typeof shelve>[1];
  const cases: [string, Records, number, RepairOptions, Verdict][] = [
    ['sound', [], 20, {}, 'healthy'],
    ['a broken pickle', [['x', BROKEN]], 20, {}, 'healthy'],
    ['a value that is no pickle', [['x', PLAIN]], 20, {}, 'healthy'],
    ['a key that is no text', [[NOT_UTF8, WHOLE]], 20, {}, 'healthy'],
    ['few records', [[NOT_UTF8, WHOLE]], 3, {}, 'healthy'],
    ['all kept', [['x', BROKEN]], 20, { leaveOut: 'nothing' }, 'damaged'],
    ['nothing looked for', [['x', BROKEN]], 20, { profile: 'none' }, 'healthy'],
    [
      'a record that Flower does not read',
      [
        ['events', WHOLE],
        ['x', BROKEN],
      ],
      0,
      { profile: 'flower' },
      'damaged',
    ],
    [
      'a counter of Flower',
      [
        ['events', WHOLE],
        ['counter', BROKEN],
      ],
      0,
      { profile: 'flower' },
      'healthy',
    ],
    [
      'events of Flower',
      [
        ['events', BROKEN],
        ['counter', DICT],
      ],
      0,
      {},
      'healthy',
    ],
    ['a broken entry of beat', [...beat, ['tz', BROKEN]], 0, {}, 'healthy'],
    [
      'a stray key of beat',
      [...beat, ['tz', DICT], [NOT_UTF8, DICT]],
      0,
      { profile: 'celerybeat' },
      'healthy',
    ],
  ];
  for (const [name, others, pickles, options, expected] of cases) {
    const path = await shelve(t, others, pickles);
    const { profile = 'auto' } = options;
    const { before, after } = await repair(path, { lock: false, profile, ...options });
    const { verdict } = withProfile(await checkContents(memorySource(await readFile(path)), profile));
    assert.deepEqual([(after ?? before).verdict, verdict], [expected, expected], name);
  }
});

test('what many records say is taken for intended, where only the other values told a shelve', async (t) => {
  const plain = ['a', 'b', 'c', 'd'].map((key) => [key, PLAIN] as const);
  const path = await shelve(t, [...plain, ['broken', BROKEN]]);
  const { code, stdout } = await repairCommand(path);
  assert.equal(code, 1, stdout);
  assert.match(joined(stdout), /set aside +1 record that shelve cannot load: 1 with a broken pickle/);
  assert.match(joined(stdout), /The 4 values that are no pickles stay/);
  assert.match((await cli(['list', path])).stdout, /3 {2}a\n/);
  const asked = await repairCommand(path, '--profile', 'shelve');
  assert.equal(asked.code, 0, asked.stdout);
  assert.match(joined(asked.stdout), /4 with a value that is no pickle/);
  assert.equal((await cli(['check', '--profile', 'shelve', path])).code, 0);
});

test('what is no shelve at all is not emptied because it was called one', async (t) => {
  const path = await shelve(t, [['a', PLAIN]], 0);
  const bytes = await readFile(path);
  const { code, stdout } = await repairCommand(path, '--profile', 'shelve');
  assert.equal(code, 2, stdout);
  assert.match(stdout, /NOT REPAIRED/);
  assert.deepEqual(await readFile(path), bytes);
});

test('a record comes back from the quarantine whole, however large its value is', async (t) => {
  // More than was ever held at once for a line of a quarantine.
  const large = Buffer.alloc((17 << 20) + 1, 'large');
  large.set([0x80, 4]);
  const path = await shelve(t, [
    ['large', large],
    [NOT_UTF8, WHOLE],
  ]);
  const taken = `${path}.quarantine.~1~`;
  await writeFile(taken, 'of somebody');
  const result = await repair(path, { lock: false, profile: 'auto' });
  assert.deepEqual(result.setAside, { records: 2, reasons: { 'value-pickle': 1, 'key-not-text': 1 } });
  assert.deepEqual([result.kept, result.lost.records], [20, 2]);
  assert.equal(result.after?.verdict, 'healthy');
  assert.equal(result.quarantine, `${path}.quarantine.~2~`);
  assert.equal(await readFile(taken, 'utf8'), 'of somebody');
  assert.equal((await stat(result.quarantine)).mode & 0o777, 0o600);
  assert.ok(result.backup !== undefined);

  const back = join(path, '..', 'back.db');
  assert.equal((await cli(['load', result.quarantine, back])).code, 0);
  assert.deepEqual((await cli(['get', back, 'large'])).raw, large);
});

testWith('flock', 'load --add brings back what was set aside, and changes no other record', async (t) => {
  const path = await shelve(t, [['broken', BROKEN]]);
  await copyFile(path, `${path}.was`);
  const { quarantine } = await repair(path, { profile: 'shelve' });
  const add = ['load', '--add', quarantine!, path];
  assert.equal((await cli(add)).code, 0);
  assert.equal((await cli(['diff', `${path}.was`, path])).code, 0);
  const bytes = await readFile(path);
  const again = await cli(add);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /only keys that the database does not have, found 1/);
  assert.deepEqual(await readFile(path), bytes);
  assert.equal((await cli([...add, '--duplicates', 'first'])).code, 0);
  assert.equal((await cli(['diff', `${path}.was`, path])).code, 0);
  const none = await cli(['load', '--add', quarantine!, `${path}.none`]);
  assert.equal(none.code, 2);
});

test('what is set aside counts for --max-loss, and a dry run writes nothing', async (t) => {
  const path = await shelve(t, [['broken', BROKEN]]);
  const folder = join(path, '..');
  const refused = await repairCommand(path, '--max-loss', '0');
  assert.equal(refused.code, 1);
  assert.match(refused.stdout, /set aside +1 record/);
  const dry = await repairCommand(path, '--dry-run');
  assert.equal(dry.code, 1);
  assert.match(dry.stdout, /set aside +1 record/);
  assert.deepEqual(await readdir(folder), ['state.db']);
  assert.equal((await repairCommand(path, '--max-loss', '1')).code, 0);
});

test('with --quarantine and -o the record goes there, and the file stays', async (t) => {
  const path = await shelve(t, [['broken', BROKEN]]);
  const bytes = await readFile(path);
  const folder = join(path, '..');
  const elsewhere = join(folder, 'elsewhere');
  await mkdir(elsewhere);
  const quarantine = join(folder, 'named');
  const fresh = join(elsewhere, 'fresh.db');
  assert.equal((await repairCommand(path, '-o', fresh, '--quarantine', quarantine)).code, 0);
  const line = JSON.parse((await readFile(quarantine, 'utf8')).trim()) as Record<string, unknown>;
  assert.deepEqual([line['provenance'], line['reason']], ['left-out', 'value-pickle']);
  assert.equal((await repairCommand(path, '-o', `${fresh}.2`)).code, 0);
  assert.deepEqual((await readdir(elsewhere)).sort(), [
    'fresh.db',
    'fresh.db.2',
    'fresh.db.2.quarantine.~1~',
  ]);
  assert.deepEqual((await readdir(folder)).sort(), ['elsewhere', 'named', 'state.db']);
  assert.deepEqual(await readFile(path), bytes);
});

test('a repair that fails after the quarantine was written leaves none', async (t) => {
  const path = await shelve(t, [['broken', BROKEN]]);
  const writes = async () => utimes(path, 1, 1);
  let written: Promise<void> | undefined;
  const report = (what: string) => {
    if (what === 'comparing it') written ??= writes();
  };
  const isChanged = (error: unknown) => error instanceof RefusedError && error.code === 'changed';
  await assert.rejects(repair(path, { lock: false, profile: 'shelve', report }), isChanged);
  await written;
  assert.deepEqual(await readdir(join(path, '..')), ['state.db']);
});

testWith('flock', 'watch mends the structure of a shelve and leaves each of its records', async (t) => {
  const path = await shelve(t, [['broken', BROKEN]]);
  const bytes = await readFile(path);
  // The directory's offset.
  bytes.writeBigInt64LE(7n, 8);
  await writeFile(path, bytes);
  const { stderr } = await cliProcess(['watch', '--once', '--interval', '0.01', path]);
  assert.match(stderr, /repaired; 21 records kept, 0 lost/);
  assert.deepEqual((await cli(['get', path, 'broken'])).raw, Buffer.from(BROKEN));
  assert.ok(!(await readdir(join(path, '..'))).some((name) => name.includes('quarantine')));
});
