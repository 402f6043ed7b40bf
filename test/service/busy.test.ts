import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { lookOnce } from '../../src/service/lookonce.js';
import { listSnapshots } from '../../src/store/folder.js';
import { KEEP } from '../../src/store/retention.js';
import { run } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';
import { until } from '../tools/until.js';

/*
 * A program that writes all the time, or holds its database open, gets snapshots all the same, and no write of it fails.
 */

/** Writers by their pattern; each line is repeated until stdin ends, and a save that fails ends the program. */
const WRITERS: Record<string, { begin: string; repeat: string }> = {
  'puts a record each millisecond and holds the lock': {
    begin: 'db = dbm.gnu.open(path, "c")',
    repeat: 'db[b"key-%d" % (n % 300)] = b"%d " % n * (n % 50 + 1); time.sleep(0.001)',
  },
  'syncs a shelf with writeback twenty times a second': {
    begin: 'shelf = shelve.Shelf(dbm.gnu.open(path, "c"), writeback=True)',
    repeat: 'shelf["key-%d" % (n % 40)] = list(range(n % 900)); shelf.sync(); time.sleep(0.05)',
  },
  'opens, puts and closes five times a second': {
    begin: '',
    repeat: 'db = dbm.gnu.open(path, "c"); db[b"key-%d" % n] = b"%d" % n * 99; db.close(); time.sleep(0.2)',
  },
};

const script = ({ begin, repeat }: { begin: string; repeat: string }) => `
import dbm.gnu, select, shelve, sys, time
path = sys.argv[1]
${begin}
n = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    n += 1
    ${repeat}
print("saves:", n)
`;

/** Reads every value of each database with libgdbm; prints the number of records of each. */
const READ = `
import dbm.gnu, sys
for path in sys.argv[1:]:
    with dbm.gnu.open(path, "r") as db:
        print(len([db[key] for key in db.keys()]))
`;

/** Snapshots that differ, of one writer. */
const WANTED = 3;

for (const [what, writer] of Object.entries(WRITERS)) {
  testWith('python', `a program that ${what} gets snapshots, and no save fails`, async (t) => {
    const path = join(await temporaryFolder(t), 'state.db');
    const child = spawn(PYTHON, ['-c', script(writer), path], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.on('data', (text: Buffer) => (said += text.toString()));
    const ended = new Promise((resolve) => child.once('close', resolve));
    const options = { path, profile: 'auto', snapshot: true, snapshots: undefined } as const;
    let looks = 0;
    await until(`${WANTED} snapshots`, async () => {
      const look = await lookOnce({ ...options, holders: true, keep: { ...KEEP, last: 99 } });
      looks++;
      assert.ok(look.verdict !== 'damaged' || look.use !== 'none', look.what);
      return (await listSnapshots(path)).snapshots.filter(({ records }) => records > 0).length >= WANTED;
    });
    child.stdin.end('x');
    assert.equal(await ended, 0);
    assert.match(said, /^saves: \d+$/m);
    t.diagnostic(`${looks} looks, ${said.trim()}`);
    const { snapshots } = await listSnapshots(path, { verify: true });
    const good = snapshots.filter(({ poor }) => !poor);
    const read = await run(PYTHON, ['-c', READ, ...good.map((one) => one.path)]);
    assert.equal(read.code, 0, read.stderr);
    assert.deepEqual(
      read.stdout.trim().split('\n').map(Number),
      good.map(({ records }) => records),
    );
  });
}
