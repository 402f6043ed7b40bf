import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { check } from '../../src/examine.js';
import { repair } from '../../src/repair.js';
import { openFileSource } from '../../src/source/file.js';
import { cli, run } from '../tools/cli.js';
import { DAMAGES, damageFile } from '../tools/damage.js';
import { sample, SWEEP } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import type { Step } from '../tools/libgdbm.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { PYTHON, testWith } from '../tools/needs.js';
import { Random } from '../tools/random.js';
import { outcome, randomSteps } from '../tools/records.js';

function libgdbm(t: TestContext): LibGdbm {
  const lib = new LibGdbm();
  t.after(() => lib.close());
  return lib;
}

async function checkFile(path: string) {
  const source = await openFileSource(path);
  try {
    return await check(source);
  } finally {
    await source.close();
  }
}

/** Records that `dump` writes of a file, in the form that the real library's walk has. */
async function dumped(path: string): Promise<[string, string][]> {
  const { stdout, code, stderr } = await cli(['dump', path, '--format', 'ndjson']);
  assert.equal(code, 0, stderr);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines
    .map((line) => JSON.parse(line) as { key: string; value: string })
    .map(({ key, value }): [string, string] => [key, value])
    .sort();
}

const BLOCK_SIZES = [512, 1024, 4096, 16384, 65536];
const COUNTS = [0, 1, 700];
const MANY = SWEEP ? 100_000 : 15_000;
/** MiB. */
const LARGE = SWEEP ? 100 : 20;

for (const numsync of [false, true]) {
  const kind = numsync ? 'numsync' : 'standard';
  testWith('libgdbm', `${kind} files of the real library are healthy and hold what it says`, async (t) => {
    const folder = await temporaryFolder(t);
    const lib = libgdbm(t);
    for (const blockSize of sample(BLOCK_SIZES, 3, Number(numsync))) {
      for (const records of COUNTS) {
        const path = join(folder, `${blockSize}-${records}.db`);
        const steps = randomSteps(new Random(blockSize + records), records);
        await lib.create(path, numsync ? [...steps, ['sync'], ['sync']] : steps, { blockSize, numsync });
        const result = await checkFile(path);
        assert.equal(result.verdict, 'healthy', JSON.stringify(result.findings));
        assert.equal(result.libgdbm, null);
        assert.equal(result.format?.variant, kind);
        assert.equal(result.format?.geometry.blockSize, blockSize);
        assert.ok(result.findings.every(({ severity }) => severity === 'note'));
        const held = outcome(steps);
        assert.deepEqual(await dumped(path), held);
        assert.deepEqual(await lib.walk(path), held);
        if (numsync) assert.equal(result.format?.extended?.numsync, 2);
      }
    }
  });
}

testWith(
  ['libgdbm', 'gdbmtool'],
  `a file of ${MANY} records after updates and deletes is healthy`,
  async (t) => {
    const folder = await temporaryFolder(t);
    const lib = libgdbm(t);
    const path = join(folder, 'large.db');
    const steps: Step[] = [];
    for (let i = 0; i < MANY; i++) steps.push(['store', Buffer.from(`k${i}`), Buffer.alloc(i % 61, 1)]);
    for (let i = 0; i < MANY; i += 7) steps.push(['store', Buffer.from(`k${i}`), Buffer.alloc(i % 211, 2)]);
    for (let i = 0; i < MANY; i += 11) steps.push(['delete', Buffer.from(`k${i}`)]);
    await lib.create(path, steps);
    const result = await checkFile(path);
    assert.equal(result.verdict, 'healthy', JSON.stringify(result.findings));
    assert.equal(result.records.count, await lib.count(path));
    const { stdout } = await cli(['list', path]);
    assert.equal(stdout.split('\n').length - 1, result.records.count);
  },
);

testWith(['libgdbm', 'gdbmtool'], 'a rebuilt file is one that libgdbm takes as its own', async (t) => {
  const folder = await temporaryFolder(t);
  const lib = libgdbm(t);
  for (const numsync of [false, true]) {
    for (const blockSize of sample([512, 4096, 65536], 2, Number(numsync))) {
      const path = join(folder, `${numsync}-${blockSize}.db`);
      const output = `${path}.fixed`;
      const steps = randomSteps(new Random(blockSize), 900);
      await lib.create(path, steps, { blockSize, numsync });
      await repair(path, { output });
      const held = outcome(steps);
      assert.deepEqual(await lib.walk(output), held);
      assert.equal(await lib.count(output), held.length);
      // libgdbm's own check says that there is nothing to recover.
      const { stdout, stderr } = await run('gdbmtool', ['--norc', output, 'recover', 'verbose', 'summary']);
      assert.match(stdout + stderr, /Keys recovered: 0, failed: 0, duplicate: 0/);
      // And goes on working with it: free space, splits, deletes.
      const more = randomSteps(new Random(7), 900, 2000);
      await lib.change(output, more);
      assert.deepEqual(await lib.walk(output), outcome([...steps, ...more]));
      assert.equal((await checkFile(output)).verdict, 'healthy');
    }
  }
});

for (const [turn, [name, { code }]] of Object.entries(DAMAGES).entries()) {
  testWith('libgdbm', `${name}: found, named ${code}, and every record comes back`, async (t) => {
    const folder = await temporaryFolder(t);
    const lib = libgdbm(t);
    for (const numsync of sample([false, true], 1, turn)) {
      const path = join(folder, `${numsync}.db`);
      const steps = randomSteps(new Random(3), 400);
      await lib.create(path, steps, { blockSize: 1024, numsync });
      await damageFile(path, name);
      const before = await checkFile(path);
      assert.equal(before.verdict, 'damaged');
      assert.ok(code in before.findingCounts, `${code} in ${JSON.stringify(before.findingCounts)}`);
      const result = await repair(path);
      assert.equal(result.action, 'repaired');
      assert.equal(result.lost.records, 0);
      assert.deepEqual(await lib.walk(path), outcome(steps));
      assert.equal((await checkFile(path)).format?.variant, numsync ? 'numsync' : 'standard');
      const more = randomSteps(new Random(7), 400, 2000);
      await lib.change(path, more);
      assert.deepEqual(await lib.walk(path), outcome([...steps, ...more]));
      assert.equal((await checkFile(path)).verdict, 'healthy');
    }
  });
}

testWith(
  ['libgdbm', 'gdbmtool'],
  'a file whose header block was zeroed is one that libgdbm takes as its own',
  async (t) => {
    const folder = await temporaryFolder(t);
    const lib = libgdbm(t);
    for (const blockSize of [512, 4096]) {
      const path = join(folder, `${blockSize}.db`);
      const steps = randomSteps(new Random(blockSize), 2000);
      await lib.create(path, steps, { blockSize });
      const bytes = await readFile(path);
      await writeFile(path, bytes.fill(0, 0, blockSize));
      assert.equal((await repair(path)).action, 'repaired');
      assert.equal((await stat(path)).size, bytes.length);
      assert.deepEqual(await lib.walk(path), outcome(steps));
      const { stdout, stderr } = await run('gdbmtool', ['--norc', path, 'recover', 'verbose', 'summary']);
      assert.match(stdout + stderr, /Keys recovered: 0, failed: 0, duplicate: 0/);
      const more = randomSteps(new Random(7), 2000, 2000);
      await lib.change(path, more);
      assert.deepEqual(await lib.walk(path), outcome([...steps, ...more]));
      assert.equal((await checkFile(path)).verdict, 'healthy');
    }
  },
);

testWith('python', 'what a SIGKILL left of a shelve opens in Python again, with every value', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'killed.db');
  await copyFile(fixture('killed-shelve.db'), path);
  const code =
    'import shelve, sys; s = shelve.open(sys.argv[1], "w"); print(len(s), sum(s[k]["id"] for k in s))';
  const refused = await run(PYTHON, ['-c', code, path]);
  assert.match(refused.stderr, /Database needs recovery/);
  const repaired = await cli(['repair', path]);
  assert.equal(repaired.code, 0, repaired.stderr);
  const opened = await run(PYTHON, ['-c', code, path]);
  // Tasks are numbered from 0, so their sum tells that each is there once.
  assert.equal(opened.stdout, `396 ${(395 * 396) / 2}\n`, opened.stderr);
});

testWith('python', 'a file of no bytes becomes an empty database that Python opens', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'empty.db');
  await run('touch', [path]);
  const code = 'import shelve, sys; print(len(shelve.open(sys.argv[1], "w")))';
  assert.match((await run(PYTHON, ['-c', code, path])).stderr, /db type could not be determined/);
  const repaired = await cli(['repair', path]);
  assert.equal(repaired.code, 0, repaired.stderr);
  assert.equal((await run(PYTHON, ['-c', code, path])).stdout, '0\n');
});

testWith(
  'libgdbm',
  `empty keys, empty values and a value of ${LARGE} MiB come through byte for byte`,
  async (t) => {
    const folder = await temporaryFolder(t);
    const lib = libgdbm(t);
    const path = join(folder, 'big.db');
    const big = Buffer.alloc(LARGE << 20, 'one hundred mebibytes of this ');
    const python =
      'import dbm.gnu, sys\n' +
      'd = dbm.gnu.open(sys.argv[1], "n")\n' +
      `d[b"big"] = (b"one hundred mebibytes of this " * (4 << 20))[: ${LARGE} << 20]\n` +
      'd[b""] = b"empty key"\n' +
      'd[b"empty value"] = b""\n';
    const made = await run(PYTHON, ['-c', python, path]);
    assert.equal(made.code, 0, made.stderr);
    await repair(path, { output: `${path}.fixed` });
    const got = await cli(['get', `${path}.fixed`, 'big']);
    assert.ok(got.raw.equals(big));
    assert.equal((await cli(['get', `${path}.fixed`, ''])).stdout, 'empty key');
    assert.equal(await lib.count(`${path}.fixed`), 3);
  },
);

testWith('mandb', "man-db's own index is healthy and lists as many keys as it has", async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'index.db');
  // A manual of its own, so that the test does not depend on which pages a machine has.
  const pages = join(folder, 'man', 'man1');
  await mkdir(pages, { recursive: true });
  for (let i = 0; i < 40; i++) {
    const text = `.TH PAGE${i} 1\n.SH NAME\npage${i} \\- page number ${i}\n`;
    await writeFile(join(pages, `page${i}.1`), text);
  }
  await run('sh', ['-c', `printf 'MANDB_MAP ${folder}/man ${folder}/cache\\n' > ${folder}/conf`]);
  const made = await run('mandb', ['-C', join(folder, 'conf'), '-u', join(folder, 'man')]);
  const found = await run('find', [folder, '-name', 'index.db']);
  assert.notEqual(found.stdout, '', made.stderr);
  await copyFile(found.stdout.trim().split('\n')[0], path);
  const result = await checkFile(path);
  assert.equal(result.verdict, 'healthy', JSON.stringify(result.findings));
  assert.ok(result.records.count >= 40, `${result.records.count} records`);
  assert.equal(result.libgdbm, null);
  assert.ok((await stat(path)).size > 0);
  assert.ok((await readFile(path)).length > 0);
});
