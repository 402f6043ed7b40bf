"""Provokes the errors that people meet, and prints for each the message that heads its entry, and the traceback."""
import dbm
import dbm.dumb
import dbm.gnu
import dbm.ndbm
import os
import pickle
import shelve
import sys
import tempfile
import traceback


def provoke(expected, action):
    try:
        action()
    except BaseException:
        print(expected, traceback.format_exc(), sep='\1', end='\0')
    else:
        print('no error:', expected, file=sys.stderr)


os.chdir(tempfile.mkdtemp())
open('empty', 'w').close()
with open('junk', 'w') as file:
    file.write('junk' * 3000)
os.mkdir('folder')
database = dbm.gnu.open('sound', 'n')
database[b'key'] = b'value'
LOCKED = '[Errno 11] Resource temporarily unavailable'
provoke(LOCKED, lambda: dbm.gnu.open('sound', 'c'))
provoke(LOCKED, lambda: shelve.open('sound'))
provoke("KeyError: b'events'", lambda: database[b'events'])
provoke("KeyError: b'…'", lambda: database[b'other'])
database.close()
provoke('GDBM object has already been closed', lambda: database[b'key'])
reader = dbm.gnu.open('sound', 'r')
provoke("Reader can't store", lambda: reader.__setitem__(b'a', b'b'))
provoke("Reader can't store", lambda: reader.__delitem__(b'key'))
reader.close()
with open('sound', 'rb') as file:
    sound = file.read()


def damaged(name, at, replacement):
    with open(name, 'wb') as file:
        file.write(sound[:at] + replacement + sound[at + len(replacement):])
    return name


provoke('Database needs recovery', lambda: len(dbm.gnu.open(damaged('longer', len(sound), b'\0' * 4096), 'w')))
provoke('Malformed database file header', lambda: dbm.gnu.open(damaged('header', 8, b'\xff' * 8), 'w'))
provoke('Byte-swapped file', lambda: dbm.gnu.open(damaged('swapped', 0, sound[3::-1]), 'r'))
provoke('Bad magic number', lambda: dbm.gnu.open('junk'))
provoke('Empty database', lambda: dbm.gnu.open('empty'))
provoke('db type could not be determined', lambda: shelve.open('empty'))
provoke('db type could not be determined', lambda: shelve.open('junk'))
provoke('[Errno 2] No such file or directory', lambda: dbm.gnu.open('none'))
provoke("db file doesn't exist; use 'c' or 'n' flag to create a new db", lambda: dbm.open('none'))
provoke('[Errno 21] Is a directory', lambda: dbm.gnu.open('folder', 'c'))
provoke("First flag must be one of 'r', 'w', 'c' or 'n'", lambda: dbm.gnu.open('sound', 'q'))
provoke("First flag must be one of 'r', 'w', 'c' or 'n'", lambda: dbm.gnu.open('sound', 'rq'))
shelf = shelve.open('shelf')
shelf.close()
provoke('GDBM object has already been closed', lambda: shelf['a'])
TRUNCATED = 'pickle data was truncated'
for value in (b'', b'\x80\x04', b'\x80\x05K', b'\x80\x04\x95\x20\0\0\0\0\0\0\0\x8c'):
    provoke(TRUNCATED, lambda: pickle.loads(value))
for value in (b'\0\0', b'\x80\x04b.', b'0.', b'\x80\x04h\x05.'):
    provoke('invalid load key', lambda: pickle.loads(value))
provoke('unsupported pickle protocol', lambda: pickle.loads(b'\x80\x06.'))
provoke("Can't get attribute", lambda: pickle.loads(b'\x80\x04\x8c\x02os\x8c\x01x\x93.'))
provoke('ModuleNotFoundError: No module named', lambda: pickle.loads(b'\x80\x04\x8c\x04none\x8c\x01x\x93.'))
dumb = dbm.dumb.open('dumb', 'n')
dumb.close()
provoke('GDBM object has already been closed', lambda: dumb[b'a'])
provoke("First flag must be one of 'r', 'w', 'c' or 'n'", lambda: dbm.dumb.open('dumb', 'r').__setitem__(b'a', b'b'))
MISSING = 'db type is dbm.gnu, but the module is not available'
del sys.modules['dbm.gnu']
sys.modules['_gdbm'] = None
dbm._modules = {}
provoke(MISSING, lambda: dbm.open('sound'))
provoke(MISSING, lambda: __import__('dbm.gnu'))
