import type { ErrorEntry } from './entry.js';
import { CHECK, DOCTOR, REPAIR, RESTORE } from './entry.js';

/** Errors of the system, as Python, libgdbm and others show them. */
export const SYSTEM: readonly ErrorEntry[] = [
  {
    messages: [
      '[Errno 11] Resource temporarily unavailable',
      '[Errno 35] Resource temporarily unavailable',
      'Resource temporarily unavailable',
      '[Errno 11]',
      '[Errno 35]',
      'EAGAIN',
      'EWOULDBLOCK',
    ],
    from: 'Python: _gdbm.error on Linux (11), macOS and BSD (35)',
    meaning: "Another process holds libgdbm's lock on the file, and libgdbm does not wait.",
    cause:
      'Many may read, or one may write. A second Flower, beat or worker uses the same file, the old container has not ended yet, or a process is left over.',
    commands: [DOCTOR, 'gdbm-doctor repair --wait 30 FILE'],
    expect:
      'doctor names the process, if it runs in the same container. Give each program a file of its own; in Kubernetes use one replica and strategy Recreate. The file is not damaged by this. Do not open it with the flag u, which is without a lock.',
  },
  {
    messages: [
      '[Errno 35] Resource deadlock avoided',
      'Resource deadlock avoided',
      '[Errno 37] No locks available',
      'No locks available',
      '[Errno 37]',
      'ENOLCK',
    ],
    from: 'Python: _gdbm.error, NFS clients',
    meaning: 'The file system did not give a lock.',
    cause: 'NFS without its lock service, or too many locks.',
    commands: [DOCTOR],
    expect:
      'Keep the database on a local disk or block volume. Without a lock two programs destroy the file.',
  },
  {
    messages: ['[Errno 19] No such device', 'No such device', '[Errno 19]', 'ENODEV'],
    from: 'Python: _gdbm.error',
    meaning: 'The file system cannot map a file into memory, which libgdbm does with every database.',
    cause:
      'A network or FUSE file system, or a folder shared with a virtual machine: SMB, sshfs, mergerfs, rclone, 9p, Docker Desktop.',
    commands: [DOCTOR],
    expect:
      'Move the database to a local disk, or mount the file system so that it can map files; doctor names the option. The file is not damaged by this.',
  },
  {
    messages: [
      '[Errno 22] Invalid argument',
      'Invalid argument',
      '[Errno 22]',
      '[Errno 95] Operation not supported',
      'Operation not supported',
      '[Errno 95]',
      '[Errno 38] Function not implemented',
      'Function not implemented',
    ],
    from: 'Python: _gdbm.error',
    meaning: 'The file system refuses an operation that libgdbm needs: to map the file, or to lock it.',
    cause:
      'SMB with cache=none, ZFS, FUSE or a shared folder; also a damaged file in which an offset is negative.',
    commands: [DOCTOR, CHECK],
    expect: 'doctor asks the file system. If the place is in order, check the file.',
    isGeneral: true,
  },
  {
    messages: [
      '[Errno 2] No such file or directory',
      'No such file or directory',
      '[Errno 2]',
      'ENOENT',
      '[Errno 20] Not a directory',
      'Not a directory',
      '[Errno 40] Too many levels of symbolic links',
    ],
    from: 'Python: _gdbm.error; gdbmtool',
    meaning: 'The path leads nowhere.',
    cause:
      "A wrong path or working folder, a volume that is not mounted, a link that leads nowhere, or a module that adds a suffix: Debian's dbm.ndbm makes x.db of x.",
    commands: [DOCTOR],
    expect: 'doctor says how far the path leads and which files lie there.',
    isGeneral: true,
  },
  {
    messages: ['[Errno 21] Is a directory', 'Is a directory', '[Errno 21]', 'EISDIR'],
    from: 'Python: _gdbm.error',
    meaning: 'There is a folder of that name.',
    cause: 'Docker makes a folder where a single file was to be mounted that is missing on the host.',
    commands: [DOCTOR],
    expect:
      'Mount the folder of the database, not the file: -v flower-data:/data with FLOWER_DB=/data/flower.db.',
  },
  {
    messages: [
      '[Errno 13] Permission denied',
      'Permission denied',
      '[Errno 13]',
      'EACCES',
      '[Errno 1] Operation not permitted',
      'Operation not permitted',
    ],
    from: 'Python: _gdbm.error; gdbmtool',
    meaning: 'This user may not read or write the file, or may not make a file in its folder.',
    cause:
      'The volume belongs to root and the program runs as another user; a copy was made as root; the file is immutable.',
    commands: [DOCTOR],
    expect:
      'doctor gives the one line that mends all permissions, and says if root is needed. In Kubernetes set fsGroup.',
  },
  {
    messages: [
      '[Errno 28] No space left on device',
      'No space left on device',
      '[Errno 28]',
      'ENOSPC',
      'Disk quota exceeded',
      'EDQUOT',
      '[Errno 27] File too large',
      'File too large',
    ],
    from: 'Python: _gdbm.error; all programs',
    meaning: 'The volume is full, out of inodes, or over its quota.',
    cause: 'A full volume in the moment of a save; libgdbm leaves a file that needs recovery.',
    commands: [DOCTOR, REPAIR],
    expect:
      'Make room for once the size of the file first, or write the repaired file elsewhere: repair FILE -o followed by a path on another volume.',
  },
  {
    messages: ['[Errno 30] Read-only file system', 'Read-only file system', '[Errno 30]', 'EROFS'],
    from: 'Python: _gdbm.error; all programs',
    meaning: 'The volume cannot be written.',
    cause:
      'It is mounted with :ro or readOnly: true, the container runs with --read-only, or the kernel made it read-only after disk errors (see dmesg).',
    commands: [DOCTOR],
    expect: 'doctor says which of these it is and the line for it.',
  },
  {
    messages: [
      '[Errno 5] Input/output error',
      'Input/output error',
      '[Errno 5]',
      'EIO',
      '[Errno 116] Stale file handle',
      'Stale file handle',
      '[Errno 107] Transport endpoint is not connected',
      'Transport endpoint is not connected',
    ],
    from: 'Python: _gdbm.error; all programs',
    meaning: 'The disk or the network file system failed.',
    cause: 'A bad sector, or a server that went away or replaced the file.',
    commands: [DOCTOR, 'gdbm-doctor repair FILE -o FILE.repaired'],
    expect: 'Mount the volume again first. A sector that cannot be read costs the records in it and no more.',
  },
  {
    messages: [
      '[Errno 12] Cannot allocate memory',
      'Cannot allocate memory',
      '[Errno 12]',
      'ENOMEM',
      'MemoryError',
    ],
    from: 'Python: _gdbm.error; all programs',
    meaning: 'There was no memory.',
    cause:
      'The memory limit of the container is too low for what the program loads, or a size in a damaged file asks for gigabytes.',
    commands: [CHECK],
    expect:
      'If check finds the file healthy, raise the limit, or keep less: FLOWER_MAX_TASKS=10000 with 256 MiB.',
    isGeneral: true,
  },
  {
    messages: [
      '[Errno 24] Too many open files',
      'Too many open files',
      '[Errno 75] Value too large for defined data type',
      'Value too large for defined data type',
    ],
    from: 'Python: _gdbm.error; all programs',
    meaning: 'A limit of the process was reached.',
    cause:
      'The program does not close its databases; or a 32-bit program without large files opens a file of more than 2 GiB.',
    commands: [CHECK],
    expect: 'The file is not damaged by this.',
    isGeneral: true,
  },
  {
    messages: ['Bus error', 'SIGBUS', 'exited with code 135', 'exit code 135'],
    from: 'The kernel; libgdbm maps the file into memory',
    meaning: 'The program touched a mapped part of the file that is not there.',
    cause:
      'Another program cut or replaced the contents of the file, the volume was full, or a sector cannot be read.',
    commands: [DOCTOR, CHECK],
    expect: 'Replace a database only by renaming another over it, as repair and restore do.',
  },
  {
    messages: [
      'Segmentation fault',
      'SIGSEGV',
      'exited with code 139',
      'exit code 139',
      'double free or corruption',
    ],
    from: 'The kernel; older versions of libgdbm trust the sizes in a file',
    meaning: 'The program used memory that it does not have.',
    cause: 'A damaged database, or one database used by several threads or forked processes at once.',
    commands: [CHECK, REPAIR],
    expect: 'If check finds the file healthy, it is the program.',
    isGeneral: true,
  },
  {
    messages: [
      'exited with code 137',
      'exit code 137',
      'OOMKilled',
      'Out of memory: Killed process',
      'signal 9',
    ],
    from: 'Docker, Kubernetes, the kernel',
    meaning: 'The program was ended by SIGKILL; a save that was under way was broken off.',
    cause:
      'The memory limit was reached, or the program took longer to stop than the time it was given (10 seconds in Docker).',
    commands: [DOCTOR, REPAIR, RESTORE],
    expect:
      'Give it 60 seconds to stop and the memory that its tasks need; see docs/deploy. Under guard the next start mends what the kill left.',
    isGeneral: true,
  },
];

/** Messages of other kinds of database that are taken for GDBM's, and of programs that use GDBM. */
export const OTHERS: readonly ErrorEntry[] = [
  {
    messages: [
      'DB_RUNRECOVERY',
      'DB_PAGE_NOTFOUND',
      'unexpected file type or format',
      'run database recovery',
      'DBPageNotFoundError',
      'DBRunRecoveryError',
      'fatal region error detected',
    ],
    from: 'Berkeley DB',
    meaning: 'The message is of Berkeley DB, which is another format.',
    cause:
      "The database was made with Python 2's bsddb, Perl's DB_File, or Debian's dbm.ndbm, which adds .db to the name.",
    commands: [
      DOCTOR,
      'db_dump -p FILE | gdbm-doctor load - FILE.gdbm',
      'db_dump -r FILE | gdbm-doctor load - FILE.gdbm',
    ],
    expect:
      'db_dump is in the package db-util. With -p it reads a sound file, with -r it salvages a damaged one; load makes a GDBM file of either.',
  },
  {
    messages: [
      "can't update index cache",
      "can't create index cache",
      'index cache … corrupt',
      'bad fetch on multi key',
    ],
    from: 'mandb, man, apropos',
    meaning: 'The index of the manual pages cannot be read or written.',
    cause: 'mandb was killed while it wrote, or /var/cache/man is not writable.',
    commands: ['mandb -c  # as root'],
    expect: 'The index is only a cache of the pages and is made again.',
  },
  {
    messages: [
      'Driver initialization failed for handler: gdbm',
      'dba_open',
      'GDBM_File::',
      "Can't locate GDBM_File.pm",
      'GDBMFatalError',
    ],
    from: 'PHP, Perl, Ruby',
    meaning:
      'The binding of this language could not open the database. The words behind it are those of libgdbm or the system.',
    cause: 'A damaged file, a lock, permissions, or the binding is not installed.',
    commands: [DOCTOR],
    expect: 'doctor says what is wrong with the file and its place.',
    isGeneral: true,
  },
];
