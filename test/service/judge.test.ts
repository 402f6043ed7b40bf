import assert from 'node:assert/strict';
import test from 'node:test';
import { identifyOther } from '../../src/database/identify.js';
import { judge } from '../../src/service/diagnose.js';
import type { VolumeCode, VolumeFacts } from '../../src/service/facts.js';
import { VOLUME_CODES } from '../../src/service/facts.js';
import { assertPasteable } from './pasteable.js';
import { ABSENT, CONTENTS, DATABASE, FILE, FOLDER, mounted, place } from './facts.js';

interface Case {
  readonly facts: Partial<VolumeFacts>;
  readonly found: RegExp;
  readonly advice: RegExp;
}

const head = (text: string) => identifyOther(Buffer.from(text));
const unchecked = { database: undefined };
const mebibyte = 1 << 20;
/** The beginning of a Berkeley DB hash database of version 9, as Debian's dbm.ndbm makes it. */
const BERKELEY = Uint8Array.from([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x61, 0x15, 6, 0, 9, 0, 0, 0]);

/** For each code a place with only that problem; a code without a case does not compile. */
const CASES: Record<VolumeCode, Case> = {
  'folder-missing': {
    facts: { ...ABSENT, folder: undefined, ancestor: '/', folderPath: '/data/state' },
    found: /folder \/data\/state, found none; the nearest that exists is \/\./,
    advice: /^docker inspect .* 3f2a9c01d2e4 {2}# mount the volume there; .*mkdir -p \/data\/state$/,
  },
  'file-missing': { facts: ABSENT, found: /found none in its folder/, advice: /^ls -la \/data {2}#/ },
  'link-dangling': {
    facts: { ...ABSENT, state: 'dangling-link', realPath: '/gone/flower.db', folder: undefined },
    found: /link \/data\/flower.db, found that \/gone\/flower.db does not exist/,
    advice: /ls -la \/data\/flower.db/,
  },
  'path-not-searchable': {
    facts: { ...ABSENT, state: 'unreachable', barrier: '/data', folder: undefined },
    found: /uid 1000 .* may not enter \/data/,
    advice: /^docker exec -u 0 --privileged 3f2a9c01d2e4 chmod a\+x \/data$/,
  },
  'path-not-answering': {
    facts: { ...ABSENT, state: 'unseen', trouble: 'ESTALE: stale file handle, stat', folder: undefined },
    found: /ESTALE: stale file handle/,
    advice: /unmount its volume and mount it again/,
  },
  'path-is-directory': {
    facts: { file: { ...FOLDER }, contents: undefined, ...unchecked },
    found: /found a folder/,
    advice: /^ls -la \/data\/flower.db {2}# name the database file in it$/,
  },
  'not-a-file': {
    facts: { file: { ...FILE, kind: 'other' }, contents: undefined, ...unchecked },
    found: /device, pipe or socket/,
    advice: /name the database file/,
  },
  'volume-not-mounted': {
    facts: mounted({ mountPoint: '/', fsType: 'overlay', source: 'overlay' }),
    found: /found no mount: .*overlay.*lost with the container/,
    advice:
      /^docker exec 3f2a9c01d2e4 cat \/data\/flower.db > flower\.db\.saved {2}# saves it; .*-v flower-data:\/data$/,
  },
  'volume-in-memory': {
    facts: mounted({ fsType: 'tmpfs', source: 'tmpfs' }),
    found: /\/data in memory \(tmpfs\)/,
    advice: /volume on a disk: -v flower-data:\/data/,
  },
  'volume-anonymous': {
    facts: mounted({ root: `/lib/docker/volumes/${'0123456789abcdef'.repeat(4)}/_data` }),
    found: /volume with a name at \/data, .*next container gets an empty one/,
    advice: /^docker exec 3f2a9c01d2e4 cat .*name a volume: -v flower-data:\/data$/,
  },
  'volume-read-only': {
    facts: mounted({ superOptions: ['ro'], options: ['ro'] }),
    found: /at \/data, found it mounted read-only, the file system as a whole/,
    advice: /^dmesg .*; sudo mount -o remount,rw \/data {2}# on the host/,
  },
  'network-file-system': {
    facts: mounted({ fsType: 'nfs4', source: 'nas:/export', superOptions: ['rw', 'local_lock=all'] }),
    found: /found NFS \(nfs4, nas:\/export\): a flock .* mounted with local_lock=all/,
    advice: /local disk or block volume/,
  },
  'mapping-refused': {
    facts: { ...mounted({ fsType: 'zfs', source: 'pool/data' }), mapping: 'EINVAL' },
    found: /\(zfs\) refuses it: .*\[Errno 22\] Invalid argument/,
    advice: /^cp -p \/data\/flower.db \/var\/tmp\/flower.db {2}# name a file on a local disk/,
  },
  'lock-program-missing': {
    facts: { hasLockProgram: false },
    found: /program flock on the PATH, found none/,
    advice: /apt-get install util-linux/,
  },
  'file-mounted-alone': {
    facts: mounted({ mountPoint: '/data/flower.db' }, { isFile: true }),
    found: /file mounted by itself: nothing can be renamed over it/,
    advice: /^docker inspect .*mount the folder instead of the file: -v flower-data:\/data$/,
  },
  'mount-source-deleted': {
    facts: mounted({ root: '/srv/data//deleted' }),
    found: /deleted or replaced there/,
    advice: /^docker exec 3f2a9c01d2e4 cat \/data\/flower.db > flower\.db\.saved/,
  },
  'file-not-readable': {
    facts: { file: { ...FILE, uid: 0, gid: 0, mode: 0o600, read: 'EACCES', write: 'EACCES' } },
    found: /uid 1000 to be able to read the file .* belongs to 0:0 with mode 0600/,
    advice: /^docker exec -u 0 --privileged 3f2a9c01d2e4 chown 1000:1000 \/data\/flower.db$/,
  },
  'file-not-writable': {
    facts: { file: { ...FILE, uid: 0, gid: 0, write: 'EACCES' } },
    found: /uid 1000 to be able to write the file .* belongs to 0:0 with mode 0644/,
    advice: /^docker exec -u 0 --privileged 3f2a9c01d2e4 chown 1000:1000 \/data\/flower.db$/,
  },
  'folder-not-writable': {
    facts: { folder: { ...FOLDER, uid: 0, gid: 0, write: 'EACCES' } },
    found: /write the folder \/data, .* 0:0 with mode 0755\. A repair makes its fresh file there/,
    advice: /^docker exec -u 0 --privileged 3f2a9c01d2e4 chown 1000:1000 \/data$/,
  },
  'file-immutable': {
    facts: { file: { ...FILE, write: 'EPERM' } },
    found: /immutable/,
    advice: /--privileged 3f2a9c01d2e4 chattr -i \/data\/flower.db$/,
  },
  'owner-differs': {
    facts: { user: { uid: 0, gid: 0 }, file: { ...FILE, uid: 0, gid: 0 } },
    found: /belong to 1000:1000 as its folder does, found 0:0/,
    advice: /^chown 1000:1000 \/data\/flower.db$/,
  },
  'volume-full': {
    facts: { space: { freeBytes: 0, totalBytes: mebibyte, freeInodes: 5, totalInodes: 9 } },
    found: /0 bytes of 1\.0 MiB free for this user; a repair needs 1\.1 MiB/,
    advice: /du -xah \/data/,
  },
  'volume-low': {
    facts: { space: { freeBytes: mebibyte, totalBytes: 1 << 30, freeInodes: 5, totalInodes: 9 } },
    found: /1\.1 MiB, found 1\.0 MiB free/,
    advice: /^gdbm-doctor repair \/data\/flower.db -o \/var\/tmp\/flower.db {2}#/,
  },
  'inodes-exhausted': {
    facts: { space: { freeBytes: 1 << 30, totalBytes: 1 << 30, freeInodes: 0, totalInodes: 2000 } },
    found: /none of 2,000 free/,
    advice: /du -x --inodes \/data/,
  },
  'locked-by-process': {
    facts: { holders: [{ pid: 77, command: 'celery flower', lock: 'exclusive' }] },
    found: /locked to write by process 77 \(celery flower\)/,
    advice: /^gdbm-doctor repair --wait 30 \/data\/flower.db {2}# .*kill 77$/,
  },
  'open-in-process': {
    facts: { holders: [{ pid: 78, command: undefined, lock: 'none' }] },
    found: /open without a lock in process 78\./,
    advice: /^kill 78 {2}#/,
  },
  'writer-without-lock': {
    facts: {
      holders: [
        { pid: 5, command: 'python a.py', lock: 'none', writes: true },
        { pid: 6, command: undefined, lock: 'none', writes: true },
      ],
    },
    found: /open for writing without one in process 5 \(python a.py\), process 6: /,
    advice: /^kill 5 6 && gdbm-doctor check \/data\/flower.db {2}# .*flag 'u'/,
  },
  'file-empty': {
    facts: { contents: { ...CONTENTS, size: 0, hasMagic: false }, ...unchecked },
    found: /0 bytes/,
    advice: /^gdbm-doctor repair \/data\/flower.db {2}#/,
  },
  'copy-incomplete': {
    facts: { database: { ...DATABASE, nextBlock: 2 * mebibyte, healthy: false } },
    found: /Expected 2097152 bytes as the file's own header says, found 1048576/,
    advice: /copy it again/,
  },
  'size-not-whole-blocks': {
    facts: { database: { ...DATABASE, nextBlock: 4096, size: 5000, healthy: false } },
    found: /multiple of the block size, 4096 bytes, found a file of 5000/,
    advice: /copy it again/,
  },
  'tail-zero': {
    facts: { database: { ...DATABASE, healthy: false }, contents: { ...CONTENTS, zeroTail: 1 << 18 } },
    found: /last 262144 of 1048576 bytes are zero/,
    advice: /copy it again/,
  },
  'foreign-byte-order': {
    facts: { database: { ...DATABASE, byteOrder: 'big', hashChar: 'unsigned' } },
    found: /little-endian file on this machine \(x64\), found a big-endian one, made by s390x/,
    advice: /^gdbm-doctor repair --for amd64 \/data\/flower.db {2}#/,
  },
  'foreign-layout': {
    facts: { database: { ...DATABASE, alignment: 4 } },
    found: /64-bit offsets aligned to 8 bytes .* found 64-bit offsets aligned to 4 bytes, made by i386/,
    advice: /^gdbm-doctor repair --for amd64 /,
  },
  'foreign-hash': {
    facts: { database: { ...DATABASE, hashChar: 'unsigned' } },
    found: /hashed with signed char .* found unsigned char \(ARM/,
    advice: /^gdbm-doctor repair --for amd64 /,
  },
  'other-database': {
    facts: { contents: { ...CONTENTS, hasMagic: false, other: head('SQLite format 3\0') }, ...unchecked },
    found: /found an SQLite database/,
    advice: /sqlite3 \/data\/flower.db \.recover.*needs no GDBM repair/,
  },
  'other-file': {
    facts: { contents: { ...CONTENTS, hasMagic: false, other: head('hello') }, ...unchecked },
    found: /found a text file/,
    advice: /check the path/,
  },
};

const codes = (facts: Partial<VolumeFacts>) => judge(place(facts)).map(({ code }) => code);

test('every code has a case', () => {
  assert.deepEqual(Object.keys(CASES).sort(), Object.keys(VOLUME_CODES).sort());
});

for (const [code, { facts, found, advice }] of Object.entries(CASES)) {
  test(`${code} is found as the only problem`, () => {
    const problems = judge(place(facts));
    assert.deepEqual(
      problems.map((one) => one.code),
      [code],
    );
    assert.equal(problems[0].severity, VOLUME_CODES[code as VolumeCode]);
    assert.match(problems[0].found, found);
    assert.match(problems[0].advice, advice);
    assert.doesNotMatch(problems[0].advice, /\n|undefined/);
    assertPasteable(problems[0].advice);
    assert.doesNotMatch(problems[0].found, /undefined/);
  });
}

test('a place without problems has none', () => {
  assert.deepEqual(judge(place()), []);
});

test('an unknown fact is no problem', () => {
  assert.deepEqual(
    codes({
      user: undefined,
      mount: undefined,
      space: undefined,
      contents: undefined,
      holders: undefined,
      database: undefined,
    }),
    [],
  );
  assert.deepEqual(codes({ mount: { line: undefined, fsType: undefined, isFile: undefined } }), []);
});

test('the worst comes first', () => {
  assert.deepEqual(
    codes({
      ...mounted({ mountPoint: '/', fsType: 'overlay' }),
      database: { ...DATABASE, hashChar: 'unsigned' },
      file: { ...FILE, write: 'EACCES' },
    }),
    ['file-not-writable', 'foreign-hash', 'volume-not-mounted'],
  );
});

test('without mountinfo the number of the file system identifies it', () => {
  const unseen = (fsType: string) => ({ mount: { line: undefined, fsType, isFile: undefined } });
  assert.deepEqual(codes(unseen('nfs')), ['network-file-system']);
  assert.deepEqual(codes(unseen('overlay')), ['volume-not-mounted']);
});

test('the root file system of a machine is a safe place', () => {
  const root = mounted({ mountPoint: '/' });
  assert.deepEqual(codes({ ...root, container: undefined }), []);
  assert.deepEqual(codes(root), ['volume-not-mounted']);
});

test('every network file system is recognised, also behind FUSE, and a container’s root is none', () => {
  for (const fsType of [
    'nfs',
    'cifs',
    'smb3',
    '9p',
    'virtiofs',
    'ceph',
    'glusterfs',
    'fuse.sshfs',
    'fuse.s3fs',
  ])
    assert.deepEqual(codes(mounted({ fsType })), ['network-file-system'], fsType);
  for (const fsType of ['ext4', 'xfs', 'btrfs', 'zfs', 'fuseblk', 'fuse.fuse-overlayfs'])
    assert.deepEqual(codes(mounted({ fsType })), [], fsType);
});

test('a read-only volume is reported once, not also as a lack of permission or space', () => {
  assert.deepEqual(
    codes({
      file: { ...FILE, write: 'EROFS' },
      folder: { ...FOLDER, write: 'EROFS' },
      space: { freeBytes: 0, totalBytes: 1 << 20, freeInodes: 0, totalInodes: 9 },
    }),
    ['volume-read-only'],
  );
  const bound = judge(place(mounted({ options: ['ro'] })));
  assert.match(bound[0].advice, /^gdbm-doctor repair \S+ -o \S+ {2}# .*without :ro/);
});

test('the advice depends on the user, and on how root is reached', () => {
  const advice = (facts: Partial<VolumeFacts>) => {
    const [{ advice }] = judge(place(facts));
    assertPasteable(advice);
    return advice;
  };
  const locked = { ...FOLDER, write: 'EACCES', mode: 0o555 };
  assert.equal(advice({ folder: locked }), 'chmod u+rwx /data');
  const root = { folder: locked, user: { uid: 0, gid: 0 } };
  assert.match(advice(root), /^docker exec -u 1000:1000 3f2a9c01d2e4 gdbm-doctor doctor /);
  assert.match(advice({ ...root, container: undefined }), /^sudo -u '#1000' -g '#1000' gdbm-doctor doctor /);
  const ofRoot = { folder: { ...locked, uid: 0, gid: 0 } };
  const named = { ...ofRoot, folderPath: "/my data's" };
  const command = `chown 1000:1000 '/my data'\\''s' && chmod u+rwx '/my data'\\''s'`;
  const word = `'${command.replaceAll("'", `'\\''`)}'`;
  assert.equal(advice(named), `docker exec -u 0 --privileged 3f2a9c01d2e4 sh -c ${word}`);
  assert.equal(advice({ ...named, container: undefined }), `sudo sh -c ${word}`);
  const pod = (name: string) => advice({ ...ofRoot, container: { runtime: 'kubernetes', name } });
  const patch = `--patch '{"spec":{"template":{"spec":{"securityContext":{"fsGroup":1000}}}}}'`;
  assert.ok(pod('flower-7d4b9c6f5-x2x7z').startsWith(`kubectl patch deployment/flower ${patch}  #`));
  assert.ok(pod('flower-0').startsWith(`kubectl patch statefulset/flower ${patch}  #`));
  assert.match(pod('flower'), /^chown .*# as root, on the node/);
  const readOnly = { ...FILE, write: 'EACCES', mode: 0o444 };
  assert.equal(advice({ file: readOnly, folder: locked }), 'chmod u+rw /data/flower.db && chmod u+rwx /data');
});

test('no folder is suggested in the place of a file', () => {
  const file = { ...ABSENT, folderPath: '/data/flower.db', folder: { ...FOLDER, kind: 'file' as const } };
  const [{ code, advice }] = judge(place(file));
  assert.deepEqual([code, advice], ['folder-missing', 'ls -ld /data/flower.db  # check the path']);
});

test('a file of another owner is no problem if it is shared, or the folder is everybody’s', () => {
  const root = { user: { uid: 0, gid: 0 } };
  const file = { ...FILE, uid: 0, gid: 0 };
  assert.deepEqual(codes({ ...root, file: { ...file, mode: 0o666 } }), []);
  assert.deepEqual(codes({ ...root, file: { ...file, gid: 1000, mode: 0o660 } }), []);
  assert.deepEqual(codes({ ...root, file, folder: { ...FOLDER, mode: 0o1777 } }), []);
  assert.deepEqual(codes({ ...root, file, folder: { ...FOLDER, uid: 0 } }), []);
});

test('the files of a dumbdbm or ndbm database are recognised by their pair, with and without a suffix', () => {
  const pair = (a: string, b: string) => ({ siblings: [`/data/state${a}`, `/data/state${b}`] });
  const absent = { ...ABSENT, realPath: '/data/state' };
  assert.deepEqual(codes({ ...absent, ...pair('.dir', '.dat') }), ['other-database']);
  assert.deepEqual(codes({ ...absent, ...pair('.dir', '.pag') }), ['other-database']);
  const data = { database: undefined, contents: { ...CONTENTS, hasMagic: false } };
  assert.deepEqual(codes({ ...data, realPath: '/data/state.dat', ...pair('.dir', '.dat') }), [
    'other-database',
  ]);
  // libgdbm's imitation of ndbm.
  const gdbm = { database: undefined, realPath: '/data/state.pag' };
  assert.deepEqual(codes({ ...gdbm, ...pair('.dir', '.pag') }), []);
  const [{ code, found, advice }] = judge(
    place({ ...absent, ...pair('.dir', '.pag'), gdbmSibling: '/data/state.pag' }),
  );
  assert.equal(code, 'file-missing');
  assert.match(found, /\/data\/state\.pag, as libgdbm's ndbm interface keeps it/);
  assert.equal(advice, 'gdbm-doctor doctor /data/state.pag  # name that file');
});

test('an invented number of inodes is no problem', () => {
  const space = { freeBytes: 1 << 30, totalBytes: 1 << 32, freeInodes: 0, totalInodes: 1e9 };
  assert.deepEqual(codes({ space }), ['inodes-exhausted']);
  for (const fsType of ['fuse.rclone', 'fuse.mergerfs', 'cifs', '9p', 'vboxsf']) {
    assert.deepEqual(codes({ ...mounted({ fsType }), space }), ['network-file-system'], fsType);
  }
});

test('a whole file of gdbm 1.8, which does not pad the last block, is no incomplete copy', () => {
  const short = { ...DATABASE, size: 24_576, nextBlock: 28_672 };
  assert.deepEqual(codes({ database: short }), []);
  assert.deepEqual(codes({ database: { ...short, healthy: false } }), ['copy-incomplete']);
  assert.deepEqual(codes({ database: { ...short, nextBlock: 32_768 } }), ['copy-incomplete']);
});

test('the remedy for a refused mapping is that of the file system', () => {
  const mapping = (fsType: string, answer: 'EINVAL' | 'ENODEV') =>
    judge(place({ ...mounted({ fsType }), mapping: answer }))[0];
  const mergerfs = mapping('fuse.mergerfs', 'ENODEV');
  assert.equal(mergerfs.code, 'mapping-refused');
  assert.match(mergerfs.found, /\[Errno 19\]/);
  assert.match(mergerfs.advice, /cache\.files=auto-full/);
  assert.match(mapping('fuse.rclone', 'EINVAL').advice, /--vfs-cache-mode full/);
  assert.match(mapping('cifs', 'EINVAL').advice, /without cache=none/);
});

test('zero bytes that libgdbm leaves are no incomplete copy', () => {
  const zeroTail = { ...CONTENTS, zeroTail: 1 << 18 };
  assert.deepEqual(codes({ contents: zeroTail }), []);
  const killed = { ...DATABASE, healthy: false, nextBlock: (1 << 20) - (1 << 18) };
  assert.deepEqual(codes({ contents: zeroTail, database: killed }), []);
});

test('process 1 of a container is stopped from outside', () => {
  const advice = (name: string, runtime: 'docker' | 'podman' | 'kubernetes') =>
    judge(
      place({ container: { name, runtime }, holders: [{ pid: 1, command: 'flower', lock: 'shared' }] }),
    )[0].advice;
  assert.match(advice('flower', 'docker'), /docker stop flower$/);
  assert.match(advice('flower', 'podman'), /podman stop flower$/);
  assert.match(
    advice('flower-7d4b9c6f5-x2x7z', 'kubernetes'),
    /kubectl scale --replicas=0 deployment\/flower$/,
  );
  assert.match(advice('flower', 'kubernetes'), /kubectl delete pod flower$/);
});

test('a Berkeley DB is told by the name that the program uses, with the line that makes a GDBM file of it', () => {
  const facts = {
    ...ABSENT,
    realPath: '/data/state',
    berkeleySibling: '/data/state.db',
    siblings: ['/data/state.db'],
  };
  const [problem, ...more] = judge(place(facts));
  assert.deepEqual([problem.code, more], ['other-database', []]);
  assert.match(problem.found, /Berkeley DB database at \/data\/state\.db; .*python3-gdbm is missing/);
  const load =
    'db_dump -p /data/state.db | gdbm-doctor load - /data/state && mv /data/state.db /data/state.db.old';
  assert.ok(problem.advice.startsWith(`${load}  # `), problem.advice);
  const contents = { ...CONTENTS, hasMagic: false, other: identifyOther(BERKELEY) };
  const itself = judge(place({ contents, database: undefined, realPath: '/data/state.db' }));
  assert.ok(itself[0].advice.startsWith(`${load}  # `), itself[0].advice);
  const other = judge(place({ contents, database: undefined, realPath: '/data/state' }));
  assert.match(other[0].advice, /^db_dump -p \/data\/state \| gdbm-doctor load - \/data\/state\.gdbm {2}#/);
});
