import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import test from 'node:test';
import { checkDbm } from '../../src/dbm/check.js';
import { parseDumbLine } from '../../src/dbm/dumb.js';
import type { DbmKind } from '../../src/dbm/kind.js';
import { whichDbm } from '../../src/dbm/which.js';
import { cli, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { runOn } from '../tools/machines.js';
import { PYTHON, testWith } from '../tools/needs.js';

const berkeley = Buffer.alloc(512);
berkeley.writeUInt32LE(0x00061561, 12);

/** Contents of a file that decide its kind. */
const CONTENTS: Readonly<Record<string, Buffer>> = {
  gdbm: Buffer.from('cf9a571300100000', 'hex'),
  sqlite: Buffer.from('SQLite format 3\0 and more'),
  berkeley,
  index: Buffer.from("'key', (0, 5)\n"),
  other: Buffer.from('0123456789abcdef'),
  short: Buffer.from('ab'),
  empty: Buffer.alloc(0),
};

/** The kinds of ours that an answer of Python's whichdb stands for. */
const SAME: Readonly<Record<string, readonly DbmKind[]>> = {
  'dbm.gnu': ['gdbm'],
  'dbm.sqlite3': ['dbm.sqlite3'],
  'dbm.dumb': ['dbm.dumb'],
  'dbm.ndbm': ['ndbm', 'gdbm'],
  // It does not know Berkeley DB any more.
  '': ['unknown', 'berkeley-db'],
  None: ['none'],
};

testWith('machines', "a name leads to the database that Python 3.13's whichdb names", async (t) => {
  const folder = await temporaryFolder(t);
  const names: string[] = [];
  const put = async (files: Record<string, string>) => {
    const name = join(folder, `${names.length}`, 'x');
    await mkdir(join(name, '..'));
    for (const [suffix, content] of Object.entries(files)) await writeFile(name + suffix, CONTENTS[content]);
    names.push(name);
  };
  for (const itself of [...Object.keys(CONTENTS), undefined]) {
    for (const dir of ['index', 'other', 'empty', undefined]) {
      for (const data of [
        {},
        { '.dat': 'other' },
        { '.pag': 'other' },
        { '.dat': 'other', '.pag': 'gdbm' },
      ]) {
        await put({ ...(itself && { '': itself }), ...(dir && { '.dir': dir }), ...data });
      }
    }
  }
  const script = 'import dbm, sys\nfor name in sys.argv[1:]: print(dbm.whichdb(name))';
  const { stdout, stderr } = await runOn('trixie', 'python3.13', '-c', script, ...names);
  const answers = stdout.split('\n').slice(0, -1);
  assert.equal(answers.length, names.length, stderr);
  const wrong: string[] = [];
  for (const [i, answer] of answers.entries()) {
    const { kind, files } = await whichDbm(names[i]);
    if (!SAME[answer].includes(kind))
      wrong.push(`${answer} is ${kind}: ${files.map((one) => basename(one)).join()}`);
  }
  assert.deepEqual(wrong, []);
});

test('the name of a file of a pair leads to the pair, with every file of it', async (t) => {
  const folder = await temporaryFolder(t);
  const file = async (name: string, content: keyof typeof CONTENTS) => {
    await writeFile(join(folder, name), CONTENTS[content]);
  };
  await file('dumb.dat', 'other');
  await file('dumb.dir', 'index');
  await file('dumb.bak', 'empty');
  await file('classic.pag', 'other');
  await file('classic.dir', 'other');
  await file('debian.db', 'berkeley');
  await file('unindexed.dat', 'other');
  await file('unindexed.bak', 'index');
  await file('lite', 'sqlite');
  await file('lite-wal', 'other');
  await file('lite-shm', 'other');
  const found = async (name: string) => {
    const { kind, files } = await whichDbm(join(folder, name));
    return [kind, ...files.map((path) => basename(path))];
  };
  for (const name of ['dumb', 'dumb.dat', 'dumb.dir', 'dumb.bak']) {
    assert.deepEqual(await found(name), ['dbm.dumb', 'dumb.dat', 'dumb.dir', 'dumb.bak']);
  }
  for (const name of ['classic', 'classic.pag', 'classic.dir']) {
    assert.deepEqual(await found(name), ['ndbm', 'classic.pag', 'classic.dir']);
  }
  assert.deepEqual(await found('debian'), ['berkeley-db', 'debian.db']);
  assert.deepEqual(await found('unindexed'), ['dbm.dumb', 'unindexed.dat', 'unindexed.bak']);
  assert.deepEqual(await found('lite'), ['dbm.sqlite3', 'lite', 'lite-wal']);
  assert.deepEqual(await found('missing'), ['none']);
  assert.deepEqual(await found('missing/x'), ['none']);
  await copyFile(fixture('amd64.db'), join(folder, 'gnu.db'));
  assert.deepEqual(await found('gnu.db'), ['gdbm', 'gnu.db']);
});

const EVERY_BYTE = 'bytes(range(256)).decode("latin-1")';

testWith('python', "each line that Python's dbm.dumb writes is read as Python reads it", async (t) => {
  const path = join(await temporaryFolder(t), 'x');
  const keys = [EVERY_BYTE, '"\'"', '"\'\\""', '""', '"\\\\\\\\n"', '"(1, 2)"'];
  const script = `
import dbm.dumb, sys
with dbm.dumb.open(sys.argv[1], 'n') as d:
    for key in [${keys.join(', ')}]: d[key.encode('latin-1')] = key.encode('latin-1')
    d[b'again'] = b'x' * 700
with dbm.dumb.open(sys.argv[1]) as d:
    del d[b'again']
    d[b'new'] = b''
for line in open(sys.argv[1] + '.dir', encoding='latin-1'): print(repr(line))
with dbm.dumb.open(sys.argv[1], 'r') as d:
    print(len(d))
    for key in d: print(key.hex(), *d._index[key])
`;
  const { stdout, stderr } = await run(PYTHON, ['-c', script, path]);
  const count = keys.length + 1;
  const lines = stdout.split('\n');
  assert.equal(lines[count], `${count}`, stderr);
  const checked = await checkDbm(await whichDbm(path));
  assert.deepEqual(checked, { verdict: 'sound', records: count, problems: [] });
  const text = await readFile(`${path}.dir`);
  const parsed = text
    .toString('latin1')
    .split('\n')
    .slice(0, -1)
    .map((line) => parseDumbLine(Buffer.from(line, 'latin1')))
    .map((entry) => entry && `${Buffer.from(entry.key).toString('hex')} ${entry.pos} ${entry.size}`);
  assert.deepEqual(parsed.sort(), lines.slice(count + 1, -1).sort());
});

test('a line that is no string with two numbers is not taken for one', () => {
  const lines = [
    '',
    "'",
    "'key",
    "'key'",
    "'key', 1",
    "'key', (0, 5, 6)",
    "'key', (-1, 5)",
    "'key', (0, 5) + 1",
    "'key' 'more', (0, 5)",
    "b'key', (0, 5)",
    "'\\q', (0, 5)",
    "'\\x4', (0, 5)",
    "__import__('os'), (0, 5)",
    `'key', (0, ${'9'.repeat(30)})`,
  ];
  for (const line of lines) assert.equal(parseDumbLine(Buffer.from(line)), undefined, line);
});

test('damage of a dbm.dumb is told by the line that leads astray, and its parts by themselves', async (t) => {
  const path = join(await temporaryFolder(t), 'x');
  const check = async (index: string | undefined, data: number) => {
    if (index !== undefined) await writeFile(`${path}.dir`, index);
    await writeFile(`${path}.dat`, Buffer.alloc(data));
    return checkDbm(await whichDbm(path));
  };
  assert.deepEqual(await check("'a', (0, 600)\n'b', (1024, 0)\n'c', (1024, 5)\n", 1029), {
    verdict: 'sound',
    records: 3,
    problems: [],
  });
  const problem = async (index: string, data = 2000) => {
    const { verdict, problems } = await check(index, data);
    assert.equal(verdict, 'damaged', index);
    return problems.join();
  };
  assert.match(
    await problem("'a', (0, 600)\n'b', (1024, 5)\n", 1028),
    /line 2 .* bytes 1024 to 1029 .* has 1028/,
  );
  assert.match(await problem("'a', (0, 600)\n'b', (512, 5)\n"), /line 2 .* an earlier line has/);
  assert.match(await problem("'a', (0, 600)\n\n"), /line 2 .* is no key/);
  assert.match(await problem("'a', (0, 600)\n'b', (512"), /line 2 .* is no key/);
});

test('a sparse dbm.dumb of any size is not looked at block by block', async (t) => {
  const path = join(await temporaryFolder(t), 'x');
  await writeFile(`${path}.dat`, '');
  await truncate(`${path}.dat`, 2 ** 42);
  await writeFile(`${path}.dir`, `'a', (0, ${2 ** 42})\n`);
  assert.equal((await checkDbm(await whichDbm(path))).verdict, 'unknown');
});

test('a header of SQLite that does not fit its file is damage, with its reason', async (t) => {
  const path = join(await temporaryFolder(t), 'x');
  const header = Buffer.alloc(4096);
  header.write('SQLite format 3\0', 'latin1');
  header.writeUInt16BE(4096, 16);
  header.set([1, 1, 0, 64, 32, 32], 18);
  header.writeUInt32BE(2, 28);
  const problem = async (bytes: Uint8Array) => {
    await writeFile(path, bytes);
    const { verdict, problems } = await checkDbm(await whichDbm(path));
    return `${verdict}: ${problems.join()}`;
  };
  assert.match(await problem(header), /^damaged: it has 4096 bytes, and 2 pages of 4096/);
  assert.match(await problem(header.subarray(0, 60)), /^damaged: its header is cut off/);
  header.writeUInt16BE(4097, 16);
  assert.match(await problem(header), /^damaged: its page size is 4097/);
});

testWith(
  'python',
  'an index that lost lines is damage, and one after any deletions by Python is none',
  async (t) => {
    const path = join(await temporaryFolder(t), 'x');
    const check = async () => checkDbm(await whichDbm(path));
    const python = async (script: string) => {
      const { code, stderr } = await run(PYTHON, [
        '-c',
        `import dbm.dumb, os, sys\npath = sys.argv[1]\n${script}`,
        path,
      ]);
      assert.equal(code, 0, stderr);
    };
    const fill = `
d = dbm.dumb.open(path, 'n')
for i in range(50): d['key %d' % i] = 'x' * i
d.close()
d = dbm.dumb.open(path, 'w')
`;
    for (const [change, records] of [
      ['d.close()', 50],
      ["d['key 3'] = 'y' * 3000; d['new'] = 'z'; d.close()", 51],
      ["for i in range(30): del d['key %d' % i]\nos._exit(0)", 20],
      ["for i in range(30): del d['key %d' % i]\nd['new'] = 'z' * 700\nd.close()", 21],
      ['for key in d.keys(): del d[key]\nos._exit(0)', 0],
      ['for key in d.keys(): del d[key]\nd.close()', 0],
    ] as const) {
      await python(fill + change);
      assert.deepEqual(await check(), { verdict: 'sound', records, problems: [] }, change);
    }
    await python(`${fill}d['key 0'] = 'y'; d.close()`);
    const index = await readFile(`${path}.dir`, 'latin1');
    const lines = index.split('\n');
    for (const kept of [0, 1, 10, 47]) {
      await writeFile(
        `${path}.dir`,
        lines
          .slice(0, kept)
          .map((line) => `${line}\n`)
          .join(''),
      );
      const { verdict, problems, isJoined } = await check();
      assert.equal(verdict, 'damaged', `${kept}`);
      assert.match(problems.join(), new RegExp(`has ${kept} keys and lacks ${50 - kept} keys`));
      assert.equal(isJoined, undefined);
    }
    const tried = (await cli(['dump', path])).stderr;
    assert.match(tried, /Try: cp -i .*x\.bak .*x\.dir/);
    // A program went on with what was left: both are needed.
    await python("d = dbm.dumb.open(path, 'w'); d['later'] = 'z'; os._exit(0)");
    const { stdout, code } = await cli(['check', path]);
    assert.equal(code, 1);
    const line = /To do: (.*)/.exec(stdout)?.[1] ?? '';
    assert.equal((await run('sh', ['-c', `yes | (${line})`])).code, 0);
    assert.deepEqual(await check(), { verdict: 'sound', records: 51, problems: [] });
    await rm(`${path}.bak`);
    await writeFile(`${path}.dir`, '');
    assert.match((await check()).problems.join(), /is empty, and no line leads to/);
  },
);
