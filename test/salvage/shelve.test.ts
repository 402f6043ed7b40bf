import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { carve } from '../../src/salvage/carve.js';
import { KnownKeys } from '../../src/salvage/knownkeys.js';
import { openSearched } from '../../src/examine.js';
import { offsetSize } from '../../src/format/format.js';
import { memorySource } from '../../src/source/source.js';
import { run } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';

/** Writes a shelve, and what it holds as lines of key and value in base64. Values are large enough to be sure. */
const WRITE = `
import base64, collections, datetime, dbm.gnu, random, shelve, sys
path, protocol = sys.argv[1], int(sys.argv[2])
r = random.Random(protocol)
db = dbm.gnu.open(path, "n")
shelf = shelve.Shelf(db, protocol=protocol)
for i in range(3000):
    shelf["task-%06d" % i] = r.choice([
        lambda: {"id": i, "name": "é" * r.randrange(50), "at": datetime.datetime(2026, 1, 1)},
        lambda: [r.randbytes(r.randrange(1, 400)), i, None],
        lambda: collections.OrderedDict(a=i, b=(i, [])),
        lambda: [dict(x=r.random())] * 3,
    ])()
    if i % 100 == 0:
        shelf["large-%06d" % i] = [r.randbytes(70000), "x" * 70000, list(range(2000))]
        shelf["small-%06d" % i] = i
shelf.sync()
for key in db.keys():
    print(base64.b64encode(key).decode(), base64.b64encode(db[key]).decode())
db.close()
`;

/** The file with its header, directory and every bucket as zeros. */
async function wiped(bytes: Uint8Array): Promise<Uint8Array> {
  const found = await openSearched(memorySource(bytes));
  assert.ok(found);
  const { db, survey } = found;
  const { directory, bucketSize, blockSize } = db.geometry;
  const left = bytes.slice();
  left.fill(0, 0, blockSize);
  assert.ok(directory && survey.sites.length > 5);
  left.fill(0, directory.offset, directory.offset + db.directory.length * offsetSize(db.format.layout));
  for (const { offset } of survey.sites) left.fill(0, offset, offset + bucketSize);
  return left;
}

for (const protocol of [2, 3, 4, 5]) {
  testWith('python', `every value of a shelve without buckets is found, protocol ${protocol}`, async (t) => {
    const path = join(await temporaryFolder(t), 'shelve.db');
    const { code, stdout, stderr } = await run(PYTHON, ['-c', WRITE, path, String(protocol)]);
    assert.equal(code, 0, stderr);
    const records = new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' '))
        .map(([key, value]) => [Buffer.from(key, 'base64').toString(), Buffer.from(value, 'base64')]),
    );
    assert.equal(records.size, 3060);
    const source = memorySource(await wiped(await readFile(path)));
    // The key of one in ten is not known.
    const isKnown = (key: string) => key.startsWith('small') || !key.endsWith('7');
    const encoder = new TextEncoder();
    const keys = new KnownKeys([...records.keys()].filter(isKnown).map((key) => encoder.encode(key)));

    const options = { ranges: [{ offset: 0, length: source.size }], keys: () => Promise.resolve(keys) };
    const unknown: string[] = [];
    const found = new Set<string>();
    for await (const { shape, offset, size, key } of carve(source, options)) {
      assert.equal(shape, 'pickle');
      const value = Buffer.from(await source.read(offset, size));
      if (key === undefined) unknown.push(value.toString('base64'));
      else {
        assert.equal(key.offset + key.size, offset);
        const name = Buffer.from(await source.read(key.offset, key.size)).toString();
        assert.ok(records.get(name)!.equals(value) && !found.has(name), name);
        found.add(name);
      }
    }
    const names = [...records.keys()];
    assert.deepEqual([...found].sort(), names.filter(isKnown).sort());
    const rest = names.filter((name) => !isKnown(name)).map((name) => records.get(name)!.toString('base64'));
    assert.deepEqual(unknown.sort(), rest.sort());
  });
}
