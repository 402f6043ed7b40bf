import assert from 'node:assert/strict';
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { BIN, cli, cliProcess, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { runOn } from '../tools/machines.js';
import { PYTHON, SQLITE_NODE, testWith } from '../tools/needs.js';

/** Runs the real command with a Node that brings SQLite. */
function withSqlite(...args: string[]) {
  return run(SQLITE_NODE ?? '', [BIN, ...args]);
}

function python313(script: string, ...args: string[]) {
  return runOn('trixie', 'python3.13', '-c', script, ...args);
}

async function done(ran: ReturnType<typeof run>): Promise<string> {
  const { code, stdout, stderr } = await ran;
  assert.equal(code, 0, stderr);
  return stdout;
}

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64');

/** A dump with keys and values of every byte, of none, and of more than a batch holds. */
function linesOf(records: readonly [Uint8Array | string, Uint8Array | string][]): string {
  return records.map(([key, value]) => `{"key":"${base64(key)}","value":"${base64(value)}"}\n`).join('');
}
const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, i) => i);
const RECORDS: readonly [Uint8Array | string, Uint8Array | string][] = [
  ['plain', 'text'],
  [EVERY_BYTE, EVERY_BYTE],
  ['', 'of the empty key'],
  ['no value', ''],
  ['\'"\\', 'quotes'],
  ['long', Buffer.alloc((3 << 20) + 5, 'abcdefg')],
  ['k'.repeat(70_000), 'a long key'],
  ...Array.from({ length: 3000 }, (_, i): [string, string] => [`key ${i}`, `${i}`.repeat(i % 300)]),
];

/** A GDBM database with {@link RECORDS}; returns its path and its dump, sorted. */
async function specimen(folder: string): Promise<{ path: string; sorted: string }> {
  const [lines, path] = [join(folder, 'lines'), join(folder, 'specimen.db')];
  await writeFile(lines, linesOf(RECORDS));
  await done(cli(['load', lines, path]));
  return { path, sorted: sortedLines(linesOf(RECORDS)) };
}

const sortedLines = (text: string) => text.split('\n').sort().join('\n');

/** Prints each record as a line of JSON, as it is read by looking each key up. */
const READ = `
import base64, dbm, sys
print(dbm.whichdb(sys.argv[1]))
with dbm.open(sys.argv[1], 'r') as d:
    for key in d.keys():
        print('{"key":"%s","value":"%s"}' % (base64.b64encode(key).decode(), base64.b64encode(d[key]).decode()))
`;

testWith(
  ['sqlite', 'machines'],
  'Python 3.13 finds every record of a dbm.sqlite3 that was made',
  async (t) => {
    const folder = await temporaryFolder(t);
    const { path, sorted } = await specimen(folder);
    const made = join(folder, 'made');
    assert.equal(
      await done(withSqlite('convert', '--to', 'dbm.sqlite3', path, made)),
      `${made}: 3007 records, dbm.sqlite3\n`,
    );
    const [kind, ...lines] = (await done(python313(READ, made))).split('\n');
    assert.equal(kind, 'dbm.sqlite3');
    assert.equal(sortedLines(lines.join('\n')), sorted);
    const back = join(folder, 'back.db');
    await done(withSqlite('convert', made, back));
    assert.equal(sortedLines(await done(cli(['dump', back]))), sorted);
    assert.equal(sortedLines(await done(withSqlite('dump', made))), sorted);
  },
);

testWith(
  'python',
  "Python's dbm.dumb finds every record of one that was made, and it comes back from it",
  async (t) => {
    const folder = await temporaryFolder(t);
    const { path, sorted } = await specimen(folder);
    const made = join(folder, 'made');
    assert.equal(
      await done(cli(['convert', '--to', 'dbm.dumb', path, made])),
      `${made}: 3007 records, dbm.dumb\n`,
    );
    const [kind, ...lines] = (await done(run(PYTHON, ['-c', READ, made]))).split('\n');
    assert.equal(kind, 'dbm.dumb');
    assert.equal(sortedLines(lines.join('\n')), sorted);
    // Python writes values in their place, at the end, and its index anew.
    const change = `
import dbm, sys
with dbm.open(sys.argv[1], 'w') as d:
    d['plain'] = 'x' * 2000
    d['no value'] = 'one'
    d['new'] = 'new'
    del d['long']
`;
    await done(run(PYTHON, ['-c', change, made]));
    const changed = await done(run(PYTHON, ['-c', READ, made]));
    for (const name of [made, `${made}.dat`, `${made}.dir`]) {
      assert.equal(
        sortedLines(await done(cli(['dump', name]))),
        sortedLines(changed.slice(changed.indexOf('\n') + 1)),
        name,
      );
    }
    const back = join(folder, 'back.db');
    await done(cli(['convert', made, back]));
    for (const format of ['ascii', 'binary', 'csv']) {
      const dumps = [back, made].map((path) => done(cli(['dump', '--format', format, path])));
      // Without the comments, which have the name; the order of the records is another one.
      const [theirs, ours] = (await Promise.all(dumps)).map((text) =>
        sortedLines(text.replaceAll(/^#[^l].*$/gm, '')),
      );
      assert.equal(ours.length, theirs.length, format);
      if (format !== 'binary') assert.ok(ours === theirs, format);
    }
  },
);

testWith(
  ['sqlite', 'machines', 'python'],
  'shelve of Python 3.13 opens a converted shelf of GDBM',
  async (t) => {
    const folder = await temporaryFolder(t);
    const shelf = join(folder, 'shelf');
    const fill = `
import dbm.gnu, shelve, sys
with shelve.Shelf(dbm.gnu.open(sys.argv[1], 'n')) as s:
    s['settings'] = {'a': [1, 2.5, None], 'é': b'\\x00\\xff'}
    for i in range(500): s['key %d' % i] = (i, 'x' * i)
`;
    await done(run(PYTHON, ['-c', fill, shelf]));
    const read = `
import hashlib, shelve, sys
with shelve.open(sys.argv[1]) as s:
    print(len(s), hashlib.sha256(repr(sorted(s.items())).encode()).hexdigest())
    s['written'] = 1
`;
    const wanted = await done(run(PYTHON, ['-c', read, shelf]));
    await done(cli(['delete', shelf, 'written']));
    for (const kind of ['dbm.sqlite3', 'dbm.dumb']) {
      const made = join(folder, kind);
      await done(withSqlite('convert', '--to', kind, shelf, made));
      assert.equal(await done(python313(read, made)), wanted, kind);
    }
  },
);

testWith(
  ['sqlite', 'machines'],
  'records that a killed Python left in the journal are read, and nothing is touched',
  async (t) => {
    const folder = await temporaryFolder(t);
    const path = join(folder, 'live');
    const fill = `
import os, shelve, sys
s = shelve.open(sys.argv[1])
for i in range(100): s['key %d' % i] = 'x' * i
os._exit(0)
`;
    await done(python313(fill, path));
    const names = (await readdir(folder)).sort();
    assert.deepEqual(names, ['live', 'live-shm', 'live-wal']);
    const before = await Promise.all(names.map((name) => readFile(join(folder, name))));
    assert.equal((await done(withSqlite('dump', path))).split('\n').length, 101);
    const after = await Promise.all(names.map((name) => readFile(join(folder, name))));
    assert.deepEqual((await readdir(folder)).sort(), names);
    assert.ok(before.every((bytes, i) => bytes.equals(after[i])));
    // A journal of another database would be applied to a new one of that name.
    await rename(path, join(folder, 'away'));
    const refused = await withSqlite('convert', '--to', 'dbm.sqlite3', fixture('amd64.db'), path);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /live-wal, which SQLite would apply to the new database/);
    assert.ok(!(await readdir(folder)).includes('live'));
  },
);

testWith('sqlite', 'a conversion in place keeps the old database, there and back', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'x');
  await copyFile(fixture('amd64.db'), path);
  await chmod(path, 0o640);
  const dumped = sortedLines(await done(cli(['dump', path])));
  await done(withSqlite('convert', '--no-lock', '--replace', '--to', 'dbm.sqlite3', path, path));
  assert.equal(sortedLines(await done(withSqlite('dump', path))), dumped);
  await done(withSqlite('convert', '--no-lock', '--replace', path, path));
  assert.equal(sortedLines(await done(cli(['dump', path]))), dumped);
  assert.deepEqual((await readdir(folder)).sort(), ['x', 'x.~1~', 'x.~2~']);
  // A folder in which every user may put a link in the place of a file.
  const open = join(folder, 'open');
  await mkdir(open);
  await chmod(open, 0o777);
  await done(withSqlite('convert', '--to', 'dbm.sqlite3', path, join(open, 'x')));
  assert.equal(sortedLines(await done(withSqlite('dump', join(open, 'x')))), dumped);
  assert.deepEqual(await readdir(open), ['x']);
});

testWith('sqlite', 'a damaged or foreign SQLite database is refused, and nothing is made', async (t) => {
  const folder = await temporaryFolder(t);
  const [path, out] = [join(folder, 'x'), join(folder, 'out')];
  const refused = async (about: RegExp) => {
    for (const args of [
      ['convert', path, out],
      ['dump', path, out],
    ]) {
      const { code, stderr } = await withSqlite(...args);
      assert.equal(code, 2);
      assert.match(stderr, about);
    }
    assert.deepEqual(await readdir(folder), ['x']);
  };
  await done(withSqlite('convert', '--to', 'dbm.sqlite3', fixture('amd64.db'), path));
  await truncate(path, 8192);
  await refused(/dbm\.sqlite3 is damaged: it has 8192 bytes, .* Try: sqlite3 .*x \.recover/);
  const sql = async (text: string) => {
    const script = `const { DatabaseSync } = require('node:sqlite'); new DatabaseSync(process.argv[1]).exec(process.argv[2])`;
    await writeFile(path, '');
    await done(run(SQLITE_NODE ?? '', ['--no-warnings', '-e', script, '--', path, text]));
  };
  await sql('CREATE TABLE Other (key, value)');
  await refused(/expected the table Dict/);
  const endless =
    'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS key, i AS value FROM n';
  await sql(`CREATE VIEW Dict AS ${endless}`);
  await refused(/expected the table Dict/);
  await sql('CREATE TABLE Dict (key BLOB, value AS (zeroblob(900000000)))');
  await refused(/expected the table Dict/);
});

testWith('sqlite', 'an SQLite database deletes no file, and computes no value of any size', async (t) => {
  const folder = await temporaryFolder(t);
  const [path, other] = [join(folder, 'x'), join(folder, 'other')];
  await done(withSqlite('convert', '--to', 'dbm.sqlite3', fixture('amd64.db'), path));
  const pages = (await stat(path)).size / 4096;
  await writeFile(other, 'not its own');
  // A journal of several databases, by the file format of SQLite: head, page of the lock, name, its size and sum, magic.
  const magic = Buffer.from('d9d505f920a163d7', 'hex');
  const uint32 = (...numbers: number[]) =>
    Buffer.concat(numbers.map((n) => Buffer.from([n >>> 24, n >>> 16, n >>> 8, n])));
  const name = Buffer.from(other);
  const sum = name.reduce((all, byte) => all + byte, 0);
  const head = Buffer.concat([magic, uint32(0, 1, pages, 512, 4096), Buffer.alloc(512 - 28)]);
  const end = [uint32(0x40000000 / 4096 + 1), name, uint32(name.length, sum), magic];
  await writeFile(`${path}-journal`, Buffer.concat([head, ...end]));
  for (const args of [
    ['check', path],
    ['dump', path, join(folder, 'out')],
    ['doctor', path],
  ]) {
    await withSqlite(...args);
    assert.equal(await readFile(other, 'utf8'), 'not its own', args[0]);
  }
  await rm(`${path}-journal`);
  const index =
    'CREATE TABLE t (a); INSERT INTO t VALUES (1); CREATE INDEX i ON t (length(hex(zeroblob(a * 60000000))))';
  const script = `const { DatabaseSync } = require('node:sqlite'); new DatabaseSync(process.argv[1]).exec(process.argv[2])`;
  await done(run(SQLITE_NODE ?? '', ['--no-warnings', '-e', script, '--', path, index]));
  const { stdout } = await withSqlite('check', path);
  assert.match(stdout, /not checked/);
  const { code, stderr } = await withSqlite('convert', path, join(folder, 'out'));
  assert.equal(code, 2);
  assert.match(stderr, /expected the table Dict and nothing else/);
});

testWith('sqlite', 'a key that comes again is refused, or the first one kept, by every kind', async (t) => {
  const folder = await temporaryFolder(t);
  const lines = join(folder, 'lines');
  await writeFile(
    lines,
    linesOf([
      ['a', 'first'],
      ['b', 'x'],
      ['a', 'second'],
    ]),
  );
  for (const kind of ['gdbm', 'dbm.sqlite3', 'dbm.dumb']) {
    const out = join(folder, kind);
    const { code, stderr } = await withSqlite('load', '--to', kind, lines, out);
    assert.equal(code, 2);
    assert.match(stderr, /expected each key once/);
    assert.deepEqual(
      await readdir(folder).then((names) => names.filter((name) => name.startsWith(kind))),
      [],
    );
    await done(withSqlite('load', '--to', kind, '--duplicates', 'first', lines, out));
    assert.equal(
      sortedLines(await done(withSqlite('dump', out))),
      sortedLines(
        linesOf([
          ['a', 'first'],
          ['b', 'x'],
        ]),
      ),
    );
  }
  const again = await withSqlite(
    'load',
    '--to',
    'dbm.dumb',
    '--duplicates',
    'first',
    lines,
    join(folder, 'dbm.dumb'),
  );
  assert.equal(again.code, 2);
  assert.match(again.stderr, /dbm\.dumb\.dat: expected no such file/);
  const format = await cli(['load', '--to', 'dbm.dumb', '--block-size', '512', lines, join(folder, 'y')]);
  assert.match(format.stderr, /expected --to dbm\.dumb without --block-size/);
});

testWith('machines', 'a Node without SQLite is told, and which one has it', async (t) => {
  const folder = await temporaryFolder(t);
  const [lite, preload] = [join(folder, 'lite'), join(folder, 'none.cjs')];
  await writeFile(preload, 'process.getBuiltinModule = () => undefined;');
  await done(python313('import shelve, sys\nwith shelve.open(sys.argv[1]) as s: s["a"] = 1', lite));
  const env = { NODE_OPTIONS: `--require ${preload}` };
  for (const args of [
    ['convert', '--to', 'dbm.sqlite3', fixture('amd64.db'), join(folder, 'out')],
    ['dump', lite],
  ]) {
    const { code, stdout, stderr } = await cliProcess(args, env);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(
      stderr,
      /dbm\.sqlite3 is read and written by the SQLite of Node 22\.13 and later, and this is Node \d/,
    );
  }
  assert.deepEqual((await readdir(folder)).sort(), ['lite', 'none.cjs']);
});

testWith(['sqlite', 'machines'], 'check and doctor tell of other databases as what they are', async (t) => {
  const folder = await temporaryFolder(t);
  const lite = join(folder, 'lite');
  await done(python313('import shelve, sys\nwith shelve.open(sys.argv[1]) as s: s.update(a=1, b=2)', lite));
  const dumb = join(folder, 'dumb');
  await done(cli(['convert', '--to', 'dbm.dumb', fixture('amd64.db'), dumb]));
  const told = async (path: string, code: number, about: RegExp) => {
    for (const command of ['check', 'doctor']) {
      const ran = await withSqlite(command, path);
      assert.match(ran.stdout, about, command);
      assert.equal(ran.code, code, `${command} ${path}`);
      assert.doesNotMatch(ran.stdout, /gdbm-doctor repair/, command);
      const { stdout } = await withSqlite(command, '--json', path);
      const [file] = (JSON.parse(stdout) as { files: { otherDatabase: { files: string[] } }[] }).files;
      assert.equal(file.otherDatabase.files.length, path === lite ? 1 : 2);
    }
  };
  await told(lite, 0, /healthy dbm\.sqlite3 \(not GDBM\), 2 records/);
  await told(dumb, 0, /healthy dbm\.dumb \(not GDBM\), 102 records/);
  const bytes = await readFile(lite);
  // A page of the table.
  bytes.fill('z', 4096, 4200);
  await writeFile(lite, bytes);
  await told(lite, 1, /DAMAGED dbm\.sqlite3 \(not GDBM\)[^]*SQLite says[^]*sqlite3 .*lite \.recover/);
  await truncate(`${dumb}.dat`, 600);
  await told(dumb, 1, /DAMAGED dbm\.dumb \(not GDBM\)[^]*line \d+ of .*dumb\.dir leads to/);
});

testWith(
  'python',
  'a GDBM file that became a dbm.dumb is set aside, and what is written then comes back',
  async (t) => {
    const folder = await temporaryFolder(t);
    const [path, back] = [join(folder, 'x'), join(folder, 'back')];
    await copyFile(fixture('amd64.db'), path);
    const refused = await cli(['convert', '--no-lock', '--to', 'dbm.dumb', fixture('arm64.db'), path]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /expected no database of this name.*--replace/);
    assert.deepEqual(await readdir(folder), ['x']);
    const before = await readFile(path);
    assert.match(
      await done(cli(['convert', '--no-lock', '--to', 'dbm.dumb', path, path])),
      /as it was: .*x\.~1~/,
    );
    assert.deepEqual((await readdir(folder)).sort(), ['x.dat', 'x.dir', 'x.~1~']);
    assert.ok(before.equals(await readFile(`${path}.~1~`)));
    await done(
      run(PYTHON, ['-c', "import dbm, sys\nwith dbm.open(sys.argv[1], 'w') as d: d['new'] = 'x'", path]),
    );
    await done(cli(['convert', path, back]));
    assert.equal((await done(cli(['dump', back]))).split('\n').length - 1, 103);
    await copyFile(fixture('amd64.db'), `${path}2`);
    const other = ['convert', '--no-lock', '--replace', '--to', 'dbm.dumb', fixture('arm64.db'), `${path}2`];
    assert.match(await done(cli(other)), /as it was: .*x2\.~1~/);
  },
);

test('every command tells that a name has two databases, and those that copy its records refuse', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'x');
  await done(cli(['convert', '--to', 'dbm.dumb', fixture('amd64.db'), path]));
  await copyFile(fixture('amd64.db'), path);
  const about =
    /two databases have this name: Python opens .*x\.dat and .*x\.dir \(dbm\.dumb\).*\(gdbm\).*cp -i .*x .*x\.copy/;
  for (const args of [['check'], ['list'], ['repair', '--dry-run', '--no-lock'], ['inspect']]) {
    const { code, stderr } = await cli([...args, path]);
    assert.match(stderr.replaceAll(/\s+/g, ' '), about, args[0]);
    assert.equal(code, 0, args[0]);
  }
  for (const args of [
    ['dump', path],
    ['convert', path, join(folder, 'out')],
  ]) {
    const { code, stdout, stderr } = await cli(args);
    assert.match(stderr.replaceAll(/\s+/g, ' '), about, args[0]);
    assert.deepEqual([code, stdout], [2, ''], args[0]);
  }
  assert.match((await cliProcess(['watch', '--once', path], {})).stderr, /two databases/);
  await done(cli(['dump', `${path}.dat`]));
});

test('a command that reads only GDBM says what a dbm.dumb is, and which commands read it', async (t) => {
  const path = join(await temporaryFolder(t), 'x');
  await done(cli(['convert', '--to', 'dbm.dumb', fixture('amd64.db'), path]));
  for (const args of [
    ['get', path, 'key'],
    ['list', path],
    ['repair', path],
  ]) {
    const { code, stderr } = await cli(args);
    assert.equal(code, 2, args[0]);
    const [, dump, convert] =
      /this is a dbm\.dumb database.* (dump .*); .*gdbm-doctor (convert .*)/.exec(
        stderr.replaceAll(/\s+/g, ' ').trim(),
      ) ?? [];
    assert.ok(dump, stderr);
    await done(cli(dump.split(' ')));
    if (args[0] === 'get') await done(cli(convert.split(' ')));
  }
});
