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
  ];

for (const [command, env, program, database] of COMMANDS) {
  test(`${JSON.stringify(env)} ${command}: ${program}, ${database ?? 'no database'}`, () => {
    const found = understandCommand(words(command), env);
    assert.deepEqual([found.program, found.database], [program, database]);
  });
}

test('withoutPersistence removes every trace from the arguments and the environment', () => {
  const env = { FLOWER_PERSISTENT: '1', FLOWER_DB: 'x', PATH: '/bin' };
  const command = words('celery -A proj flower --persistent=True --db=/data/f --port=5555');
  const without = withoutPersistence(command, env)!;
  assert.deepEqual(without, { command: words('celery -A proj flower --port=5555'), env: { PATH: '/bin' } });
  assert.equal(understandCommand(without.command, without.env).database, undefined);
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
});
