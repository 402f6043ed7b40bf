import assert from 'node:assert/strict';
import { appendFile, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { Database, Source } from '../../src/index.js';
import { create, diff, dump, memorySink, open } from '../../src/index.js';
import { text } from '../build/build.js';
import { smallDatabases, whateverTheDamage } from '../read/walked.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { databaseOf, rejectedWith } from './tools.js';

async function recordsOf(database: Database): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const [key, value] of database) found.push([text(key), text(value)]);
  return found;
}

test('get finds just the records that a walk gives, whatever the damage, each key once', async () => {
  const counts = { healthy: 0, damaged: 0, missing: 0 };
  await whateverTheDamage(smallDatabases('api'), 30, async (bytes, intact) => {
    const database = await open(bytes).catch(() => undefined);
    if (database === undefined) return;
    counts[database.health]++;
    const records = await recordsOf(database);
    const byKey = new Map(records);
    assert.equal(byKey.size, records.length);
    assert.equal(database.size, records.length);
    const keys: string[] = [];
    for await (const key of database.keys()) keys.push(text(key));
    assert.deepEqual(keys.sort(), [...byKey.keys()].sort());
    for (const [key, value] of records) {
      assert.equal(text((await database.get(Buffer.from(key, 'latin1')))!), value);
    }
    for (const key of intact.records.keys()) {
      const isThere = byKey.has(key);
      assert.equal(await database.has(Buffer.from(key, 'latin1')), isThere);
      if (!isThere) counts.missing++;
    }
  });
  assert.ok(counts.damaged > 5 && counts.missing > 10, JSON.stringify(counts));
});

test('lookups that run at once do not disturb each other', async () => {
  // Buckets so large that only two are held at a time.
  const keys = Array.from({ length: 40_000 }, (_, n) => `key ${n}`);
  const bytes = await databaseOf(new Map(keys.map((key) => [key, key])), { blockSize: 1 << 19 });
  const database = await open(bytes);
  const wanted = keys.filter((_, n) => n % 500 === 0);
  const values = await Promise.all(wanted.map((key) => database.get(key)));
  assert.deepEqual(
    values.map((value) => value && text(value)),
    wanted,
  );
});

test('a database opens from a path, from bytes, from a Blob and from a source', async () => {
  const bytes = await databaseOf(new Map([['ä', 'value']]));
  // A Buffer in the middle of other bytes.
  const inside = Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(5)]).subarray(3, 3 + bytes.length);
  const own: Source = {
    size: bytes.length,
    read: async (offset, length) => bytes.slice(offset, offset + length),
  };
  for (const input of [bytes, inside, new Blob([bytes.slice()]), own]) {
    const database = await open(input);
    assert.equal(database.health, 'healthy');
    const value = await database.get('ä');
    assert.equal(value && text(value), 'value');
    assert.equal(await database.get(Buffer.from('ae')), undefined);
  }
  const database = await open(fixture('amd64.db'));
  assert.equal((await recordsOf(database)).length, database.size);
  await database.close();
});

test('what is given is a copy: a change of it changes nothing', async () => {
  const bytes = await databaseOf(new Map([['key', 'value']]));
  const database = await open(bytes);
  (await database.get('key'))!.fill(0);
  for await (const [key, value] of database) for (const one of [key, value]) one.fill(0);
  assert.deepEqual(await recordsOf(database), [['key', 'value']]);
});

test('what cannot be opened is refused with its reason', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'empty'), '');
  await writeFile(join(folder, 'text'), 'no database, only text');
  await rejectedWith('NO_SUCH_FILE', open(join(folder, 'none')));
  await rejectedWith('IS_DIRECTORY', open(folder));
  await rejectedWith('NOT_GDBM', open(join(folder, 'empty')));
  await rejectedWith('NOT_GDBM', open(join(folder, 'text')));
  await rejectedWith('NOT_A_FILE', open('/dev/null'));
  await rejectedWith('NOT_GDBM', open(new Uint8Array(0)));
  await rejectedWith('IO', open({ size: 10, read: async () => new Uint8Array(1) }));
  await assert.rejects(open(7 as never), TypeError);
  await assert.rejects(open({} as never), TypeError);
  await assert.rejects((await open(fixture('amd64.db'))).get(7 as never), TypeError);
});

test('a database that a program wrote to says so, and one that was closed, too', async (t) => {
  const path = join(await temporaryFolder(t), 'some.db');
  await copyFile(fixture('amd64.db'), path);
  const database = await open(path);
  assert.equal(await database.has('no such key'), false);
  await appendFile(path, 'more');
  await rejectedWith('CHANGED', database.get('no such key'));
  await rejectedWith('CHANGED', recordsOf(database));
  await database.close();
  await database.close();
  await rejectedWith('CLOSED', database.has('key'));
  await rejectedWith('CLOSED', recordsOf(database));
  await rejectedWith('CLOSED', dump(database).next());
  await rejectedWith('CLOSED', diff(database, database).next());
});

test('a loop goes on where the database is closed meanwhile only to say so', async () => {
  const database = await open(fixture('amd64.db'));
  await rejectedWith(
    'CLOSED',
    (async () => {
      for await (const _ of database) {
        void _;
        await database.close();
      }
    })(),
  );
});

test('a record that is too large to be held is refused, and the others are given', async () => {
  const bytes = await databaseOf(
    new Map([
      ['large', 'x'.repeat(100_000)],
      ['small', 'x'],
    ]),
  );
  const database = await open(bytes, { maxRecord: 50_000 });
  await rejectedWith('TOO_LARGE', database.get('large'));
  await rejectedWith('TOO_LARGE', recordsOf(database));
  assert.equal(await database.has('large'), true);
  assert.equal((await database.get('small'))!.length, 1);
  assert.equal((await recordsOf(await open(bytes))).length, 2);
});

test('a signal ends the opening and each later read', async () => {
  const reason = new Error('enough');
  await assert.rejects(open(fixture('amd64.db'), { signal: AbortSignal.abort(reason) }), reason);
  const stop = new AbortController();
  const database = await open(fixture('amd64.db'), { signal: stop.signal });
  stop.abort(reason);
  await assert.rejects(recordsOf(database), reason);
  await database.close();
});

test('progress tells the step and the bytes', async () => {
  const steps = new Set<string>();
  const onProgress = (step: string, done: number, all: number) => {
    assert.ok(done <= all);
    steps.add(step);
  };
  const bytes = await databaseOf(new Map([['key', 'value']]));
  bytes.fill(0, 0, 100);
  await open(bytes, { onProgress });
  assert.ok(steps.size > 1, [...steps].join());
});

test('a database in a sink opens as it is', async () => {
  const sink = memorySink();
  const writer = await create(sink);
  await writer.add('key', 'value');
  await writer.finish();
  assert.deepEqual(await recordsOf(await open(sink)), [['key', 'value']]);
});
