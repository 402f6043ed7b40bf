import assert from 'node:assert/strict';
import test from 'node:test';
import { understandCommand, withDatabase, withoutPersistence } from '../../src/service/commandline.js';

const words = (text: string) => text.split(' ');

/** Command line and environment, and their program and database. */
const COMMANDS: readonly [string, Record<string, string>, 'flower' | 'beat' | 'other', string | undefined][] =
  [
    ['celery flower --persistent=True --db=/data/flower', {}, 'flower', '/data/flower'],
    ['celery -A proj flower --persistent=True', {}, 'flower', 'flower'],
    ['celery --broker=redis://r flower --persistent --db=x.db', {}, 'flower', 'x.db'],
    ['python -m celery -A proj flower --persistent=1 --db=a --db=b', {}, 'flower', 'b'],
    [
      '/usr/local/bin/celery flower',
      { FLOWER_PERSISTENT: 'True', FLOWER_DB: '/data/f' },
      'flower',
      '/data/f',
    ],
    ['celery flower --db=/mine', { FLOWER_PERSISTENT: 'yes', FLOWER_DB: '/data/f' }, 'flower', '/mine'],
    ['celery flower --persistent=False', { FLOWER_PERSISTENT: 'True' }, 'flower', undefined],
    ['celery flower', {}, 'flower', undefined],
    ['celery flower', { FLOWER_PERSISTENT: '0' }, 'flower', undefined],
    ['flower --persistent=true --db=z', {}, 'flower', 'z'],
    ['celery -A proj beat', {}, 'beat', 'celerybeat-schedule'],
    ['celery -A proj beat -s /run/beat', {}, 'beat', '/run/beat'],
    ['celery -A proj beat --schedule=/run/beat -l info', {}, 'beat', '/run/beat'],
    ['celery -A proj beat --schedule /run/beat', {}, 'beat', '/run/beat'],
    ['celery -A proj worker -B -s /run/beat', {}, 'beat', '/run/beat'],
    ['celery -A proj worker', {}, 'other', undefined],
    [
      'celery -A proj beat --scheduler django_celery_beat.schedulers:DatabaseScheduler',
      {},
      'beat',
      undefined,
    ],
    ['celery -A proj beat -S celery.beat:PersistentScheduler', {}, 'beat', 'celerybeat-schedule'],
    ['python app.py', { FLOWER_DB: 'x', FLOWER_PERSISTENT: '1' }, 'other', undefined],
    ['celery -A flower worker', { FLOWER_PERSISTENT: '1' }, 'other', undefined],
    ['celery -A beat flower --persistent', {}, 'flower', 'flower'],
    ['celery --workdir /app flower --persistent --db=f.db', {}, 'flower', '/app/f.db'],
    ['celery --workdir=/app -q -A p beat', {}, 'beat', '/app/celerybeat-schedule'],
    ['gosu celery celery -A p flower --persistent', {}, 'flower', 'flower'],
    ['python3 -m flower -A p flower --persistent', {}, 'flower', 'flower'],
    ['env FLOWER_PERSISTENT=1 FLOWER_DB=/data/f celery flower', {}, 'flower', '/data/f'],
    ['env -u FLOWER_PERSISTENT celery flower', { FLOWER_PERSISTENT: '1' }, 'flower', undefined],
  ];

/** Scripts of `sh -c` that are one plain command; the environment sets FLOWER_DB to `/data/f`. */
const SCRIPTS: readonly [string, string][] = [
  ['celery -A p flower --persistent=True --db=/d/x', '/d/x'],
  ['  exec celery -A p flower --persistent --db="$FLOWER_DB"  ', '/data/f'],
  ['exec celery flower --persistent --db=${FLOWER_DB}', '/data/f'],
  ['celery flower --persistent --db=${NOWHERE_SET:-/d/y}', '/d/y'],
  ["celery flower --persistent --db='/d/a b'", '/d/a b'],
  ['celery flower --persistent --db="/d/a\\$b"', '/d/a$b'],
  ['celery -A p flower \\\n --persistent=True', '/data/f'],
  ['FLOWER_PERSISTENT=1 FLOWER_DB=/d/z celery flower', '/d/z'],
  ["sh -c 'celery flower --persistent'", '/data/f'],
  ['celery -A p beat -s "/d/beat"', '/d/beat'],
];

/** Scripts that may do anything else. */
const NOT_PLAIN = [
  'cd /app && celery flower --persistent',
  'export FLOWER_DB=/x; celery flower --persistent',
  'celery flower --persistent --db=$(cat where)',
  'celery flower --persistent --db=`cat where`',
  'celery flower --persistent --db="`cat where`"',
  'celery flower --persistent --db=$1',
  'celery flower --persistent --db=/d/*.db',
  'celery flower --persistent --db=~/f',
  'celery flower --persistent --db=$SPACES',
  'FLOWER_DB=/a celery flower --persistent --db=$FLOWER_DB',
  'celery flower --persistent & wait',
  'celery flower --persistent > log',
  'celery flower\nFLOWER_DB=/x celery flower',
  'if true',
  'eval celery flower --persistent',
  'celery flower --persistent --db="/d',
  'exec',
  '',
];

for (const [script, database] of SCRIPTS) {
  test(`sh -c ${JSON.stringify(script)}: ${database}`, () => {
    const env = { FLOWER_DB: '/data/f' };
    for (const shell of [
      ['sh', '-c'],
      ['/bin/bash', '-ec'],
      ['bash', '-eu', '-o', 'pipefail', '-c'],
    ]) {
      const found = understandCommand([...shell, script], env);
      assert.deepEqual([found.database, found.unknown], [database, undefined]);
    }
  });
}

test('a script that may be more than one plain command leaves the database unknown', () => {
  const env = { FLOWER_DB: '/data/f', FLOWER_PERSISTENT: '1', SPACES: 'a b' };
  const commands = [
    ...NOT_PLAIN.map((script) => ['sh', '-c', script]),
    ['bash', 'start.sh'],
    ['bash', '-lc', 'celery flower --persistent'],
    ['./start.sh'],
    ['env', '-S', 'celery flower'],
    ['env', 'A=b'],
  ];
  for (const command of commands) {
    const { program, database, unknown } = understandCommand(command, env);
    assert.deepEqual([program, database], ['other', undefined], command.join(' '));
    assert.ok(unknown !== undefined, command.join(' '));
    assert.equal(withDatabase(command, env, '/x'), undefined);
    assert.equal(withoutPersistence(command, env), undefined);
  }
});

/** Text of a configuration, the environment, and the database that Flower keeps; `unknown` if it may be any. */
const CONFIGS: readonly [string, Record<string, string>, string | undefined][] = [
  ["persistent = True\ndb = '/d/f'  # here\n", {}, '/d/f'],
  ['# nothing\n', {}, undefined],
  ['persistent = False\n', { FLOWER_PERSISTENT: 'True' }, undefined],
  ['db = "/d/f"\n', { FLOWER_PERSISTENT: 'True', FLOWER_DB: '/data/g' }, '/d/f'],
  ['persistent = "no"\n', {}, undefined],
  [
    [
      '"""Doc."""',
      'import os',
      'port = int(os.environ["PORT"])',
      'auth = [',
      '  "a",',
      ']',
      '',
      'def format_task(task):',
      '    db = 1',
      '    return task',
      'persistent = True',
    ].join('\r\n'),
    {},
    'flower',
  ],
  ['import os\npersistent = True\ndb = os.environ["HERE"]\n', {}, 'unknown'],
  ['import os\nif os.environ.get("KEEP"):\n    persistent = True\n', {}, 'unknown'],
  ['from settings import *\n', {}, 'unknown'],
  ['from settings import persistent\n', {}, 'unknown'],
  ['exec(open("more.py").read())\n', {}, 'unknown'],
  ['globals()["persistent"] = True\n', {}, 'unknown'],
  ['persistent, db = True, "/d/f"\n', {}, 'unknown'],
  ['port = persistent = True\n', {}, 'unknown'],
  ['persistent = not debug\n', {}, 'unknown'],
  ['x = (persistent := True)\n', {}, 'unknown'],
  ['persistent = False; persistent = True\n', {}, 'unknown'],
  ['persistent = True\ndb = "/d/" "f"\n', {}, 'unknown'],
  ['def persistent():\n    pass\n', {}, 'unknown'],
  ['x = """\npersistent = True\n"""\n', {}, undefined],
  ['persistent = (\n', {}, 'unknown'],
];

for (const [text, env, expected] of CONFIGS) {
  test(`a configuration ${JSON.stringify(text)} ${JSON.stringify(env)}: ${expected ?? 'no database'}`, () => {
    const asked: string[] = [];
    const readText = (path: string) => (asked.push(path), text);
    const { database, unknown } = understandCommand(['celery', 'flower'], env, readText);
    assert.equal(unknown === undefined ? database : 'unknown', expected);
    assert.deepEqual(asked, ['flowerconfig.py']);
  });
}

test('arguments win over the configuration, wherever that is', () => {
  const asked: string[] = [];
  const readText = (path: string) => (asked.push(path), 'persistent = False\ndb = "/d/f"\n');
  const found = understandCommand(words('celery flower --persistent --conf=/etc/f.py'), {}, readText);
  assert.equal(found.database, '/d/f');
  const both = words('celery --workdir=/app flower --persistent --db=x');
  assert.equal(understandCommand(both, { FLOWER_CONF: 'f.py' }, readText).database, '/app/x');
  understandCommand(words('celery --workdir=/app flower'), { FLOWER_CONF: 'f.py' }, readText);
  assert.deepEqual(asked, ['/etc/f.py', '/app/f.py']);
});

test('a configuration that cannot be read leaves the database unknown', () => {
  const readText = () => {
    throw new Error('EACCES');
  };
  assert.ok(understandCommand(words('celery flower'), {}, readText).unknown !== undefined);
});

for (const [command, env, program, database] of COMMANDS) {
  test(`${JSON.stringify(env)} ${command}: ${program}, ${database ?? 'no database'}`, () => {
    const found = understandCommand(words(command), env);
    assert.deepEqual([found.program, found.database], [program, database]);
  });
}

test('withoutPersistence wins over the arguments, the environment and the configuration', () => {
  const env = { FLOWER_PERSISTENT: '1', FLOWER_DB: 'x', PATH: '/bin' };
  const command = words('celery -A proj flower --persistent=True --db=/data/f --port=5555');
  const without = withoutPersistence(command, env)!;
  const found = understandCommand(without.command, without.env, () => 'persistent = True');
  assert.deepEqual(found, { program: 'flower', database: undefined });
  assert.equal(withoutPersistence(words('celery -A p beat'), env), undefined);
});

test('withDatabase sets the database that the program opens', () => {
  for (const [text, env, program, database] of COMMANDS) {
    const other = withDatabase(words(text), env, '/tmp/new');
    if (program === 'other') assert.equal(other, undefined);
    else if (database !== undefined) {
      assert.equal(understandCommand(other!.command, other!.env).database, '/tmp/new', text);
    }
  }
  const shell = withDatabase(['sh', '-c', 'FLOWER_DB=/a celery flower --persistent'], {}, '/tmp/new')!;
  assert.equal(understandCommand(shell.command, shell.env).database, '/tmp/new');
});
