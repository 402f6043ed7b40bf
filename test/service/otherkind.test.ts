import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { BIN, run } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { SQLITE_NODE, testWith } from '../tools/needs.js';

/** A node whose guarded program does nothing. */
const NODE = process.execPath;

/** Runs statements on a database as Python's dbm.sqlite3 makes it; with `killed` its process dies with it open. */
async function sqlite(path: string, statements: string, killed = false): Promise<void> {
  const script = `
    const { DatabaseSync } = require('node:sqlite');
    const db = new DatabaseSync(process.argv[1]);
    db.exec('PRAGMA journal_mode = wal');
    db.exec('CREATE TABLE IF NOT EXISTS Dict (key BLOB UNIQUE NOT NULL, value BLOB NOT NULL)');
    db.exec(process.argv[2]);
    ${killed ? 'process.kill(process.pid, "SIGKILL")' : 'db.close()'}`;
  const child = spawn(SQLITE_NODE!, ['--no-warnings', '-e', script, path, statements], { stdio: 'inherit' });
  const [code] = await new Promise<[number | null]>((resolve) => child.once('exit', (one) => resolve([one])));
  assert.equal(code, killed ? null : 0);
}

const insert = (key: string, bytes = 10_000) => `INSERT INTO Dict VALUES ('${key}', randomblob(${bytes}))`;

/** Runs a guard with a metrics file; its program counts the records of a dbm.sqlite3. */
async function guarded(node: string, path: string, ...options: string[]) {
  const count =
    'try { console.log(new (require("node:sqlite").DatabaseSync)(process.argv[1]).prepare("SELECT count(*) n FROM Dict").get().n) } catch (error) { console.log(error.message) }';
  const metrics = `${path}.prom`;
  const program = ['--', node, '--no-warnings', '-e', node === SQLITE_NODE ? count : '', path];
  const args = ['guard', path, '--metrics-file', metrics, ...options, ...program];
  const { code, stdout, stderr } = await run(node, [BIN, ...args], {});
  assert.equal(code, 0, stderr);
  const [, healthy] = /^gdbm_doctor_healthy\{.*\} (.*)$/m.exec(await readFile(metrics, 'utf8')) ?? [];
  return { records: stdout.trim(), stderr, healthy };
}

async function place(t: TestContext): Promise<string> {
  return join(await temporaryFolder(t), 'state');
}

testWith('sqlite', 'a dbm.sqlite3 gets snapshots, and comes back when it is damaged or gone', async (t) => {
  const path = await place(t);
  await sqlite(path, [insert('a'), insert('b')].join(';'));
  const first = await guarded(SQLITE_NODE!, path);
  assert.deepEqual([first.records, first.healthy], ['2', '1'], first.stderr);
  assert.match(first.stderr, /sound, dbm\.sqlite3 with 2 records/);
  const sound = await readFile(path);
  const damaged = Buffer.from(sound).fill(0xff, 4096, 8192);
  await writeFile(path, damaged);
  const second = await guarded(SQLITE_NODE!, path);
  assert.deepEqual([second.records, second.healthy], ['2', '1'], second.stderr);
  assert.match(
    second.stderr,
    /damaged dbm\.sqlite3: .*\n[^]*snapshot \S+ is back, with 2 records, taken \d\.\d hours ago/,
  );
  assert.deepEqual(await readFile(`${path}.~1~`), damaged);
  await rm(path);
  assert.equal((await guarded(SQLITE_NODE!, path)).records, '2');
});

testWith('sqlite', 'the snapshot of a killed dbm.sqlite3 has what only its journal had', async (t) => {
  const path = await place(t);
  await sqlite(path, insert('a'));
  await sqlite(path, insert('b'), true);
  assert.ok((await stat(`${path}-wal`)).size > 0);
  const { records, stderr } = await guarded(SQLITE_NODE!, path);
  assert.equal(records, '2', stderr);
  // The journal of the lost file must not be written into the snapshot.
  await sqlite(path, insert('c'), true);
  const journal = await readFile(`${path}-wal`);
  await writeFile(path, (await readFile(path)).fill(0xff, 0, 4096));
  const restored = await guarded(SQLITE_NODE!, path);
  assert.equal(restored.records, '2', restored.stderr);
  assert.deepEqual(await readFile(`${path}-wal.~1~`), journal);
});

testWith('sqlite', 'a Flower’s dbm.sqlite3 that was emptied comes back', async (t) => {
  const path = await place(t);
  await sqlite(path, insert('events'));
  await guarded(SQLITE_NODE!, path, '--profile', 'flower');
  await sqlite(path, 'DELETE FROM Dict');
  const { records, stderr } = await guarded(SQLITE_NODE!, path, '--profile', 'flower');
  assert.equal(records, '1', stderr);
});

test('a database of a kind that cannot be checked is not called healthy, and its program starts', async (t) => {
  const path = await place(t);
  const berkeley = Buffer.alloc(8192);
  berkeley.writeUInt32LE(0x00061561, 12);
  await writeFile(path, berkeley);
  const { healthy, stderr } = await guarded(NODE, path, `--health-file=${path}.health`);
  assert.equal(healthy, 'NaN', stderr);
  assert.match(stderr, /berkeley-db, not checked: its records cannot be read here/);
  assert.deepEqual(await readFile(path), berkeley);
  assert.deepEqual((await readdir(join(path, '..'))).sort(), ['state', 'state.prom']);
});

test('a dbm.dumb is looked at by its index', async (t) => {
  const path = await place(t);
  await writeFile(`${path}.dat`, 'value');
  await writeFile(`${path}.dir`, "'key', (0, 5)\n");
  const sound = await guarded(NODE, path);
  assert.equal(sound.healthy, '1', sound.stderr);
  assert.match(sound.stderr, /no snapshot: none are taken of dbm\.dumb/);
  await writeFile(`${path}.dir`, "'key', (0, 500)\n");
  const damaged = await guarded(NODE, path);
  assert.notEqual(damaged.healthy, '1', damaged.stderr);
});
