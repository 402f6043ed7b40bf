import type { ErrorEntry } from './entry.js';
import { CHECK, DOCTOR, REPAIR, RESTORE } from './entry.js';

/** Expectation of a repair where one structure of the file is damaged. */
const MOST_COME_BACK =
  'The records of all other parts of the file come back; the report says first how many are missing. If a snapshot or backup beside the file has more, it is named.';

/** Messages that say that the file is damaged, or that it is another kind of file. */
export const DAMAGE: readonly ErrorEntry[] = [
  {
    messages: ['Database needs recovery'],
    from: 'libgdbm 1.13 and later; Python: _gdbm.error',
    meaning:
      'The file is larger than its header says, or an earlier call failed in the middle of a write. libgdbm opens the file and then refuses to work with it.',
    cause:
      'The writer was killed while it added to the file: SIGKILL, out of memory, "docker stop" after 10 seconds, a full volume, a power cut; or two programs wrote without a lock.',
    commands: [REPAIR],
    expect:
      'As a rule every record comes back except the one that was being written. Then start the program: nothing has to be changed in it. gdbm_recover and gdbmtool recover can lose records that are still there.',
  },
  {
    messages: ['Malformed database file header'],
    from: 'newer versions of libgdbm',
    meaning:
      'A field of the header is impossible: the place or size of the directory, or the size of a bucket.',
    cause:
      'The first block was written in part (power cut, killed writer), the file was cut off, so that its directory lies behind its end, or a copy was made while the program wrote.',
    commands: [REPAIR],
    expect: `The header is made anew from what the rest of the file says. ${MOST_COME_BACK}`,
  },
  {
    messages: ['Bad magic number'],
    from: 'libgdbm of all versions',
    meaning: 'The first four bytes are not those of a GDBM file.',
    cause:
      'The file is of another kind (Berkeley DB, SQLite, dbm.dumb, a dump, a compressed file), it has other bytes before the database, or its beginning is overwritten or zero.',
    commands: [DOCTOR, REPAIR],
    expect:
      'doctor names the kind of file and the command for it. If it is a GDBM file that lost its beginning, a repair finds the records by scanning.',
  },
  {
    messages: ['Byte-swapped file'],
    from: 'libgdbm of all versions',
    meaning: 'The file is sound, but of a machine with the other byte order.',
    cause:
      'It was copied between amd64 or arm64 and a big-endian machine such as s390x, SPARC or older POWER.',
    commands: ['gdbm-doctor repair --for amd64 FILE'],
    expect:
      'Every record is kept, in the form of the machine behind --for; the old file stays as FILE.~1~. "doctor" prints the line with the name of the machine that it runs on.',
  },
  {
    messages: ['File header assumes wrong off_t size', 'Wrong file offset'],
    from: 'libgdbm; the second in older versions',
    meaning: 'The file is sound, but its offsets have 32 bits where this machine has 64, or the reverse.',
    cause: 'It was copied between a 32-bit and a 64-bit machine, or made by a libgdbm without large files.',
    commands: ['gdbm-doctor repair --for amd64 FILE'],
    expect: 'Every record is kept, in the form of the machine behind --for; the old file stays as FILE.~1~.',
  },
  {
    messages: ['Unexpected end of file'],
    from: 'libgdbm; older versions say gdbm fatal: read error',
    meaning: 'libgdbm read to a place that is not in the file.',
    cause:
      'The file is cut off: a full volume, a copy that was broken off, or a crash before the data reached the disk; or it is a small file of another kind.',
    commands: [DOCTOR, REPAIR],
    expect:
      'If a whole copy exists, copy it again. Otherwise a repair keeps the records whose bytes are in the file; those behind the end are lost and counted.',
  },
  {
    messages: ['Empty database'],
    from: 'libgdbm of all versions; Python: _gdbm.error',
    meaning: 'The file has 0 bytes and was opened for reading.',
    cause:
      'The program was killed after it had emptied the file and before it saved (Flower 2.0.1 empties its file at each save), the volume was full, or somebody made the file with touch.',
    commands: [DOCTOR, RESTORE, 'gdbm-doctor repair --empty FILE'],
    expect:
      'Nothing is left in the file itself. restore brings the newest good snapshot back, if guard or watch kept one; repair --empty makes an empty database, with which the program starts.',
  },
  {
    messages: ['Block size error'],
    from: 'libgdbm of all versions',
    meaning: 'The block size in the header is impossible, or other than the one that the program insists on.',
    cause: 'The header is damaged; or the program opens with GDBM_BSEXACT and another size.',
    commands: [CHECK, REPAIR],
    expect: MOST_COME_BACK,
  },
  {
    messages: ['Malformed avail_block'],
    from: 'newer versions of libgdbm',
    meaning: 'The list of free space in the header or in a bucket is impossible.',
    cause:
      'A block was written in part, two programs wrote without a lock, or an older libgdbm wrote a list that newer ones refuse.',
    commands: [REPAIR],
    expect: 'As a rule every record comes back: the list of free space names none. It is made anew.',
  },
  {
    messages: ['Malformed bucket header'],
    from: 'newer versions of libgdbm',
    meaning: 'The head of a bucket, which lists up to some hundred keys, is impossible.',
    cause: 'The block was overwritten or never reached the disk; or two programs wrote without a lock.',
    commands: [REPAIR],
    expect: MOST_COME_BACK,
  },
  {
    messages: ['Malformed bucket hash entry', 'Malformed hash table'],
    from: 'newer versions of libgdbm',
    meaning:
      'A key does not fit the hash that the bucket has for it. Some records can be read, others not, and a walk stops there.',
    cause:
      'Bytes of a key or a bucket were overwritten; or the file was written on a machine with the other kind of char (ARM, POWER and s390x against x86) and has keys that are not ASCII.',
    commands: [CHECK, REPAIR],
    expect:
      'check says which. Of a damaged file the records with a wrong key are lost and counted; of a file of another machine, repair with --for of this machine keeps every one.',
  },
  {
    messages: ['Invalid directory entry'],
    from: 'newer versions of libgdbm',
    meaning: 'An entry of the directory leads to no possible bucket.',
    cause:
      'A block of the directory is overwritten or zero: a crash before it reached the disk, or a bad sector.',
    commands: [REPAIR],
    expect:
      'The buckets are found by scanning the file, so that records come back although nothing leads to them any more.',
  },
  {
    messages: ['Bucket directory overflow'],
    from: 'newer versions of libgdbm',
    meaning: 'The directory of buckets would become larger than the format allows.',
    cause: 'The directory is damaged; rarely, very many keys have the same hash.',
    commands: [CHECK, REPAIR],
    expect: MOST_COME_BACK,
  },
  {
    messages: ['Bucket cache corrupted', 'Internal library error: bucket cache corrupted'],
    from: 'newer versions of libgdbm',
    meaning: 'What libgdbm holds in memory contradicts the file.',
    cause:
      'Another program wrote to the file meanwhile without a lock, or the program overwrote its own memory.',
    commands: [DOCTOR, CHECK],
    expect: 'If the file is sound, start the program again and let only one program write.',
  },
  {
    messages: ['gdbm fatal: read error'],
    from: 'older versions of libgdbm, which end the program; mandb, Perl, Python 2',
    meaning: 'A read gave fewer bytes than the structure has.',
    cause:
      'The file is cut off, or an offset in it is wrong and leads behind its end; rarely the disk itself fails (see dmesg).',
    commands: [CHECK, REPAIR],
    expect: `${MOST_COME_BACK} Newer versions of libgdbm say Unexpected end of file instead.`,
  },
  {
    messages: ['gdbm fatal: lseek error', 'lseek error'],
    from: 'libgdbm of all versions, which ends the program; mandb, celery, Python 2',
    meaning: 'An offset in the file is negative or otherwise impossible.',
    cause:
      'The file is damaged, often because two programs wrote to it or a process was forked while it was open; or its descriptor was closed.',
    commands: [CHECK, REPAIR],
    expect: `${MOST_COME_BACK} The database index of mandb is only a cache: delete it and run mandb -c.`,
  },
  {
    messages: ['gdbm fatal: write error'],
    from: 'libgdbm of all versions, which ends the program',
    meaning: 'Not all bytes could be written, so that the file may be half changed.',
    cause: 'The volume is full or over its quota, the file system is read-only, or the disk fails.',
    commands: [DOCTOR, REPAIR],
    expect:
      'Make room first: a repair needs as much room as the file. Then as a rule all but the last record comes back.',
  },
  {
    messages: [
      'gdbm fatal: malloc error',
      'gdbm fatal: malloc failed',
      "gdbm fatal: couldn't init cache",
      'malloc error',
      'malloc failed',
      'Malloc error',
    ],
    from: 'libgdbm of all versions',
    meaning: 'There was no memory for a record, a bucket or the directory.',
    cause: 'A size in the file is wrong and asks for gigabytes; or the container has too little memory.',
    commands: [CHECK, REPAIR],
    expect:
      'If check finds the file healthy, it is the memory limit. gdbm-doctor itself takes at most 192 MiB for any file.',
  },
  {
    messages: [
      "can't read bucket #…",
      "can't read key pair …",
      "fatal: can't store element …",
      'Recovery failed',
    ],
    from: 'gdbm_recover and gdbmtool recover',
    meaning: "libgdbm's own recovery passed over this bucket or record, or gave up.",
    cause: 'The structure that leads to it is damaged. libgdbm reads only what the directory leads to.',
    commands: ['gdbm-doctor repair FILE.~1~ -o FILE.repaired', REPAIR],
    expect:
      'Work on the file as it was before that recovery if you have it: records that it left out are often still there.',
  },
  {
    messages: ['gdbm fatal: …'],
    from: 'libgdbm of all versions, which ends the program',
    meaning:
      'libgdbm met an error that it cannot report to its program, and ended it. The words behind the colon say which.',
    cause: 'As a rule the file is damaged, or its volume failed.',
    commands: [DOCTOR],
    expect: 'doctor says what is wrong with the file and its place, and the command that mends it.',
    isGeneral: true,
  },
];

/** Messages about the way in which a program uses the file. */
export const USE: readonly ErrorEntry[] = [
  {
    messages: ["Can't be reader", "Can't be writer"],
    from: 'libgdbm of all versions',
    meaning: "Another program holds libgdbm's lock on the file.",
    cause:
      'Many may read, or one may write. A second Flower, beat or worker uses the same file, the old container has not ended yet, or a process is left over.',
    commands: [DOCTOR],
    expect:
      'doctor names the process. Wait for it or end it, and give each program a file of its own. The file is not damaged by this.',
  },
  {
    messages: ["Reader can't store", "Reader can't delete", "Reader can't reorganize"],
    from: 'libgdbm of all versions; Python: _gdbm.error',
    meaning: 'The program opened the database for reading only and tried to change it.',
    cause: "It was opened with the flag 'r', which is the default of dbm.gnu.open, or with GDBM_READER.",
    commands: [],
    expect: "Open it with 'w', or 'c' to create it. The file is not damaged.",
  },
  {
    messages: ['Item not found', 'Cannot replace'],
    from: 'libgdbm of all versions',
    meaning: 'The key is not there; or it is there and the program forbade to replace it.',
    cause: 'This is an answer, no damage, unless the key was there before.',
    commands: ['gdbm-doctor list FILE', CHECK],
    expect: 'list shows the keys. If check finds damage, a repair may bring the record back.',
    isGeneral: true,
  },
  {
    messages: [
      'File open error',
      'Cannot stat file',
      'Failed to resolve real path name',
      "Can't resolve path name",
      'Database name not given',
    ],
    from: 'libgdbm of all versions; gdbmtool',
    meaning:
      'The file could not be opened. The reason of the system stands behind it, if the program shows it.',
    cause: 'A wrong path, a volume that is not mounted, no permission, or a lock that another process holds.',
    commands: [DOCTOR],
    expect: 'doctor says how far the path leads, who may read it and who holds it.',
    isGeneral: true,
  },
  {
    messages: ['File read error', 'File seek error'],
    from: 'libgdbm of all versions',
    meaning: 'The system could not read the file at this place.',
    cause:
      'A bad sector, a network file system that does not answer, or an impossible offset in a damaged file.',
    commands: [DOCTOR, 'gdbm-doctor repair FILE -o FILE.repaired'],
    expect:
      'A sector that cannot be read costs the records in it and no more. Look into dmesg; copy the file with ddrescue first if the disk fails.',
  },
  {
    messages: ['File write error', 'Error synchronizing file', 'Error truncating file', 'Error closing file'],
    from: 'libgdbm of all versions',
    meaning: 'A change did not reach the disk as a whole.',
    cause: 'The volume is full, over its quota or read-only, or a network file system failed.',
    commands: [DOCTOR, CHECK],
    expect: 'Make room, then check: a write that was broken off often leaves a file that needs a repair.',
  },
  {
    messages: ['Reorganize failed', 'Reorganization failed'],
    from: 'libgdbm of all versions; Python: reorganize(); gdbmtool',
    meaning: 'The new file for the reorganized database could not be made. The old one is still in place.',
    cause: 'The folder cannot be written to, the volume is full, or a record cannot be read.',
    commands: [DOCTOR, CHECK],
    expect: 'After a repair the file has no wasted space, so that it need not be reorganized.',
  },
  {
    messages: [
      'Failed to restore file owner',
      'Failed to restore file mode',
      'Failed to create backup copy',
      'Reflink failed',
    ],
    from: 'newer versions of libgdbm; gdbm_load, gdbm_recover; crash tolerance',
    meaning:
      'The data were written, but owner, mode or backup could not be set; or the file system cannot make snapshots by reflink.',
    cause:
      'The user is not the owner of the file or root; crash tolerance needs XFS, Btrfs or another file system with reflinks.',
    commands: [DOCTOR],
    expect: 'The file is not damaged.',
  },
  {
    messages: ['Malformed data', 'Illegal data'],
    from: 'libgdbm of all versions; gdbm_load',
    meaning:
      'The program gave a key or value without bytes in memory, or a dump has a line that is not in its format.',
    cause: 'A mistake in the program, or a dump that is cut off or was edited.',
    commands: ['gdbm-doctor load FILE FILE.db'],
    expect:
      'load reads dumps of gdbm_dump, db_dump and dump, also records of no bytes, and names the line that is wrong. FILE is the dump here.',
  },
  {
    messages: [
      'Option already set',
      'Bad option value',
      'Illegal option',
      'Bad file flags',
      'Bad flags',
      'Function usage error',
      'Should not happen: unused error code',
      'Unknown error',
      'No error',
      'Unknown update',
    ],
    from: 'libgdbm of all versions',
    meaning:
      'The program called libgdbm in a way that it does not accept; or an error has no text of its own.',
    cause:
      'A mistake in the program or in its binding to libgdbm, or a binding that was built for another version.',
    commands: [CHECK],
    expect: 'If check finds the file healthy, it is the program.',
    isGeneral: true,
  },
];
