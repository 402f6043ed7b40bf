import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseBuilder } from '../../src/write/builder.js';
import { memorySink } from '../../src/write/sink.js';
import { hashKey } from '../../src/format/hash.js';
import { LAYOUT_64 } from '../../src/format/format.js';
import { BIN, cli, run } from '../tools/cli.js';
import { fixture, fixtureRecords } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

const COMMANDS = [
  'check',
  'doctor',
  'repair',
  'snapshots',
  'restore',
  'salvage',
  'report',
  'inspect',
  'list',
  'get',
  'delete',
  'dump',
  'load',
  'convert',
  'diff',
  'latest-snapshot',
  'completion',
];
const NODE = process.execPath;
const ESC = String.fromCharCode(27);

/** A sound database with these records. */
async function databaseOf(records: [string | Uint8Array, string][]): Promise<Uint8Array> {
  const sink = memorySink();
  const format = { byteOrder: 'little', layout: LAYOUT_64, variant: 'standard' } as const;
  const builder = new DatabaseBuilder(sink, { format, blockSize: 512, bucketSize: 512 });
  for (const [key, value] of records) {
    const bytes = Buffer.concat([Buffer.from(key), Buffer.from(value)]);
    const keyBytes = new Uint8Array(Buffer.from(key));
    await builder.add({
      hash: hashKey(keyBytes, 'signed'),
      keySize: keyBytes.length,
      dataSize: bytes.length - keyBytes.length,
      bytes,
    });
  }
  await builder.finish();
  return sink.bytes();
}

test('the exit code is 0 for healthy, 1 for damaged, 2 for a command that could not do its job', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'text'), 'hello');
  const ends = async (...args: string[]) => (await cli(args)).code;
  assert.equal(await ends('check', fixture('amd64.db')), 0);
  assert.equal(await ends('check', fixture('killed-shelve.db')), 1);
  assert.equal(await ends('check', join(folder, 'text')), 2);
  assert.equal(await ends('check', join(folder, 'none')), 2);
  assert.equal(await ends('check', fixture('amd64.db'), fixture('killed-shelve.db')), 1);
  assert.equal(await ends('check', fixture('killed-shelve.db'), join(folder, 'none')), 2);
  assert.equal(await ends('repair', join(folder, 'text')), 2);
  assert.equal(await ends('get', fixture('amd64.db'), 'no such key'), 1);
});

test('words behind -- are files and keys even if they begin with a dash', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, '-odd.db');
  await writeFile(path, await databaseOf([['-key', 'its value']]));
  const inside = (...args: string[]) =>
    run('sh', ['-c', 'cd "$0" && shift 0 && exec "$@"', folder, NODE, BIN, ...args]);
  assert.match((await inside('check', '--', '-odd.db')).stdout, /^-odd\.db: healthy/);
  assert.equal((await inside('get', '--', '-odd.db', '-key')).stdout, 'its value');
  assert.equal((await inside('check', '--json', '--', '-odd.db', fixture('amd64.db'))).code, 0);
  const { stdout } = await inside('dump', '--', '-odd.db', '-');
  assert.match(stdout, /^\{"key":/);
});

test('the last value of a repeated option counts; lists keep all values', async (t) => {
  const folder = await temporaryFolder(t);
  const [a, b] = [join(folder, 'a.db'), join(folder, 'b.db')];
  const twice = ['--profile', 'none', '--profile', 'shelve', '--include', 'stale', '--include', 'deleted'];
  const { code, stdout } = await cli([
    'repair',
    '--no-lock',
    '-o',
    a,
    '-o',
    b,
    ...twice,
    fixture('killed-shelve.db'),
  ]);
  assert.equal(code, 0);
  assert.match(stdout, /inside +shelve/);
  assert.match(stdout, new RegExp(`written to +${b}`));
  const formats = ['--format', 'xml', '--format', 'csv', '--keys', 'key 00*', '--keys', 'key 01*'];
  const lines = (await cli(['dump', ...formats, fixture('amd64.db')])).stdout.trim().split('\r\n');
  assert.equal(lines[0], 'key,value');
  assert.equal(lines.length, 21);
});

test('an error names the file that it is about: the second of two, or the output', async (t) => {
  const folder = await temporaryFolder(t);
  const none = join(folder, 'none.db');
  const { code, stderr } = await cli(['diff', fixture('amd64.db'), none]);
  assert.equal(code, 2);
  assert.match(stderr, new RegExp(`^gdbm-doctor: ${none}: expected a file, found none`));
  const full = await run('sh', ['-c', '"$@" > /dev/full', 'sh', NODE, BIN, 'dump', fixture('amd64.db')]);
  assert.equal(full.code, 2);
  assert.match(full.stderr, /^gdbm-doctor: standard output: no space left to write to it/);
});

test('one record is kept of a key that two damaged buckets have, also by a dry run and in a dump', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'a.db');
  const whole = await readFile(fixture('amd64.db'));
  const directory = Number(whole.readBigInt64LE(8));
  const entry = (slot: number) => Number(whole.readBigInt64LE(directory + 8 * slot));
  // Half of a bucket's slots lead to a copy of it whose head is damaged.
  const copy = Buffer.from(whole.subarray(entry(0), entry(0) + 512));
  copy.writeInt32LE(-7, 104);
  const bytes = Buffer.concat([whole, copy]);
  for (let slot = 4; slot < 8; slot++) {
    assert.equal(entry(slot), entry(0));
    bytes.writeBigInt64LE(BigInt(whole.length), directory + 8 * slot);
  }
  await writeFile(path, bytes);
  const kept = async (...args: string[]) => {
    const { stdout } = await cli(['repair', '--no-lock', '--json', ...args, path]);
    return (JSON.parse(stdout) as { files: { kept: number }[] }).files[0].kept;
  };
  assert.equal(await kept('--dry-run'), 102);
  assert.equal(await kept('-o', join(folder, 'fresh.db')), 102);
  assert.equal((await cli(['dump', path])).stdout.trim().split('\n').length, 102);
});

test('a command in a message can be pasted, whatever the name of the file', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'a\tb.db');
  await copyFile(fixture('killed-shelve.db'), path);
  const { stdout } = await cli(['check', path]);
  assert.ok(stdout.includes(`To do: gdbm-doctor repair $'${folder}/a\\x09b.db'`), stdout);
  // A record is overwritten.
  const bytes = await readFile(path);
  bytes.fill(0xff, 0x8000, 0x9000);
  const [cut, empty] = [join(folder, 'a b.db'), join(folder, '-c d.db')];
  await writeFile(cut, bytes);
  await writeFile(empty, '');
  for (const [args, code, next] of [
    [['list', cut], 1, 'repair'],
    [['dump', cut], 1, 'check'],
    [['get', cut, 'none'], 1, 'list'],
    [['diff', cut, path], 2, 'repair'],
    [['convert', cut, join(folder, 'out')], 1, 'repair'],
    [['list', empty], 2, 'repair'],
    [['salvage', empty], 2, 'check'],
  ] as const) {
    const ran = await cli(args);
    assert.equal(ran.code, code, args.join(' '));
    const end = `gdbm-doctor ${next} '${args[1]}'\n`;
    assert.ok(ran.stderr.includes(end), `${args.join(' ')}: ${ran.stderr}`);
  }
  for (const command of ['list', 'dump'])
    assert.match((await cli([command, cut])).stderr, /damaged: \d+ records cannot be proved/);
});

test('an error of the command line names what is wrong, and the help', async () => {
  for (const [args, expected] of [
    [['chek', 'x.db'], 'Did you mean check? See: gdbm-doctor --help'],
    [['frobnicate'], 'Unknown command: frobnicate. See: gdbm-doctor --help'],
    [['check'], 'an argument is missing: gdbm-doctor check <files..>. See: gdbm-doctor check --help'],
    [['repair', 'x.db', '-o'], 'the option -o needs a value. See: gdbm-doctor repair --help'],
    [
      ['repair', '--inclde', 'x', 'x.db'],
      'repair has no option --inclde. Did you mean --include? See: gdbm-doctor repair --help',
    ],
    [
      ['check', '--jsonn=1'],
      'check has no option --jsonn. Did you mean --json? See: gdbm-doctor check --help',
    ],
    [['list', '-x', 'x.db'], 'list has no option -x. See: gdbm-doctor list --help'],
    [
      ['repair', '--max-loss', 'x', 'x.db'],
      'expected --max-loss as a number of records or N%, found "x". See: gdbm-doctor repair --help',
    ],
  ] as const) {
    const { code, stderr } = await cli(args);
    assert.deepEqual([code, stderr], [2, `gdbm-doctor: ${expected}\n`]);
  }
});

test('a file alone is checked, help NAME is the help of a command, and -V the version', async (t) => {
  const path = join(await temporaryFolder(t), 'check');
  await copyFile(fixture('killed-shelve.db'), path);
  for (const args of [[path], [path, '-q'], ['-q', path]]) {
    const { code, stdout } = await cli(args);
    assert.deepEqual([code, stdout.slice(0, path.length + 9)], [1, `${path}: DAMAGED`], stdout);
  }
  assert.match((await cli(['no/such/file'])).stderr, /no\/such\/file: expected a file, found none/);
  assert.equal((await cli(['help', 'repair'])).stdout, (await cli(['repair', '--help'])).stdout);
  assert.equal((await cli(['help'])).stdout, (await cli(['--help'])).stdout);
  assert.equal((await cli(['-V'])).stdout, (await cli(['--version'])).stdout);
});

test('a - names a standard stream, or is refused where a database would be written to it', async (t) => {
  const folder = await temporaryFolder(t);
  const path = fixture('amd64.db');
  const page = await cli(['report', path, '--html', '-']);
  assert.equal(page.code, 0, page.stderr);
  assert.match(page.stdout, /^<!doctype html>[^]*<\/html>\n?$/);
  const nowhere = await cli(['report', path, '--html', join(folder, 'none', 'page.html')]);
  assert.equal(nowhere.code, 2);
  assert.match(nowhere.stderr, /none: expected a folder, found none/);
  assert.match((await cli(['check', '-'])).stderr, /^gdbm-doctor: -: expected a file, .* from no stream/);
  const dump = join(folder, 'dump');
  assert.equal((await cli(['dump', path, dump])).code, 0);
  for (const args of [
    ['repair', fixture('killed-shelve.db'), '-o', '-'],
    ['repair', fixture('killed-shelve.db'), '-o', join(folder, 'fresh'), '--quarantine', '-'],
    ['convert', path, '-'],
    ['load', dump, '-'],
  ]) {
    const { code, stderr } = await cli(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /expected the name of a file, found -/);
  }
  const same = join(folder, 'same');
  const both = await cli(['repair', fixture('killed-shelve.db'), '-o', same, '--quarantine', same]);
  assert.equal(both.code, 2, both.stderr);
  assert.match(both.stderr, /two files/);
  await assert.rejects(readFile(same));
});

test('a wrong command line ends with 2 and a message, and does nothing', async () => {
  for (const args of [
    [],
    ['mend', 'x.db'],
    ['check'],
    ['check', '--nonsense', 'x.db'],
    ['repair', '--wait', '-1', fixture('killed-shelve.db')],
    ['repair', '--wait', 'long', fixture('killed-shelve.db')],
    ['repair', '-o'],
    ['inspect', fixture('amd64.db'), 'cellar'],
    ['inspect', fixture('amd64.db'), 'bucket', '9999'],
    ['inspect', fixture('amd64.db'), 'bucket', 'x'],
    ['dump', fixture('amd64.db'), '--format', 'xml'],
    ['get', '--key-encoding', 'hex', fixture('amd64.db'), 'zz'],
    ['get', '--key-encoding', 'base64', fixture('amd64.db'), '!!'],
  ]) {
    const { code, stdout, stderr } = await cli(args);
    assert.equal(code, 2, `${args.join(' ')}: ${stdout}`);
    assert.equal(stdout, '', args.join(' '));
    assert.match(stderr, /^gdbm-doctor: ./, args.join(' '));
    assert.doesNotMatch(stderr, /\n\s+at /, args.join(' '));
  }
});

test('help has examples for every command and fits 80 columns', async () => {
  for (const args of [['--help'], ...COMMANDS.map((command) => [command, '--help'])]) {
    const { code, stdout } = await cli(args);
    assert.equal(code, 0);
    assert.match(stdout, /Examples:/, args.join(' '));
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, `${args.join(' ')}: ${line}`);
  }
  const { stdout } = await cli(['--help']);
  for (const command of COMMANDS) assert.match(stdout, new RegExp(`gdbm-doctor ${command}`));
});

test('--version is the version of the package', async () => {
  const { version } = JSON.parse(await readFile(fixture('../package.json'), 'utf8')) as { version: string };
  assert.equal((await cli(['--version'])).stdout, `${version}\n`);
});

test('list has each key with the size of its value', async () => {
  const { stdout } = await cli(['list', '--json', fixture('s390x.db')]);
  const { files } = JSON.parse(stdout) as {
    files: { path: string; keys: { key: string; keySize: number; valueSize: number }[] }[];
  };
  const listed = files[0].keys.map(({ key, valueSize }) => [key, valueSize]).sort();
  const held = (await fixtureRecords()).map(([key, value]) => [key, Buffer.from(value, 'base64').length]);
  assert.deepEqual(listed, held);
  assert.match((await cli(['list', fixture('s390x.db')])).stdout, /^ {9}9 {2}schlüssel-1-é$/m);
});

test('get refuses a value that lost or gained bytes, and gives the values behind it', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'x.db');
  const valueOf = (n: number) => `value ${n} `.repeat(20);
  const whole = Buffer.from(
    await databaseOf(Array.from({ length: 60 }, (_, n) => [`a key of number ${n}`, valueOf(n)])),
  );
  const at = whole.indexOf(valueOf(30)) + 50;
  for (const damaged of [
    Buffer.concat([whole.subarray(0, at), whole.subarray(at + 30)]),
    Buffer.concat([whole.subarray(0, at), Buffer.alloc(30), whole.subarray(at)]),
  ]) {
    await writeFile(path, damaged);
    const { code, stdout, stderr } = await cli(['get', path, 'a key of number 30']);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /bytes of it may be missing, or others may be among them/);
    for (const n of [0, 29, 31, 59]) {
      assert.equal((await cli(['get', path, `a key of number ${n}`])).stdout, valueOf(n));
    }
  }
});

test('get writes the bytes of the value and nothing else', async () => {
  for (const [key, value] of (await fixtureRecords()).slice(0, 10)) {
    const { raw, code } = await cli(['get', '--key-encoding', 'base64', fixture('i386.db'), key]);
    assert.equal(code, 0);
    assert.equal(raw.toString('base64'), value);
  }
  assert.equal((await cli(['get', fixture('arm64.db'), 'schlüssel-7-é'])).stdout, 'größe 7');
  assert.equal(
    (await cli(['get', '--key-encoding', 'hex', fixture('arm64.db'), '81ff01'])).raw.toString('hex'),
    'ffff',
  );
});

test('a key that looks like a number is taken as text', async (t) => {
  const path = join(await temporaryFolder(t), 'numbers.db');
  await writeFile(
    path,
    await databaseOf([
      ['0x10', 'hex'],
      ['007', 'agent'],
      ['-x', 'dash'],
      ['1e3', 'exponent'],
    ]),
  );
  assert.equal((await cli(['get', path, '0x10'])).stdout, 'hex');
  assert.equal((await cli(['get', path, '007'])).stdout, 'agent');
  assert.equal((await cli(['get', path, '1e3'])).stdout, 'exponent');
  assert.equal((await cli(['get', '--key-encoding', 'hex', path, '2d78'])).stdout, 'dash');
});

test('a dump of a private database is private', async (t) => {
  const folder = await temporaryFolder(t);
  const [path, out] = [join(folder, 'x.db'), join(folder, 'x.dump')];
  await copyFile(fixture('amd64.db'), path);
  await chmod(path, 0o600);
  assert.equal((await cli(['dump', path, out])).code, 0);
  assert.equal((await stat(out)).mode & 0o777, 0o600);
});

test('an interrupted dump leaves no file', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'large.db');
  const records = Array.from({ length: 30_000 }, (_, n): [string, string] => [`key ${n}`, 'v'.repeat(200)]);
  await writeFile(path, await databaseOf(records));
  const out = join(folder, 'out');
  await mkdir(out);
  // It may be done before it is seen to have begun.
  for (let tries = 0; ; tries++) {
    const args = [BIN, 'dump', path, join(out, 'whole')];
    const child = spawn(NODE, args, { stdio: 'ignore' });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    let isOver = false;
    void ended.then(() => (isOver = true));
    while (!isOver && (await readdir(out)).length === 0) await sleep(1);
    child.kill('SIGINT');
    const code = await ended;
    const left = await readdir(out);
    if (code === 0 && tries < 5) {
      await rm(join(out, 'whole'));
      continue;
    }
    assert.deepEqual([code, left], [130, []]);
    return;
  }
});

test('no byte of a file reaches the terminal as a control character', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'hostile.db');
  const hostile = `${ESC}]0;owned\x07${ESC}[2J\r\n\x9b31m\u202ereversed\u2028`;
  await writeFile(
    path,
    await databaseOf([
      [hostile, hostile],
      [Uint8Array.of(0x9b, 0x31, 0x6d), 'c1'],
    ]),
  );
  const bytes = await readFile(path);
  bytes.writeInt32LE(5, 104 + Number(bytes.readBigInt64LE(Number(bytes.readBigInt64LE(8)))));
  const wrecked = join(folder, 'wrecked.db');
  await writeFile(wrecked, bytes);
  for (const args of [
    ['list', path],
    ['check', '--all', wrecked],
    ['inspect', path, 'bucket', '0'],
    ['inspect', path, 'bucket', '32'],
    ['inspect', path, 'bucket', '63'],
    ['get', path, hostile.replaceAll('\0', '') + 'x'],
    ['check', join(folder, `none${ESC}[31m`)],
  ]) {
    const { stdout, stderr } = await cli(args);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout + stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]/, args[0]);
  }
  assert.match((await cli(['list', path])).stdout, /\\x1b\]0;owned\\x07/);
});

test('colour follows NO_COLOR and FORCE_COLOR', async () => {
  const args = ['check', fixture('killed-shelve.db')];
  const colour = async (env: Record<string, string>) => (await cli(args, env)).stdout.includes(`${ESC}[`);
  assert.equal(await colour({}), false);
  assert.equal(await colour({ FORCE_COLOR: '1' }), true);
  assert.equal(await colour({ FORCE_COLOR: '0' }), false);
  assert.equal(await colour({ NO_COLOR: '1' }), false);
});

test('a reader that goes away early ends the command quietly', async (t) => {
  const path = join(await temporaryFolder(t), 'many.db');
  const records = Array.from({ length: 20_000 }, (_, i): [string, string] => [
    `key-${i}-${'x'.repeat(40)}`,
    'v',
  ]);
  await writeFile(path, await databaseOf(records));
  const child = spawn(process.execPath, [BIN, 'list', path], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.stdout.destroy();
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(stderr, '');
  assert.equal(code, 141, 'as a shell reports SIGPIPE: the reader did not get all');
});

test('a report that cannot be written leaves the exit code and the work as they are', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  await copyFile(fixture('killed-shelve.db'), path);
  const ended = async (redirect: string, ...args: string[]) => {
    const command = [NODE, BIN, ...args].map((word) => `'${word}'`).join(' ');
    return (await run('sh', ['-c', `{ ${command}; echo "code $?" >&2; } ${redirect}`])).stderr;
  };
  assert.match(await ended('| true', 'check', '--json', path), /code 1/);
  assert.match(await ended('> /dev/full', 'check', path), /the report is not whole[^]*code 2/);
  assert.match(
    await ended('> /dev/full', 'repair', '--no-lock', path),
    /report is not whole, but the work[^]*code 2/,
  );
  assert.equal((await cli(['check', path])).code, 0);
});

test('check and list name the format of a file that is no GDBM database', async (t) => {
  const folder = await temporaryFolder(t);
  const berkeley = Buffer.alloc(512);
  berkeley.writeUInt32LE(0x00061561, 12);
  const files: Record<string, [Buffer | string, RegExp]> = {
    'state.sqlite': ['SQLite format 3\0 and more', /SQLite|sqlite3/],
    'berkeley.db': [berkeley, /Berkeley DB/],
    'dumb.dir': ["'key', (0, 12)\n'other', (512, 3)\n", /dbm\.dumb/],
    'classic.pag': [Buffer.from([1, 2, 3, 4, 5, 200, 201]), /ndbm/],
    'text.dump': ['# GDBM dump file created by GDBM version 1.23\n#:version=1.1\n', /text dump/],
    'flat.dump': ['!\r\n! GDBM FLAT FILE DUMP -- THIS IS NOT A TEXT FILE\r\n', /binary dump/],
    'notes.txt': ['just a few words\n', /text file/],
    'zeroes.db': [Buffer.alloc(9000), /zero bytes only/],
    'wiped.db': [Buffer.concat([Buffer.alloc(9000), Buffer.from('and then')]), /it begins with zero bytes/],
    'bytes.db': [Buffer.alloc(9000, 0xff), /nothing in its first block fits/],
    'words.txt': [Buffer.from('größer '.repeat(1000)), /text file/],
    'packed.db.gz': [Buffer.from([0x1f, 0x8b, 8, 0, 0]), /gzip/],
  };
  for (const [name, [content, what]] of Object.entries(files)) {
    const path = join(folder, name);
    await writeFile(path, content);
    const checked = await cli(['check', path]);
    // Its header is cut off.
    assert.equal(checked.code, name === 'state.sqlite' ? 1 : 2, name);
    assert.match(checked.stdout, what, name);
    const listed = await cli(['list', path]);
    assert.equal(listed.code, 2, name);
    assert.match(listed.stderr, what, name);
    assert.ok((await readFile(path)).equals(Buffer.from(content)), name);
  }
});

testWith('flock', 'a repair of a file that is no GDBM database changes nothing', async (t) => {
  const path = join(await temporaryFolder(t), 'state.sqlite');
  await writeFile(path, 'SQLite format 3\0 and more');
  const { code, stdout } = await cli(['repair', path]);
  assert.equal(code, 2);
  assert.match(stdout, /NOT REPAIRED[^]*SQLite/);
  assert.equal(await readFile(path, 'utf8'), 'SQLite format 3\0 and more');
});

testWith(
  'flock',
  'a file without any record that can be reached is not replaced by an empty one',
  async (t) => {
    const path = join(await temporaryFolder(t), 'lost.db');
    await copyFile(fixture('amd64.db'), path);
    const bytes = await readFile(path);
    bytes.fill(0, 512);
    await writeFile(path, bytes);
    const { code, stdout } = await cli(['repair', path]);
    assert.equal(code, 2);
    assert.match(stdout, /No record can be reached/);
    assert.ok((await readFile(path)).equals(bytes));
  },
);

test('inspect shows each field where it is', async () => {
  const header = await cli(['inspect', '--json', fixture('s390x-numsync.db')]);
  const { files } = JSON.parse(header.stdout) as {
    files: {
      structures: { structure: string; fields: { name: string; offset: number; value: number }[] }[];
    }[];
  };
  const bytes = await readFile(fixture('s390x-numsync.db'));
  const [first, second] = files[0].structures;
  const value = (name: string) => first.fields.find((field) => field.name === name);
  assert.deepEqual(value('block_size'), {
    name: 'block_size',
    offset: 4,
    size: 4,
    value: bytes.readInt32BE(4),
  });
  assert.equal(value('dir')?.value, Number(bytes.readBigInt64BE(8)));
  assert.equal(second.structure, 'extended header');
  assert.equal(second.fields.find(({ name }) => name === 'numsync')?.offset, 44);
  assert.match((await cli(['inspect', fixture('i386.db'), 'directory'])).stdout, /slots +offset +bucket/);
  assert.match((await cli(['inspect', fixture('i386.db'), 'bucket', '0'])).stdout, /data_pointer/);
  assert.match((await cli(['inspect', fixture('i386.db'), 'avail'])).stdout, /avail block of the header/);
});
