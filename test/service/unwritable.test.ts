import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BIN, run } from '../tools/cli.js';
import { sample } from '../tools/effort.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';

/*
 * A place that cannot be written now is not a file that cannot be repaired: the file keeps its name and bytes, the program
 * runs with a temporary copy, and its history comes back once the place can be written.
 */

/** Plays Flower: adds ten tasks to those in its database, saves, and prints how many there are. */
const CELERY = `#!${PYTHON}
import shelve, sys
path = [word[5:] for word in sys.argv if word.startswith('--db=')][-1]
with shelve.open(path, flag='c') as shelf:
    tasks = shelf.get('events', [])
tasks += ['task-%d' % n for n in range(len(tasks), len(tasks) + 10)]
with shelve.open(path, flag='n') as shelf:
    shelf['events'] = tasks
print(len(tasks), flush=True)
`;

/** Damages the header so that libgdbm refuses the file, and a repair brings all back. */
const DAMAGE = `printf '\\007\\0\\0\\0\\0\\0\\0\\0' | dd of="$1" bs=1 seek=8 conv=notrunc status=none`;

interface Place {
  /** Options of the volume's mount. */
  readonly mount: string;
  /** Shell commands in the volume that keep the guard from writing, and that make it well again. */
  readonly fail: string;
  readonly mend: string;
  /** Tasks at each start, where the temporary database cannot begin as a copy. */
  readonly tasks?: string[];
}

const FULL: Place = { mount: 'size=256k', fail: 'cat /dev/zero > fill 2>/dev/null; true', mend: 'rm fill' };

/** The guard runs as a user who is not root. */
const PLACES: Record<string, Place> = {
  'a full volume': FULL,
  'a volume without inodes': {
    mount: 'size=1m,nr_inodes=9',
    fail: 'touch fill1 fill2 fill3 fill4 fill5 fill6 fill7 fill8 fill9 2>/dev/null; true',
    mend: 'rm fill*',
  },
  'a read-only volume': { mount: 'size=1m', fail: 'mount -o remount,ro .', mend: 'mount -o remount,rw .' },
  'a file without permission': { mount: 'size=1m', fail: 'chmod 0 db/flower', mend: 'chmod 600 db/flower' },
  'a folder without permission': { mount: 'size=1m', fail: 'chmod 500 db', mend: 'chmod 700 db' },
  'a link that leads nowhere': {
    mount: 'size=1m',
    fail: 'mv db away',
    mend: 'mv away db',
    tasks: ['10', '10', '20', '30'],
  },
};

interface Told {
  /** Output of the programs, one line for each start. */
  readonly tasks: string[];
  readonly log: string;
  /** Names in the database's folder at the end, without those of the test. */
  readonly names: string[];
  /** Temporary folders that are left. */
  readonly left: string[];
}

/** Starts a guarded program: once in a well place, `restarts` times in one that fails, and once when it is well again. */
async function story(t: TestContext, { mount, fail, mend }: Place, restarts: number): Promise<Told> {
  const folder = await temporaryFolder(t);
  const [volume, temporary, celery] = ['volume', 'temporary', 'celery'].map((name) => join(folder, name));
  for (const one of [volume, temporary]) await mkdir(one);
  await chmod(folder, 0o755);
  await chmod(temporary, 0o777);
  await writeFile(celery, CELERY);
  await chmod(celery, 0o755);
  const script = `
    mount -t tmpfs -o ${mount},mode=755 none '${volume}'; cd '${volume}'; mkdir db; ln -s db/flower flower
    chown 65534:65534 . db; exec 3>&2
    start() {
      (cd / && exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all '${process.execPath}' '${BIN}' \\
        guard -- '${celery}' flower --persistent=True --db='${volume}/flower')
    }
    damage() { ${DAMAGE}; }
    start; damage db/flower
    before=$(cksum < db/flower)
    ${fail}
    for n in $(seq ${restarts}); do start; done
    ${mend}
    [ "$before" = "$(cksum < db/flower)" ] && echo untouched
    start
    ls -A db`;
  const env = { TMPDIR: temporary };
  const { stdout, stderr } = await run('unshare', ['-m', 'sh', '-c', script], env);
  const lines = stdout.trimEnd().split('\n');
  const isTasks = (line: string) => /^\d+$/.test(line);
  return {
    tasks: lines.filter(isTasks),
    log: `${stdout}\n${stderr}`,
    names: lines.filter((line) => !isTasks(line)),
    left: await readdir(temporary),
  };
}

testWith(
  ['root', 'mounts', 'python'],
  'four restarts on a full volume, then space: 60 of 60 tasks',
  async (t) => {
    const { tasks, log, names, left } = await story(t, FULL, 4);
    assert.deepEqual(tasks, ['10', '20', '30', '40', '50', '60'], log);
    assert.ok(names.includes('untouched'), log);
    assert.ok(!names.some((name) => name.endsWith('.~2~')), log);
    assert.deepEqual(left, [], log);
    assert.match(log, /its place cannot be written now; .* begins with \d+ (records?|tasks?)/);
    assert.match(log, /its history is taken back from/);
  },
);

for (const [what, place] of sample(Object.entries(PLACES).slice(1), 1)) {
  testWith(['root', 'mounts', 'python'], `${what} costs no task and moves no file`, async (t) => {
    const { tasks, log, names, left } = await story(t, place, 2);
    assert.deepEqual(tasks, place.tasks ?? ['10', '20', '30', '40'], log);
    assert.ok(names.includes('untouched'), log);
    assert.deepEqual(left, [], log);
  });
}
