import type { ErrorEntry } from './entry.js';
import { CHECK, DOCTOR, REPAIR, RESTORE } from './entry.js';

const NO_MODULE =
  'The file is whole. What is missing is a part of Python: conda, pyenv, uv, python.org for macOS and Windows bring no module for GDBM.';

/** Messages of Python's dbm modules and shelve. */
export const DBM: readonly ErrorEntry[] = [
  {
    messages: [
      'db type is dbm.gnu, but the module is not available',
      "No module named '_gdbm'",
      "No module named 'gdbm'",
      'No module named gdbm',
      'import of _gdbm halted',
      'please install the python3-gdbm package',
    ],
    from: 'Python: dbm.open, shelve.open, import dbm.gnu',
    meaning: 'The file is a GDBM database, and this Python has no module that opens one.',
    cause: `${NO_MODULE} The file was made by another Python, as of an older image.`,
    commands: [
      'gdbm-doctor convert --replace --to dbm.sqlite3 FILE FILE',
      'gdbm-doctor convert --to dbm.dumb FILE FILE',
      'apt-get install python3-gdbm',
      'conda install python-gdbm || conda install gdbm',
    ],
    expect:
      "One line of the four. The first is for Python 3.13 and later and needs Node 22.13, the second for any Python: it makes FILE.dat and FILE.dir, which Python opens by the same name. Every record is there, and the program stays as it is. The third is for Debian's own python3, as root; the official python images have the module. For pyenv install libgdbm-dev and build that Python again.",
  },
  {
    messages: [
      'db type is dbm.ndbm, but the module is not available',
      "No module named '_dbm'",
      'No module named dbm.ndbm',
    ],
    from: 'Python: dbm.open, shelve.open',
    meaning:
      "The database was made with dbm.ndbm, and this Python has no module for it. The file's name is the program's name with .db, or with .pag and .dir.",
    cause:
      "Debian's Python without python3-gdbm makes Berkeley DB files by this module; other systems use gdbm or sdbm below it.",
    commands: [DOCTOR, 'db_dump -p FILE | gdbm-doctor load - FILE.gdbm'],
    expect:
      'doctor says what the file is. A Berkeley DB file is not read here: db_dump of the package db-util reads it, and load makes a GDBM file of it.',
  },
  {
    messages: [
      'db type is dbm.sqlite3, but the module is not available',
      'db type is dbhash, but the module is not available',
      'db type is bsddb, but the module is not available',
      'No module named bsddb',
      "No module named '_bsddb'",
      "No module named 'bsddb3'",
    ],
    from: 'Python: dbm.open, shelve.open',
    meaning:
      'The file is of a kind that this Python does not open: SQLite (since 3.13), or Berkeley DB (Python 2).',
    cause: 'The file was made by another version of Python.',
    commands: [
      DOCTOR,
      'gdbm-doctor convert FILE FILE.gdbm',
      'db_dump -p FILE | gdbm-doctor load - FILE.gdbm',
    ],
    expect:
      'The second line makes a GDBM database of a SQLite one; convert --to dbm.dumb makes one that any Python opens. The third is for Berkeley DB, with db_dump of the package db-util.',
  },
  {
    messages: ['db type could not be determined'],
    from: 'Python: dbm.open, shelve.open; anydbm',
    meaning: 'The file exists, and its first bytes are those of no kind of database that Python knows.',
    cause:
      'The file has 0 bytes (a save that was killed, touch), its header is damaged, the name has a suffix that the module adds itself (dbm.ndbm of Debian and macOS makes x.db of x: open x), or it was made by Python 2 or another program.',
    commands: [DOCTOR, REPAIR, RESTORE],
    expect:
      'doctor says which of these it is. A GDBM file is repaired; an emptied one comes back from a snapshot.',
  },
  {
    messages: [
      "db file doesn't exist; use 'c' or 'n' flag to create a new db",
      "need 'c' or 'n' flag to open new db",
    ],
    from: 'Python: dbm.open, shelve.open',
    meaning: 'There is no file of this name, nor one with .db, .dat, .dir or .pag.',
    cause: 'A wrong path or working folder, or a volume that is not mounted.',
    commands: [DOCTOR],
    expect: 'doctor says how far the path leads and which files of other kinds lie there.',
  },
  {
    messages: [
      'cannot add item to database',
      'cannot delete item from database',
      'HASH: Out of overflow pages.  Increase page size',
    ],
    from: "Python: dbm.ndbm (_dbm.error), as of celery beat with Debian's or macOS's own Python; Berkeley DB",
    meaning:
      'The ndbm library refused the record. The database is not GDBM: Berkeley DB under the name with .db, or NAME.pag and NAME.dir.',
    cause:
      'The database is damaged, as a Berkeley DB of which the writer was killed; its pages have no more room (about 1 KB for a pair with the original ndbm and sdbm, or too many large values); the volume is full; or it was opened for reading.',
    commands: [DOCTOR, 'db_dump -r FILE | gdbm-doctor load - FILE.gdbm', 'apt-get install python3-gdbm'],
    expect:
      "doctor says what the file is. db_dump -r reads what is left of a Berkeley DB (package db-util), and load makes a GDBM file of it, which has no such limits. With python3-gdbm (as root) Python makes GDBM files, once the old file is out of the way. celery beat's schedule can be deleted: beat makes it again from the app's settings.",
  },
  {
    messages: [
      'GDBM object has already been closed',
      'DBM object has already been closed',
      'invalid operation on closed shelf',
    ],
    from: 'Python: dbm.gnu, dbm.ndbm, dbm.dumb, dbm.sqlite3, shelve',
    meaning: 'The program used the database after it had closed it.',
    cause:
      'A mistake in the program, often a view or generator that is read behind the with block. With writeback=True what was not synced is lost.',
    commands: [],
    expect: 'The file is not damaged by this.',
  },
  {
    messages: [
      "First flag must be one of 'r', 'w', 'c' or 'n'",
      "Flag '…' is not supported",
      'Flag must be one of',
      "flag must be 'r', 'w', 'c', or 'n'",
      'gdbm mappings have bytes or string indices only',
      'gdbm key must be bytes or string',
      'dbm mappings have bytes or string',
      'The database is opened for reading only',
    ],
    from: 'Python: dbm.gnu, dbm.ndbm, dbm.dumb',
    meaning: 'The program called the module in a way that it does not accept.',
    cause: 'A mistake in the program.',
    commands: [],
    expect: 'The file is not damaged by this.',
  },
  {
    messages: ["Failed to load state from '…', moving it aside and starting fresh"],
    from: 'Flower 2.2.0 at start; the reason stands behind it',
    meaning: 'Flower could not load its file, renamed it to NAME.corrupt and began without tasks.',
    cause:
      'The file is damaged, or locked by another process. The next time that this happens Flower overwrites NAME.corrupt.',
    commands: [
      'gdbm-doctor repair FILE.corrupt -o FILE.repaired',
      'gdbm-doctor snapshots FILE',
      'gdbm-doctor restore FILE',
    ],
    expect:
      'Stop Flower first. If FILE.repaired has the tasks, mv it to FILE; otherwise restore brings the newest good snapshot back. Under guard this is done at each start.',
  },
  {
    messages: ["KeyError: b'events'", "KeyError: 'events'"],
    from: 'Flower at start',
    meaning: "The database is sound, and Flower's one record is not in it.",
    cause:
      'Flower 2.0.1 empties its file at each save and was killed then; or the file belongs to another program.',
    commands: [
      RESTORE,
      'gdbm-doctor salvage --deleted FILE',
      'gdbm-doctor repair --include carved --expect-key events FILE',
    ],
    expect:
      'With a snapshot the state of that time comes back. Without one the old state may still be in free space of the file, unless the file was emptied.',
  },
  {
    messages: [
      "KeyError: b'entries'",
      "KeyError: 'entries'",
      "KeyError: b'__version__'",
      "KeyError: '__version__'",
      'Removing corrupted schedule file',
      'Removed corrupted schedule file',
    ],
    from: 'celery beat at start',
    meaning: "The schedule's database cannot be read, or lacks the records that beat needs.",
    cause:
      'beat was killed while it wrote, or two beats use one file. beat deletes what it cannot read and begins anew.',
    commands: [DOCTOR, REPAIR, RESTORE],
    expect:
      "The schedule itself comes from the app's settings; what is lost otherwise is when each task ran last. Start beat under guard to keep that.",
  },
  {
    messages: ["KeyError: b'…'"],
    from: 'Python: dbm, shelve',
    meaning: 'The key is not in the database.',
    cause: 'It was never stored; the database was emptied or replaced; or the record was lost by damage.',
    commands: ['gdbm-doctor list FILE', CHECK, 'gdbm-doctor snapshots FILE'],
    expect:
      'list shows the keys that are there, check whether the file is damaged, snapshots whether an earlier state has more.',
    isGeneral: true,
  },
  {
    messages: ['file is not a database', 'database disk image is malformed', 'no such table: Dict'],
    from: 'Python 3.13 and later: dbm.sqlite3; sqlite3',
    meaning: 'The file is to be a SQLite database, and is none or is damaged.',
    cause:
      'Python 3.13 and later makes new shelves with SQLite. The file is damaged, or it is a GDBM file that was opened with dbm.sqlite3.',
    commands: [DOCTOR, 'sqlite3 FILE .recover > FILE.sql'],
    expect:
      'doctor says which kind of file it is. A GDBM file is opened with dbm.gnu; a damaged SQLite file is mended by sqlite3 itself.',
  },
  {
    messages: ['database is locked', 'attempt to write a readonly database', 'unable to open database file'],
    from: 'Python 3.13 and later: dbm.sqlite3; sqlite3',
    meaning: 'The SQLite file or its folder cannot be written, or another process holds it.',
    cause:
      'A second program, no permission for file or folder (SQLite makes a journal beside it), a read-only volume.',
    commands: [DOCTOR],
    expect: 'doctor says who holds the file and who may write it; the file is not damaged by this.',
  },
];

/** Messages of pickle, as a shelve shows them when a value is loaded. */
export const PICKLE: readonly ErrorEntry[] = [
  {
    messages: [
      'pickle data was truncated',
      'Ran out of input',
      'EOFError',
      'pickle exhausted before end of frame',
    ],
    from: 'Python: pickle, shelve',
    meaning: 'The value ends before its pickle does, or has no bytes.',
    cause:
      'The database was written while a copy of it was made, a block of the value never reached the disk, or the writer was killed amid a save.',
    commands: [CHECK, RESTORE, REPAIR],
    expect:
      'check names each value that is not whole. A snapshot has it whole; a repair sets the broken value aside in FILE.quarantine.~1~, so that the program starts without it.',
  },
  {
    messages: [
      'invalid load key',
      'unpickling stack underflow',
      'Memo value not found at index',
      'could not find MARK',
      'unexpected MARK found',
      'unregistered extension code',
      'A load persistent id instruction was encountered',
      'frame size > sys.maxsize',
    ],
    from: 'Python: pickle, shelve',
    meaning: 'The bytes of the value are not those of a pickle.',
    cause:
      'They were overwritten, are zero after a crash, or are something else: no value of a shelve, or one that was compressed or encrypted.',
    commands: [CHECK, RESTORE, REPAIR],
    expect:
      'check names each value with the offset at which its pickle breaks. A snapshot has it whole; a repair sets it aside, so that the program starts without it.',
  },
  {
    messages: ['unsupported pickle protocol'],
    from: 'Python: pickle, shelve',
    meaning: 'The value is a whole pickle of a newer Python.',
    cause:
      'A newer Python wrote the database: protocol 4 needs Python 3.4, protocol 5 needs 3.8. A protocol above 5 is a damaged byte.',
    commands: [CHECK],
    expect:
      'Open it with the newer Python, and have it write protocol=2 or the one that the older Python knows.',
  },
  {
    messages: ["Can't get attribute", 'Unrecognized option', "'ascii' codec can't decode byte"],
    from: 'Python: pickle, shelve',
    meaning:
      'The value is a whole pickle, and the class that it names is not there or takes other arguments.',
    cause:
      'The program, Flower, celery or Python was upgraded, or the value is read by another program than the one that wrote it.',
    commands: [CHECK, 'gdbm-doctor dump FILE FILE.ndjson'],
    expect:
      "The file is not damaged. Read it with the version that wrote it. Flower's values need: import flower.options.",
  },
  {
    messages: ["'utf-8' codec can't decode byte"],
    from: 'Python: shelve',
    meaning: 'A key is not UTF-8; a shelve cannot go through its keys then.',
    cause: 'The key was overwritten, or another program stored it.',
    commands: [CHECK, REPAIR],
    expect: 'A repair sets the record aside in FILE.quarantine.~1~, so that the program starts without it.',
    isGeneral: true,
  },
  {
    messages: [
      'ModuleNotFoundError: No module named',
      'ImportError: No module named',
      'UnpicklingError',
      'PickleError',
    ],
    from: 'Python: pickle, shelve',
    meaning: 'A value could not be loaded.',
    cause: 'Either the value is damaged, or a module that its pickle names is not installed here.',
    commands: [CHECK],
    expect:
      'check walks each pickle without executing it and says which value is not whole. If all are, install what the program needs.',
    isGeneral: true,
  },
];
