import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { cli, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';

/** Lives of a database that leave free space: keys that are stored, of how many bytes, and what happens to them. */
const LIVES: Readonly<Record<string, string>> = {
  'most records deleted': `
for i in range(20000): d['key %d' % i] = 'x' * (i % 200)
for i in range(20000):
    if i % 50: del d['key %d' % i]`,
  'all records deleted': `
for i in range(5000): d['key %d' % i] = 'x' * 300
for i in range(5000): del d['key %d' % i]`,
  'values that grow': `
for size in range(0, 4000, 100):
    for i in range(300): d['key %d' % i] = 'x' * (size + i)`,
  'one large value saved again and again': `
for size in range(100000, 3000000, 100000): d['events'] = 'x' * size
d['events'] = 'small'`,
  'nothing but stores': `
for i in range(20000): d['key %d' % i] = 'value %d' % i`,
};

async function json<T>(...args: string[]): Promise<{ code: number | null; file: T }> {
  const { code, stdout } = await cli(args);
  return { code, file: (JSON.parse(stdout) as { files: T[] }).files[0] };
}

interface Checked {
  verdict: string;
  records: { count: number };
  findingCounts: Record<string, number>;
  space: { bytes: Record<string, number> };
}
interface Compacted {
  action: string;
  sizeBefore: number;
  sizeAfter: number;
  kept: number;
  backup: string | null;
}

for (const [life, script] of Object.entries(LIVES)) {
  testWith(['python', 'flock'], `compact leaves no more than libgdbm's reorganize: ${life}`, async (t) => {
    const folder = await temporaryFolder(t);
    const [path, theirs] = [join(folder, 'x.db'), join(folder, 'theirs.db')];
    const made = await run(PYTHON, [
      '-c',
      `import dbm.gnu, sys\nd = dbm.gnu.open(sys.argv[1], 'nf')${script}`,
      path,
    ]);
    assert.equal(made.code, 0, made.stderr);
    await copyFile(path, theirs);
    await run(PYTHON, ['-c', "import dbm.gnu, sys\ndbm.gnu.open(sys.argv[1], 'w').reorganize()", theirs]);
    const dump = async () => (await cli(['dump', path])).stdout.split('\n').sort().join('\n');
    const records = await dump();
    const before = await json<Checked>('check', '--json', path);
    assert.equal(before.code, 0);
    const { size } = await stat(path);
    const free = before.file.space.bytes['free'] + before.file.space.bytes['unaccounted'];
    const isMostlyFree = free * 2 > size && free >= 1 << 20;
    assert.equal('space-mostly-free' in before.file.findingCounts, isMostlyFree);
    const told = /^ {2}free .*%.* gdbm-doctor compact /m.test(
      (await cli(['check', path])).stdout.replace(/\n {15}/g, ' '),
    );
    assert.equal(told, isMostlyFree);
    const whole = await readFile(path);

    const { code, file } = await json<Compacted>('compact', '--json', path);
    assert.equal(code, 0);
    assert.equal(file.sizeBefore, size);
    assert.equal(file.kept, before.file.records.count);
    assert.equal((await stat(path)).size, file.sizeAfter);
    assert.ok(
      file.sizeAfter <= (await stat(theirs)).size,
      `${file.sizeAfter} and ${(await stat(theirs)).size}`,
    );
    assert.ok(file.sizeAfter <= size);
    assert.equal(await dump(), records);
    if (file.action === 'compacted') assert.ok((await readFile(file.backup!)).equals(whole));
    const after = await json<Checked>('check', '--json', path);
    assert.deepEqual([after.code, after.file.findingCounts], [0, {}]);
    const found = `import dbm.gnu, sys\nd = dbm.gnu.open(sys.argv[1])\nprint(len(d), all(d[k] is not None for k in d.keys()))`;
    assert.equal((await run(PYTHON, ['-c', found, path])).stdout, `${file.kept} True\n`);

    const again = await json<Compacted>('compact', '--json', path);
    assert.deepEqual([again.file.action, again.file.sizeAfter], ['none', file.sizeAfter]);
  });
}

testWith('flock', 'compact of a damaged file changes nothing, and writes elsewhere if asked', async (t) => {
  const folder = await temporaryFolder(t);
  const [path, out] = [join(folder, 'x.db'), join(folder, 'out.db')];
  await copyFile(fixture('amd64.db'), path);
  assert.equal((await cli(['compact', '-o', out, path])).code, 0);
  assert.equal((await cli(['diff', path, out])).code, 0);
  await truncate(path, 9000);
  const { code, stderr } = await cli(['compact', path]);
  assert.equal(code, 2);
  assert.match(stderr, /the database is damaged; nothing was changed\. Run: gdbm-doctor repair/);
  assert.deepEqual((await readdir(folder)).sort(), ['out.db', 'x.db']);
  assert.equal((await stat(path)).size, 9000);
});
