import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import type { Range } from '../../src/source/ranges.js';
import { orSearched, ReadAround } from '../../src/source/readaround.js';
import { cli, run } from '../tools/cli.js';
import { sample } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { PYTHON, testWith } from '../tools/needs.js';
import { temporaryFolder } from '../tools/folder.js';

const PAGE = 4096;
const bytes = Uint8Array.from({ length: 10 * PAGE + 100 }, (_, i) => 1 + (i % 251));

/** A disk that cannot read some ranges. */
function disk(bad: readonly Range[]) {
  return async (offset: number, into: Uint8Array): Promise<void> => {
    const end = offset + into.length;
    if (bad.some((range) => range.offset < end && range.offset + range.length > offset)) {
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    }
    into.set(bytes.subarray(offset, end));
  };
}

/** The bytes with whole pages of zeros where a range cannot be read. */
function expected(bad: readonly Range[]): Uint8Array {
  const left = bytes.slice();
  for (const { offset, length } of bad) {
    const first = Math.floor(offset / PAGE) * PAGE;
    left.fill(0, first, Math.ceil((offset + length) / PAGE) * PAGE);
  }
  return left;
}

for (const bad of [
  [{ offset: 0, length: 512 }],
  [{ offset: 3 * PAGE + 1024, length: 512 }],
  [{ offset: 2 * PAGE - 10, length: 20 }],
  [{ offset: 10 * PAGE, length: 100 }],
  [
    { offset: PAGE, length: 1 },
    { offset: 4 * PAGE, length: 2 * PAGE },
  ],
]) {
  const name = bad.map(({ offset, length }) => `${length} at ${offset}`).join(', ');
  test(`pages that cannot be read are zeros and are listed: ${name}`, async () => {
    const around = new ReadAround(disk(bad), bytes.length);
    const all = new Uint8Array(bytes.length);
    await around.readInto(0, all);
    assert.deepEqual(all, expected(bad));
    for (const [from, length] of [
      [0, 10],
      [PAGE - 5, 10],
      [3 * PAGE, 5 * PAGE],
      [bytes.length - 50, 50],
    ]) {
      const part = new Uint8Array(length);
      await around.readInto(from, part);
      assert.deepEqual(part, expected(bad).subarray(from, from + length));
    }
    for (const { offset, length } of around.unreadable())
      assert.ok(all.subarray(offset, offset + length).every((byte) => byte === 0));
    assert.equal(
      around.unreadable().reduce((sum, { length }) => sum + length, 0),
      expected(bad).filter((byte) => byte === 0).length,
    );
  });
}

test('a read error after the list was used starts again with a searched file', async () => {
  const bad = [{ offset: 5 * PAGE, length: 1 }];
  const lists: number[] = [];
  const read = await orSearched(async (isSearched) => {
    const around = new ReadAround(disk(bad), bytes.length, isSearched);
    await around.readInto(0, new Uint8Array(10));
    lists.push(around.unreadable().length);
    const part = new Uint8Array(10);
    await around.readInto(5 * PAGE, part);
    return part;
  });
  assert.deepEqual(lists, [0, 1]);
  assert.deepEqual(read, new Uint8Array(10));
});

const built = mkdtempSync(join(tmpdir(), 'gdbm-doctor-bad-'));
after(() => rmSync(built, { recursive: true }));

testWith(
  ['cc', 'python', 'flock'],
  'a sector that cannot be read costs the records in it, and no command',
  async (t) => {
    const library = join(built, 'badsectors.so');
    const compiled = await run('cc', [
      '-shared',
      '-fPIC',
      '-o',
      library,
      fixture('../test/tools/badsectors.c'),
      '-ldl',
    ]);
    assert.equal(compiled.code, 0, compiled.stderr);
    const path = join(await temporaryFolder(t), 'orders.db');
    const script = `
import dbm.gnu, sys
db = dbm.gnu.open(sys.argv[1], 'nf')
for n in range(2000): db['order-%d' % n] = b'%d-' % n * (n % 150)
db['photo'] = b'P' * 1000000
`;
    assert.equal((await run(PYTHON, ['-c', script, path])).code, 0);
    const whole = new Map(await recordsOf(path));
    const { size } = await stat(path);
    const photo = (await readFile(path)).indexOf('P'.repeat(100_000));
    const places = { header: 0, directory: PAGE, photo: photo + 500_000, middle: size / 3, end: size - 8000 };
    for (const [turn, [what, place]] of Object.entries(places).entries()) {
      const offset = Math.floor(place / PAGE) * PAGE;
      const env = { LD_PRELOAD: library, BAD_FILE: path, BAD_RANGES: `${offset}:512` };
      const out = `${path}.${what}`;
      const { code, stdout } = await cli(['repair', '--findings', '-o', out, path], env);
      assert.equal(code, 0, stdout);
      assert.match(stdout, new RegExp(`error bytes-unreadable at offset ${offset} `), what);
      const kept = await recordsOf(out);
      for (const [key, value] of kept) assert.equal(value, whole.get(key), `${what}: ${key}`);
      if (what === 'photo') {
        assert.equal(kept.length, whole.size - 1);
        assert.match(stdout, /1 with bytes that the disk cannot read/);
      } else if (what === 'header' || what === 'directory') assert.equal(kept.length, whole.size);
      else assert.ok(kept.length > whole.size - 200, `${what}: ${kept.length}`);
      if (what === 'photo')
        assert.match((await cli(['get', path, 'photo'], env)).stderr, /the disk cannot read/);
      for (const command of sample(['check', 'list', 'dump', 'salvage'], 2, turn)) {
        const ran = await cli([command, path], env);
        assert.ok(ran.code === 0 || ran.code === 1, `${command} of ${what}: ${ran.stderr}`);
      }
    }
  },
);

/** All records as Python reads them, in hexadecimal. */
async function recordsOf(path: string): Promise<[string, string][]> {
  const script = `
import dbm.gnu, json, sys
db = dbm.gnu.open(sys.argv[1], 'r')
key, found = db.firstkey(), []
while key is not None:
    found.append([key.hex(), db[key].hex()])
    key = db.nextkey(key)
print(json.dumps(found))
`;
  const { code, stdout, stderr } = await run(PYTHON, ['-c', script, path]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as [string, string][];
}
