import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'node:test';
import { checkFile } from '../../src/cli/check.js';
import { nextSentence } from '../../src/cli/doctor.js';
import { judge } from '../../src/service/diagnose.js';
import type { VolumeFacts } from '../../src/service/facts.js';
import { BIN, cli, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import type { Tool } from '../tools/needs.js';
import { testWith } from '../tools/needs.js';
import { saveTasks } from '../tools/savetasks.js';
import { ABSENT, FILE, FOLDER, mounted, place } from './facts.js';
import { assertPasteable } from './pasteable.js';

/*
 * Why a Flower does not start or loses its tasks, by its six causes, and the one line that doctor gives for each. The table of
 * docs/flower.md is made of it: UPDATE_DOCS=1 writes it.
 */

interface Scenario {
  /** The event, for a person. */
  readonly what: string;
  /** The line that doctor gives, without the remark behind it; a real folder is /data, and a container has a short name. */
  readonly next: string;
}

/** A place that is simulated, because a test cannot make it. */
interface Simulated extends Scenario {
  readonly facts: Partial<VolumeFacts>;
  /** The file has damage that a repair mends. */
  readonly isDamaged?: true;
}

/** A real folder with a database. */
interface Real extends Scenario {
  readonly make: (folder: string) => Promise<void>;
  /** The name that doctor is given; flower.db by default. */
  readonly name?: string;
  /** Text in the remark. */
  readonly remark?: RegExp;
  /** The file that is healthy once the line was run. */
  readonly mends?: string;
  readonly needs?: readonly Tool[];
}

const REFUSED = { read: 'EACCES', write: 'EACCES' } as const;
const OF_ROOT = { uid: 0, gid: 0 } as const;
const holder = (pid: number, lock: 'exclusive' | 'none') => ({ pid, command: 'celery flower', lock });
const space = (freeBytes: number, freeInodes = 1000) => ({
  space: { freeBytes, totalBytes: 1 << 30, freeInodes, totalInodes: 2000 },
});
const put = (name: string) => (folder: string) => copyFile(fixture(name), join(folder, 'flower.db'));
/** A Flower's database with 60 tasks, of which a snapshot was taken. */
const snapshotted = async (folder: string) => {
  await saveTasks(join(folder, 'flower.db'), 60);
  await cli(['watch', '--once', '--profile=flower', join(folder, 'flower.db')]);
};
const MENDS = { mends: 'flower.db', needs: ['flock'] as readonly Tool[] };
const RESTORE = {
  mends: 'flower.db',
  next: 'gdbm-doctor restore /data/flower.db',
  remark: /the snapshot of .* (ago|just now), has 60 tasks/,
};
const WITH_SNAPSHOT = ['python', 'flock'] as const;

const CAUSES: Record<string, readonly (Simulated | Real)[]> = {
  'The path or the volume is not the one that was meant': [
    {
      what: 'The volume is not mounted: its folder is missing',
      facts: { ...ABSENT, folder: undefined, ancestor: '/' },
      next: "docker inspect -f '{{ json .Mounts }}' 3f2a9c01d2e4",
    },
    {
      what: 'There is no volume: the file is in the container, and gone with it',
      facts: mounted({ mountPoint: '/', fsType: 'overlay', source: 'overlay' }),
      next: 'docker exec 3f2a9c01d2e4 cat /data/flower.db > flower.db.saved',
    },
    {
      what: 'A link leads into a volume that is not mounted',
      make: async (folder) => symlink('/nowhere/flower.db', join(folder, 'flower.db')),
      next: 'ls -la /data/flower.db',
    },
    {
      what: 'Docker made a folder, because the file to mount was missing on the host',
      make: async (folder) => void (await mkdir(join(folder, 'flower.db'))),
      next: 'ls -la /data/flower.db',
    },
    {
      what: 'The name is another one, such as that without its suffix',
      make: put('amd64.db'),
      name: 'flower',
      next: 'gdbm-doctor doctor /data/flower.db',
    },
    {
      what: 'The file is mounted by itself',
      facts: mounted({ mountPoint: '/data/flower.db', root: '/srv/flower/flower.db' }, { isFile: true }),
      next: "docker inspect -f '{{ json .Mounts }}' 3f2a9c01d2e4",
    },
  ],
  Permissions: [
    {
      what: 'The volume belongs to root, and Flower runs as uid 1000',
      facts: { folder: { ...FOLDER, ...OF_ROOT, write: 'EACCES' } },
      isDamaged: true,
      next: 'docker exec -u 0 --privileged 3f2a9c01d2e4 chown 1000:1000 /data',
    },
    {
      what: 'The same in Kubernetes',
      facts: {
        folder: { ...FOLDER, ...OF_ROOT, write: 'EACCES' },
        container: { runtime: 'kubernetes', name: 'flower-7d4b9c6f5-x2x7z' },
      },
      isDamaged: true,
      next: `kubectl patch deployment/flower --patch '{"spec":{"template":{"spec":{"securityContext":{"fsGroup":1000}}}}}'`,
    },
    {
      what: 'The file was copied by root, with mode 0600',
      facts: { file: { ...FILE, ...OF_ROOT, mode: 0o600, ...REFUSED } },
      next: 'docker exec -u 0 --privileged 3f2a9c01d2e4 chown 1000:1000 /data/flower.db',
    },
    {
      what: 'The file is immutable',
      facts: { file: { ...FILE, write: 'EPERM' } },
      next: 'docker exec -u 0 --privileged 3f2a9c01d2e4 chattr -i /data/flower.db',
    },
    {
      what: 'A folder on the way may not be entered; no container',
      facts: { ...ABSENT, state: 'unreachable', barrier: '/data', folder: undefined, container: undefined },
      next: 'sudo chmod a+x /data',
    },
    {
      what: 'Root without capabilities, and a volume of uid 1000',
      facts: { user: OF_ROOT, folder: { ...FOLDER, write: 'EACCES' } },
      isDamaged: true,
      next: 'docker exec -u 1000:1000 3f2a9c01d2e4 gdbm-doctor doctor /data/flower.db',
    },
  ],
  'The volume has no room, or cannot be written': [
    { what: 'It is full', facts: space(0), isDamaged: true, next: 'du -xah /data | sort -h | tail' },
    { what: 'It has no inodes', facts: space(1 << 28, 0), next: 'du -x --inodes /data | sort -n | tail' },
    {
      what: 'It has room to save, not to repair',
      facts: space(1 << 19),
      next: 'gdbm-doctor repair /data/flower.db -o /var/tmp/flower.db',
    },
    {
      what: 'It is mounted with :ro',
      facts: mounted({ options: ['ro'] }),
      isDamaged: true,
      next: 'gdbm-doctor repair /data/flower.db -o /var/tmp/flower.db',
    },
    {
      what: 'The kernel made it read-only after disk errors; no container',
      facts: { ...mounted({ options: ['ro'], superOptions: ['ro'] }), container: undefined },
      next: 'dmesg | tail -n 50; sudo mount -o remount,rw /data',
    },
    {
      what: 'It is in memory, and gone with a restart',
      facts: mounted({ fsType: 'tmpfs', source: 'tmpfs' }),
      next: "docker inspect -f '{{ json .Mounts }}' 3f2a9c01d2e4",
    },
  ],
  'Other programs, and volumes without locks or mmap': [
    {
      what: 'A second Flower holds the lock of a damaged file',
      facts: { holders: [holder(77, 'exclusive')] },
      isDamaged: true,
      next: 'gdbm-doctor repair --wait 30 /data/flower.db',
    },
    {
      what: 'Flower itself, as process 1, holds a sound file',
      facts: { holders: [holder(1, 'exclusive')] },
      next: 'nothing to do',
    },
    {
      what: "Two programs write without libgdbm's lock",
      facts: { holders: [5, 6].map((pid) => ({ ...holder(pid, 'none'), writes: true as const })) },
      next: 'kill 5 6 && gdbm-doctor check /data/flower.db',
    },
    {
      what: 'NFS without locks',
      facts: mounted({ fsType: 'nfs4', source: 'nas:/export', superOptions: ['rw', 'nolock'] }),
      next: 'cp -p /data/flower.db /var/tmp/flower.db',
    },
    {
      what: 'A volume without mmap: `[Errno 19] No such device`',
      facts: { ...mounted({ fsType: 'fuse.mergerfs', source: 'pool' }), mapping: 'ENODEV' },
      next: 'cp -p /data/flower.db /var/tmp/flower.db',
    },
    {
      what: 'The folder was replaced on the host, and what is written is lost',
      facts: mounted({ root: '/srv/flower//deleted' }),
      next: 'docker exec 3f2a9c01d2e4 cat /data/flower.db > flower.db.saved',
    },
  ],
  'A file of another kind, or of another machine': [
    {
      what: 'Python 3.13 and later made a shelve with SQLite',
      make: (folder) => writeFile(join(folder, 'flower.db'), `SQLite format 3\0${'\0'.repeat(4080)}`),
      next: 'sqlite3 /data/flower.db .recover > /data/flower.db.sql',
    },
    {
      what: "Debian's Python without python3-gdbm made a Berkeley DB",
      make: (folder) =>
        writeFile(
          join(folder, 'flower.db'),
          Buffer.concat([Buffer.alloc(12), Buffer.from([0x61, 0x15, 6, 0])]),
        ),
      name: 'flower',
      next: 'db_dump -p /data/flower.db | gdbm-doctor load - /data/flower && mv /data/flower.db /data/flower.db.old',
    },
    {
      what: 'A Python without gdbm and ndbm made the files of dbm.dumb, and a crash cut the index off',
      make: async (folder) => {
        await writeFile(join(folder, 'flower.dir'), "'events', (0");
        await writeFile(join(folder, 'flower.bak'), "'events', (0, 5)\n");
        await writeFile(join(folder, 'flower.dat'), '\x80\x04K\x01.');
      },
      name: 'flower',
      next: 'cp -i /data/flower.bak /data/flower.dir',
    },
    {
      what: 'The file came from a big-endian machine',
      make: put('s390x.db'),
      ...MENDS,
      next: 'gdbm-doctor repair --for amd64 /data/flower.db',
    },
    {
      what: 'The file came from ARM and has keys that are not ASCII',
      make: put('arm64.db'),
      ...MENDS,
      next: 'gdbm-doctor repair --for amd64 /data/flower.db',
    },
    {
      what: 'The copy is compressed',
      make: async (folder) =>
        writeFile(join(folder, 'flower.db'), gzipSync(await readFile(fixture('amd64.db')))),
      next: 'gzip -dc < /data/flower.db > /data/flower.db.decoded',
      mends: 'flower.db.decoded',
      needs: ['gzip'],
    },
  ],
  'The file is damaged, emptied or gone': [
    {
      what: 'Flower was killed while the file grew: `Database needs recovery`',
      make: put('killed-shelve.db'),
      ...MENDS,
      next: 'gdbm-doctor repair /data/flower.db',
    },
    {
      what: 'Flower 2.0.1 was killed amid a save: a sound file without a record; a snapshot',
      make: async (folder) => {
        await snapshotted(folder);
        await saveTasks(join(folder, 'flower.db'), -1);
      },
      ...RESTORE,
      needs: WITH_SNAPSHOT,
    },
    {
      what: 'The file has 0 bytes; a snapshot',
      make: async (folder) => {
        await snapshotted(folder);
        await truncate(join(folder, 'flower.db'), 0);
      },
      ...RESTORE,
      needs: WITH_SNAPSHOT,
    },
    {
      what: 'The file is half copied; a snapshot',
      make: async (folder) => {
        await snapshotted(folder);
        await truncate(join(folder, 'flower.db'), 8192);
      },
      ...RESTORE,
      needs: WITH_SNAPSHOT,
    },
    {
      what: 'The file is gone; a snapshot',
      make: async (folder) => {
        await snapshotted(folder);
        await rm(join(folder, 'flower.db'));
      },
      ...RESTORE,
      needs: WITH_SNAPSHOT,
    },
    {
      what: 'The file has 0 bytes, and there is no snapshot',
      make: (folder) => writeFile(join(folder, 'flower.db'), ''),
      ...MENDS,
      next: 'gdbm-doctor repair /data/flower.db',
    },
  ],
};

/** The line that doctor gives for a simulated place. */
async function nextIn({ facts, isDamaged }: Simulated): Promise<string> {
  const all = place(facts);
  const isThere = all.contents !== undefined && all.file?.read === 'allowed';
  const checked = isThere
    ? await checkFile(fixture(isDamaged ? 'killed-shelve.db' : 'amd64.db'), 'auto', 'any')
    : { code: 'no-such-file', message: 'expected a file' };
  return nextSentence(all.path, { path: all.path, problems: judge(all), facts: all }, checked, 'any');
}

/** The line that doctor gives for a real folder, which is called /data in it. */
async function nextFor(folder: string, { make, name = 'flower.db' }: Real): Promise<string> {
  await make(folder);
  const { stdout } = await cli(['doctor', '--json', join(folder, name)]);
  const { files } = JSON.parse(stdout) as { files: { next: string }[] };
  return files[0].next.replaceAll(folder, '/data');
}

const isForThisMachine = ({ next }: Scenario) => process.arch === 'x64' || !next.includes('--for amd64');

for (const [cause, scenarios] of Object.entries(CAUSES)) {
  for (const scenario of scenarios.filter(isForThisMachine)) {
    const needs = 'make' in scenario ? (scenario.needs ?? []) : [];
    testWith(needs, `${cause}: ${scenario.what}`, async (t) => {
      const folder = await temporaryFolder(t);
      const line = 'make' in scenario ? await nextFor(folder, scenario) : await nextIn(scenario);
      const [command, remark = ''] = line.split('  # ');
      assert.equal(command, scenario.next, line);
      if ('make' in scenario && scenario.remark !== undefined) assert.match(remark, scenario.remark);
      if (command !== 'nothing to do') assertPasteable(line);
      if ('make' in scenario && scenario.mends !== undefined) {
        await symlink(BIN, join(folder, 'gdbm-doctor'));
        const env = { PATH: `${folder}:${process.env['PATH']}` };
        const pasted = await run('sh', ['-c', line.replaceAll('/data', folder)], env);
        assert.equal(pasted.code, 0, pasted.stderr);
        const checked = await cli(['check', join(folder, scenario.mends)]);
        assert.equal(checked.code, 0, checked.stdout);
      }
    });
  }
}

test('docs/flower.md has the table of the scenarios, six for each of six causes', async () => {
  const rows = Object.entries(CAUSES).flatMap(([cause, scenarios]) => {
    assert.equal(scenarios.length, 6, cause);
    return scenarios.map(({ what, next }, n) => {
      const line = next === 'nothing to do' ? next : `\`${next.replaceAll('|', '\\|')}\``;
      return `| ${n === 0 ? cause : ''} | ${what} | ${line} |\n`;
    });
  });
  const table = `| cause | what happened | the line that \`doctor\` gives |\n| --- | --- | --- |\n${rows.join('')}`;
  const path = fixture('../docs/flower.md');
  const [head, rest] = (await readFile(path, 'utf8')).split('<!-- prettier-ignore-start -->\n');
  const [found, tail] = rest.split('<!-- prettier-ignore-end -->');
  if (process.env['UPDATE_DOCS'] === '1') {
    await writeFile(
      path,
      `${head}<!-- prettier-ignore-start -->\n${table}<!-- prettier-ignore-end -->${tail}`,
    );
  } else assert.equal(found, table);
});
