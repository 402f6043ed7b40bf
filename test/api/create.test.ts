import assert from 'node:assert/strict';
import { lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { DumpForm } from '../../src/index.js';
import { create, diff, dump, load, memorySink, open } from '../../src/index.js';
import { text } from '../build/build.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { databaseOf, rejectedWith } from './tools.js';

test('a new file has its name only at the end, is private, and replaces none', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'new.db');
  const writer = await create(path);
  await writer.add('key', 'value');
  assert.ok(!(await readdir(folder)).includes('new.db'));
  const { records, size, backup } = await writer.finish();
  assert.deepEqual(await readdir(folder), ['new.db']);
  const stats = await lstat(path);
  assert.deepEqual({ records, size, backup }, { records: 1, size: stats.size, backup: undefined });
  assert.equal(stats.mode & 0o777, 0o600);
  await rejectedWith('CLOSED', writer.add('key', 'value'));
  await rejectedWith('CLOSED', writer.finish());
  await rejectedWith('EXISTS', create(path));
  assert.deepEqual(await readdir(folder), ['new.db']);
});

// Without getfacl an access control list cannot be seen, and the rights are the owner's only.
testWith('acl', 'with replace the file as it was stays, and mode is for new files', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'new.db');
  await writeFile(path, 'no database', { mode: 0o640 });
  const writer = await create(path, { replace: true, lock: false, mode: 0o600 });
  await writer.add('key', 'value');
  const { backup } = await writer.finish();
  assert.equal(await readFile(backup!, 'utf8'), 'no database');
  assert.equal((await lstat(path)).mode & 0o777, 0o640);
  const other = await create(join(folder, 'other.db'), { mode: 0o644 });
  await other.finish();
  assert.equal((await lstat(join(folder, 'other.db'))).mode & 0o777, 0o644);
});

test('a writer that is given up, aborted or refused leaves nothing behind', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'new.db');
  const givenUp = await create(path);
  await givenUp.add('key', 'value');
  await givenUp.close();
  await givenUp.close();
  assert.deepEqual(await readdir(folder), []);

  const reason = new Error('enough');
  const stop = new AbortController();
  const aborted = await create(path, { signal: stop.signal });
  await aborted.add('key', 'value');
  stop.abort(reason);
  await assert.rejects(aborted.finish(), reason);
  assert.deepEqual(await readdir(folder), []);

  const twice = await create(path);
  for (const value of ['first', 'second']) await twice.add('key', value);
  await rejectedWith('DUPLICATE_KEY', twice.finish());
  assert.deepEqual(await readdir(folder), []);

  await rejectedWith('NO_SUCH_FILE', create(join(folder, 'none', 'new.db')));
  await assert.rejects(create(path, { blockSize: 1000 }), RangeError);
  await assert.rejects(create(path, { machine: 'vax' as never }), RangeError);
  await assert.rejects(create(path, { duplicates: 'last' as never }), RangeError);
  assert.deepEqual(await readdir(folder), []);
});

test('a file that comes to be meanwhile is not replaced', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'new.db');
  const writer = await create(path);
  await writeFile(path, 'of another program');
  await rejectedWith('EXISTS', writer.finish());
  assert.equal(await readFile(path, 'utf8'), 'of another program');
  assert.deepEqual(await readdir(folder), ['new.db']);
});

test('records are stored in their order though nobody waits for the single ones', async () => {
  const sink = memorySink();
  const writer = await create(sink, { duplicates: 'first' });
  const values = Array.from({ length: 5000 }, (_, n) => `${n}`.repeat(100));
  await Promise.all(values.map((value, n) => writer.add(`key ${n % 4000}`, value)));
  const written = await writer.finish();
  assert.equal(written.records, 4000);
  assert.equal(written.duplicates, 1000);
  const database = await open(sink.bytes());
  for (const n of [0, 999, 1000, 3999]) assert.equal(text((await database.get(`key ${n}`))!), values[n]);
});

test('a dump in each form that can be loaded gives the same records again', async (t) => {
  const folder = await temporaryFolder(t);
  const database = await open(fixture('amd64.db'));
  for (const form of ['ndjson', 'ascii', 'binary'] satisfies DumpForm[]) {
    const path = join(folder, `${form}.db`);
    const { records } = await load(dump(database, form), path);
    assert.equal(records, database.size, form);
    const copy = await open(path);
    for await (const change of diff(database, copy)) assert.fail(`${form}: ${change.how}`);
    await copy.close();
  }
  const selected: Uint8Array[] = [];
  for await (const piece of dump(database, 'csv', { keys: 'no such *' })) selected.push(piece);
  assert.equal(Buffer.concat(selected).toString(), 'key,value\r\n');
  assert.throws(() => dump(database, 'xml' as never), RangeError);
  await database.close();
});

test('a dump that is malformed, or has a key twice, makes no file', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'new.db');
  const bytes = (text: string) => new TextEncoder().encode(text);
  const line = '{"key":"YQ==","value":"YQ=="}\n';
  const { message } = await rejectedWith('MALFORMED', load(bytes(`${line}{"key":`), path));
  assert.match(message, /line 2/);
  await rejectedWith('MALFORMED', load(bytes('what is this'), path));
  await rejectedWith('DUPLICATE_KEY', load(bytes(line + line), path));
  await assert.rejects(
    load(
      (async function* () {
        yield line;
      })() as never,
      path,
    ),
    TypeError,
  );
  assert.deepEqual(await readdir(folder), []);
  const { records, duplicates } = await load(bytes(line + line), path, { duplicates: 'first' });
  assert.deepEqual([records, duplicates], [1, 1]);
});

test('a comparison tells what was added, removed and changed, with the sizes', async () => {
  const before = await open(
    await databaseOf(
      new Map([
        ['a', '1'],
        ['b', '22'],
        ['c', '3'],
      ]),
    ),
  );
  const after = await open(
    await databaseOf(
      new Map([
        ['b', '2'],
        ['c', '3'],
        ['d', '444'],
      ]),
    ),
  );
  const found = [];
  for await (const { how, key, ...sizes } of diff(before, after))
    found.push({ how, key: text(key), ...sizes });
  found.sort((a, b) => (a.key < b.key ? -1 : 1));
  assert.deepEqual(found, [
    { how: 'removed', key: 'a', before: 1, after: undefined },
    { how: 'changed', key: 'b', before: 2, after: 1 },
    { how: 'added', key: 'd', before: undefined, after: 3 },
  ]);
});

test('a key that is too large to be held is refused by its code, where it must be held', async () => {
  const database = await open(await databaseOf(new Map([['x'.repeat(5 << 20), 'value']])));
  await rejectedWith('TOO_LARGE', dump(database, 'ndjson', { keys: 'x*' }).next());
  await rejectedWith('TOO_LARGE', diff(database, await open(await databaseOf(new Map()))).next());
  let bytes = 0;
  for await (const piece of dump(database, 'csv')) bytes += piece.length;
  assert.ok(bytes > 5 << 20);
});
