import assert from 'node:assert/strict';
import test from 'node:test';
import { identifyOther } from '../../src/database/identify.js';
import { judge } from '../../src/service/diagnose.js';
import type { VolumeCode, VolumeFacts } from '../../src/service/facts.js';
import { VOLUME_CODES } from '../../src/service/facts.js';
import { ABSENT, CONTENTS, DATABASE, FILE, FOLDER, mounted, place } from './facts.js';

interface Case {
  readonly facts: Partial<VolumeFacts>;
  readonly found: RegExp;
  readonly advice: RegExp;
}

const head = (text: string) => identifyOther(Buffer.from(text));
const unchecked = { database: undefined };
const mebibyte = 1 << 20;

/** For each code a place with only that problem; a code without a case does not compile. */
const CASES: Record<VolumeCode, Case> = {
  'folder-missing': {
    facts: { ...ABSENT, folder: undefined, ancestor: '/', folderPath: '/data/state' },
    found: /folder \/data\/state, found none; the nearest that exists is \/\./,
    advice: /^Mount the volume at \/data\/state; .*mkdir -p \/data\/state$/,
  },
  'file-missing': { facts: ABSENT, found: /found none in its folder/, advice: /ls -la \/data$/ },
  'link-dangling': {
    facts: { ...ABSENT, state: 'dangling-link', realPath: '/gone/flower.db', folder: undefined },
    found: /link \/data\/flower.db, found that \/gone\/flower.db does not exist/,
    advice: /ls -la \/data\/flower.db/,
  },
  'path-not-searchable': {
    facts: { ...ABSENT, state: 'unreachable', barrier: '/data', folder: undefined },
    found: /uid 1000 .* may not enter \/data/,
    advice: /^chmod a\+x \/data$/,
  },
  'path-not-answering': {
    facts: { ...ABSENT, state: 'unseen', trouble: 'ESTALE: stale file handle, stat', folder: undefined },
    found: /ESTALE: stale file handle/,
    advice: /unmount its volume and mount it again/,
  },
  'path-is-directory': {
    facts: { file: { ...FOLDER }, contents: undefined, ...unchecked },
    found: /found a folder/,
    advice: /ls -la \/data\/flower.db$/,
  },
  'not-a-file': {
    facts: { file: { ...FILE, kind: 'other' }, contents: undefined, ...unchecked },
    found: /device, pipe or socket/,
    advice: /Name the database file/,
  },
  'volume-not-mounted': {
    facts: mounted({ mountPoint: '/', fsType: 'overlay', source: 'overlay' }),
    found: /found no mount: .*overlay.*lost with the container/,
    advice: /docker run -v NAME:\/data .*mountPath: \/data/,
  },
  'volume-in-memory': {
    facts: mounted({ fsType: 'tmpfs', source: 'tmpfs' }),
    found: /\/data in memory \(tmpfs\)/,
    advice: /volume on a disk at \/data/,
  },
  'volume-read-only': {
    facts: mounted({ superOptions: ['ro'], options: ['ro'] }),
    found: /at \/data, found it mounted read-only, the file system as a whole/,
    advice: /mount -o remount,rw \/data$/,
  },
  'network-file-system': {
    facts: mounted({ fsType: 'nfs4', source: 'nas:/export', superOptions: ['rw', 'local_lock=all'] }),
    found: /found NFS \(nfs4, nas:\/export\): a flock .* mounted with local_lock=all/,
    advice: /local disk or block volume/,
  },
  'mapping-refused': {
    facts: { ...mounted({ fsType: 'zfs', source: 'pool/data' }), mapping: 'EINVAL' },
    found: /\(zfs\) refuses it: .*\[Errno 22\] Invalid argument/,
    advice: /^Move the database to a local disk\.$/,
  },
  'lock-program-missing': {
    facts: { hasLockProgram: false },
    found: /program flock on the PATH, found none/,
    advice: /apt-get install util-linux/,
  },
  'file-mounted-alone': {
    facts: mounted({ mountPoint: '/data/flower.db' }, { isFile: true }),
    found: /file mounted by itself: nothing can be renamed over it/,
    advice: /docker run -v HOSTFOLDER:\/data$/,
  },
  'mount-source-deleted': {
    facts: mounted({ root: '/srv/data//deleted' }),
    found: /deleted or replaced there/,
    advice: /cp \/data\/flower.db OUT/,
  },
  'file-not-readable': {
    facts: { file: { ...FILE, uid: 0, gid: 0, mode: 0o600, read: 'EACCES', write: 'EACCES' } },
    found: /uid 1000 to be able to read the file .* belongs to 0:0 with mode 0600/,
    advice: /^chown 1000:1000 \/data\/flower.db {2}# as root$/,
  },
  'file-not-writable': {
    facts: { file: { ...FILE, uid: 0, gid: 0, write: 'EACCES' } },
    found: /uid 1000 to be able to write the file .* belongs to 0:0 with mode 0644/,
    advice: /^chown 1000:1000 \/data\/flower.db {2}# as root$/,
  },
  'folder-not-writable': {
    facts: { folder: { ...FOLDER, uid: 0, gid: 0, write: 'EACCES' } },
    found: /write the folder \/data, .* 0:0 with mode 0755\. A repair makes its fresh file there/,
    advice: /^chown 1000:1000 \/data {2}# as root$/,
  },
  'file-immutable': {
    facts: { file: { ...FILE, write: 'EPERM' } },
    found: /immutable/,
    advice: /^chattr -i \/data\/flower.db$/,
  },
  'owner-differs': {
    facts: { user: { uid: 0, gid: 0 }, file: { ...FILE, uid: 0, gid: 0 } },
    found: /belong to 1000:1000 as its folder does, found 0:0/,
    advice: /^chown 1000:1000 \/data\/flower.db {2}# as root$/,
  },
  'volume-full': {
    facts: { space: { freeBytes: 0, totalBytes: mebibyte, freeInodes: 5, totalInodes: 9 } },
    found: /0 bytes of 1\.0 MiB free for this user; a repair needs 1\.1 MiB/,
    advice: /du -xah \/data/,
  },
  'volume-low': {
    facts: { space: { freeBytes: mebibyte, totalBytes: 1 << 30, freeInodes: 5, totalInodes: 9 } },
    found: /1\.1 MiB, found 1\.0 MiB free/,
    advice: /-o OUT/,
  },
  'inodes-exhausted': {
    facts: { space: { freeBytes: 1 << 30, totalBytes: 1 << 30, freeInodes: 0, totalInodes: 2000 } },
    found: /none of 2,000 free/,
    advice: /du -x --inodes \/data/,
  },
  'locked-by-process': {
    facts: { holders: [{ pid: 77, command: 'celery flower', lock: 'exclusive' }] },
    found: /locked to write by process 77 \(celery flower\)/,
    advice: /kill 77; .*repair --wait 30 \/data\/flower.db$/,
  },
  'open-in-process': {
    facts: { holders: [{ pid: 78, command: undefined, lock: 'none' }] },
    found: /open without a lock in process 78\./,
    advice: /kill 78$/,
  },
  'file-empty': {
    facts: { contents: { ...CONTENTS, size: 0, hasMagic: false }, ...unchecked },
    found: /0 bytes/,
    advice: /gdbm-doctor repair \/data\/flower.db$/,
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
    advice:
      /repair --for amd64 \/data\/flower.db; .*convert --for amd64 \/data\/flower.db NEW; .*gdbm_load OUT NEW$/,
  },
  'foreign-layout': {
    facts: { database: { ...DATABASE, alignment: 4 } },
    found: /64-bit offsets aligned to 8 bytes .* found 64-bit offsets aligned to 4 bytes, made by i386/,
    advice: /gdbm-doctor convert .* gdbm_dump/,
  },
  'foreign-hash': {
    facts: { database: { ...DATABASE, hashChar: 'unsigned' } },
    found: /hashed with signed char .* found unsigned char \(ARM/,
    advice: /gdbm-doctor convert .* gdbm_dump/,
  },
  'other-database': {
    facts: { contents: { ...CONTENTS, hasMagic: false, other: head('SQLite format 3\0') }, ...unchecked },
    found: /found an SQLite database/,
    advice: /sqlite3 \/data\/flower.db \.recover.*needs no GDBM repair/,
  },
  'other-file': {
    facts: { contents: { ...CONTENTS, hasMagic: false, other: head('hello') }, ...unchecked },
    found: /found a text file/,
    advice: /Check the path/,
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
  assert.deepEqual(codes({ ...root, inContainer: false }), []);
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
  assert.match(bound[0].advice, /without :ro/);
});

test('the advice depends on the user', () => {
  const advice = (facts: Partial<VolumeFacts>) => judge(place(facts))[0].advice;
  const locked = { ...FOLDER, write: 'EACCES', mode: 0o555 };
  assert.equal(advice({ folder: locked }), 'chmod u+rwx /data');
  assert.match(advice({ folder: locked, user: { uid: 0, gid: 0 } }), /--user 1000:1000/);
  assert.equal(
    advice({ folder: { ...locked, uid: 0, gid: 0 }, folderPath: "/my data's" }),
    `chown 1000:1000 '/my data'\\''s' && chmod u+rwx '/my data'\\''s'  # as root`,
  );
  const readOnly = { ...FILE, write: 'EACCES', mode: 0o444 };
  assert.equal(advice({ file: readOnly, folder: locked }), 'chmod u+rw /data/flower.db && chmod u+rwx /data');
  assert.equal(
    advice({ file: { ...readOnly, uid: 0, gid: 0 }, folder: locked }),
    'chmod u+rwx /data && chown 1000:1000 /data/flower.db && chmod u+rw /data/flower.db  # as root',
  );
});

test('no folder is suggested in the place of a file', () => {
  const file = { ...ABSENT, folderPath: '/data/flower.db', folder: { ...FOLDER, kind: 'file' as const } };
  const [{ code, advice }] = judge(place(file));
  assert.deepEqual([code, advice], ['folder-missing', 'Check the path.']);
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
  assert.equal(advice, 'Name that file: gdbm-doctor doctor /data/state.pag');
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
  const [{ advice }] = judge(place({ holders: [{ pid: 1, command: 'flower', lock: 'shared' }] }));
  assert.match(advice, /docker stop/);
});
