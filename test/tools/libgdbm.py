"""The real libgdbm as a judge: one JSON request a line on stdin, one JSON answer a line on stdout."""
import base64
import ctypes
import ctypes.util
import json
import sys

READER, WRITER, NEWDB, NUMSYNC, REPLACE = 0, 1, 3, 0x2000, 1
SETCOALESCEBLKS = 5


class Datum(ctypes.Structure):
    _fields_ = [("dptr", ctypes.c_void_p), ("dsize", ctypes.c_int)]


lib = ctypes.CDLL("libgdbm.so.6")
libc = ctypes.CDLL(None)
libc.free.argtypes = [ctypes.c_void_p]
errno = ctypes.POINTER(ctypes.c_int)
lib.gdbm_errno_location.restype = errno
lib.gdbm_strerror.restype = ctypes.c_char_p
lib.gdbm_open.restype = ctypes.c_void_p
lib.gdbm_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
lib.gdbm_close.argtypes = [ctypes.c_void_p]
lib.gdbm_count.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_ulonglong)]
for name in ("gdbm_firstkey",):
    getattr(lib, name).restype = Datum
    getattr(lib, name).argtypes = [ctypes.c_void_p]
for name in ("gdbm_nextkey", "gdbm_fetch"):
    getattr(lib, name).restype = Datum
    getattr(lib, name).argtypes = [ctypes.c_void_p, Datum]
lib.gdbm_store.argtypes = [ctypes.c_void_p, Datum, Datum, ctypes.c_int]
lib.gdbm_delete.argtypes = [ctypes.c_void_p, Datum]
lib.gdbm_setopt.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
lib.gdbm_sync.argtypes = [ctypes.c_void_p]


def error():
    return lib.gdbm_strerror(lib.gdbm_errno_location()[0]).decode()


class GdbmError(Exception):
    pass


def opened(path, flags, block_size=0):
    db = lib.gdbm_open(path.encode(), block_size, flags, 0o644, None)
    if not db:
        raise GdbmError(error())
    return db


def datum(data):
    return Datum(ctypes.cast(ctypes.create_string_buffer(data, max(len(data), 1)), ctypes.c_void_p), len(data))


def take(d):
    if not d.dptr:
        return None
    data = ctypes.string_at(d.dptr, d.dsize)
    libc.free(d.dptr)
    return data


def count(path, **_):
    """What opening for writing and counting answers."""
    db = opened(path, WRITER)
    try:
        n = ctypes.c_ulonglong()
        if lib.gdbm_count(db, ctypes.byref(n)):
            raise GdbmError(error())
        return n.value
    finally:
        lib.gdbm_close(db)


def create(path, block_size=0, numsync=False, coalesce=False, steps=()):
    """Makes a database and runs steps: ["store", key, value], ["delete", key] or ["sync"], in base64."""
    db = opened(path, NEWDB | (NUMSYNC if numsync else 0), block_size)
    if coalesce:
        on = ctypes.c_int(1)
        lib.gdbm_setopt(db, SETCOALESCEBLKS, ctypes.byref(on), ctypes.sizeof(on))
    run(db, steps)
    lib.gdbm_close(db)


def change(path, steps=()):
    db = opened(path, WRITER)
    run(db, steps)
    lib.gdbm_close(db)


def run(db, steps):
    for op, *args in steps:
        args = [base64.b64decode(arg) for arg in args]
        if op == "store":
            failed = lib.gdbm_store(db, datum(args[0]), datum(args[1]), REPLACE)
        elif op == "delete":
            failed = lib.gdbm_delete(db, datum(args[0]))
        else:
            failed = lib.gdbm_sync(db)
        if failed:
            raise GdbmError(op + ": " + error())


def use(path, limit, keys, **_):
    """How many keys a walk gives, up to a limit, how it ends, and which of some keys a fetch finds, each by itself."""
    db = opened(path, WRITER)
    walked = 0
    key = take(lib.gdbm_firstkey(db))
    while key is not None and walked < limit:
        walked += 1
        lib.gdbm_errno_location()[0] = 0
        key = take(lib.gdbm_nextkey(db, datum(key)))
    end = "never" if key is not None else error()
    lib.gdbm_close(db)
    fetched = []
    for key in keys:
        db = opened(path, READER)
        fetched.append(take(lib.gdbm_fetch(db, datum(base64.b64decode(key)))) is not None)
        lib.gdbm_close(db)
    return {"walked": walked, "end": end, "fetched": fetched}


def lookups(path, keys=()):
    """What a lookup of each key gives: its value, or null where it gives none; null for all where the file does not open."""
    try:
        db = opened(path, READER)
    except GdbmError:
        return [None for _ in keys]
    values = [take(lib.gdbm_fetch(db, datum(base64.b64decode(key)))) for key in keys]
    lib.gdbm_close(db)
    return [None if value is None else base64.b64encode(value).decode() for value in values]


def walk(path, **_):
    """Every record by walking, and whether a lookup of each key finds it."""
    db = opened(path, READER)
    records = []
    key = take(lib.gdbm_firstkey(db))
    while key is not None:
        value = take(lib.gdbm_fetch(db, datum(key)))
        if value is None:
            raise GdbmError("lookup: " + error())
        records.append([base64.b64encode(key).decode(), base64.b64encode(value).decode()])
        key = take(lib.gdbm_nextkey(db, datum(key)))
    ended = error()
    lib.gdbm_close(db)
    if ended != "Item not found":
        raise GdbmError("walk: " + ended)
    return records


for line in sys.stdin:
    request = json.loads(line)
    lib.gdbm_errno_location()[0] = 0
    try:
        answer = {"ok": globals()[request.pop("op")](**request)}
    except GdbmError as e:
        answer = {"error": str(e)}
    print(json.dumps(answer), flush=True)
