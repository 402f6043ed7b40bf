import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { DatabaseBuilder } from '../../src/write/builder.js';
import { hashKey } from '../../src/format/hash.js';
import { FreshFile } from '../../src/store/fresh.js';
import { placeFile } from '../../src/store/replace.js';
import { NATIVE } from '../torture/databases.js';

const VALUE = 100;

/** Makes a database of so many records with the project's own writer: keys of 28 bytes, values of 50 to 150. */
export async function ownDatabase(path: string, records: number): Promise<void> {
  if (existsSync(path)) return;
  const fresh = await FreshFile.createBeside(path);
  const builder = new DatabaseBuilder(fresh, { format: NATIVE, blockSize: 4096, bucketSize: 4096 });
  const value = new Uint8Array(2 * VALUE);
  let state = 12345;
  for (let n = 0; n < records; n++) {
    const key = Buffer.from(`key-${String(n).padStart(9, '0')}-of-some-length`);
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const dataSize = VALUE / 2 + ((state >>> 8) % VALUE);
    for (let i = 0; i < dataSize; i += 4) value[i] = state >>> (i & 15);
    await builder.add({
      hash: hashKey(key, 'signed'),
      keySize: key.length,
      dataSize,
      bytes: Buffer.concat([key, value.subarray(0, dataSize)]),
    });
  }
  await builder.finish();
  await placeFile(fresh, path);
  await fresh.close();
}

/** The same records stored one by one by the real library, as a program leaves them; needs Python's dbm.gnu. */
export function realDatabase(path: string, records: number, python: string): void {
  if (existsSync(path)) return;
  const script = `
import dbm.gnu, random, sys
random.seed(12345)
db = dbm.gnu.open(sys.argv[1], 'nf')
for n in range(int(sys.argv[2])):
    db[b'key-%09d-of-some-length' % n] = random.randbytes(random.randrange(50, 150))
db.close()`;
  execFileSync(python, ['-c', script, path, String(records)]);
}

/**
 * Makes a database of so many records with the real library, which deletes and replaces others all the time, as programs
 * with tasks do: half as many ranges of free space lie between them. Needs Python's dbm.gnu.
 */
export function changedDatabase(path: string, records: number, python: string): void {
  if (existsSync(path)) return;
  const script = `
import dbm.gnu, random, sys
random.seed(12345)
db = dbm.gnu.open(sys.argv[1], 'nf')
held = n = 0
def lately():
    return b'task-%09d' % random.randrange(max(0, n - 5000), n + 1)
while held < int(sys.argv[2]):
    db[b'task-%09d' % n] = random.randbytes(random.randrange(20, 150))
    held += 1
    if n % 3 == 0 and (key := lately()) in db:
        del db[key]
        held -= 1
    if n % 5 == 0 and (key := lately()) in db:
        db[key] = random.randbytes(random.randrange(20, 300))
    n += 1
db.close()`;
  execFileSync(python, ['-c', script, path, String(records)]);
}

/** A Flower-like shelf: one pickle of some 55 MB. */
export function flowerShelf(path: string, python: string): void {
  if (existsSync(path)) return;
  const script = `
import collections, shelve, sys
tasks = collections.OrderedDict((('%032d' % n), {'name': 'app.add', 'state': 'SUCCESS', 'args': '(%d, %d)' % (n, n),
  'received': n * 1.5, 'runtime': n / 7, 'worker': 'celery@host%d' % (n % 9), 'result': '%0150d' % n}) for n in range(200000))
with shelve.open(sys.argv[1], flag='n') as shelf:
    shelf['events'] = {'tasks': tasks}
    shelf['counter'] = {'celery@host': 12}`;
  execFileSync(python, ['-c', script, path]);
}
