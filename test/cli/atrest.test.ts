import assert from 'node:assert/strict';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { cli } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { damagedDatabase } from '../tools/showcase.js';
import { LAYOUT_64 } from '../../src/format/format.js';

/** Calls `use` while a program writes the same byte to the file again and again. */
async function whileWritten<T>(path: string, use: () => Promise<T>): Promise<T> {
  const handle = await open(path, 'r+');
  let goesOn = true;
  const byte = new Uint8Array(1);
  await handle.read(byte, 0, 1, 0);
  const writing = (async () => {
    while (goesOn) {
      await handle.write(byte, 0, 1, 0);
      await setTimeout(2);
    }
  })();
  try {
    return await use();
  } finally {
    goesOn = false;
    await writing;
    await handle.close();
  }
}

async function soundFile(t: TestContext): Promise<string> {
  const format = { byteOrder: 'little', layout: LAYOUT_64, variant: 'standard' } as const;
  const db = new MiniGdbm({ format, blockSize: 4096 });
  const text = (value: string) => new TextEncoder().encode(value);
  for (let i = 0; i < 4000; i++) db.store(text(`key ${i}`), text('value '.repeat(40)));
  const path = join(await temporaryFolder(t), 'busy.db');
  await writeFile(path, db.bytes());
  return path;
}

test('a command warns that a program wrote to the file while it was read', async (t) => {
  const path = await soundFile(t);
  const codes: [string[], number][] = [
    [['dump', path], 2],
    [['diff', path, path], 2],
    [['list', path], 0],
    [['salvage', path], 0],
    [['get', path, 'key 7'], 0],
    [['inspect', path, 'map'], 0],
  ];
  for (const [args, code] of codes) {
    const ran = await whileWritten(path, () => cli(args));
    assert.equal(ran.code, code, `${args[0]}: ${ran.stderr}`);
    assert.match(ran.stderr, /busy\.db: a program wrote to it while it was read/, args[0]);
    assert.doesNotMatch(ran.stderr, /busy\.db: damaged/, args[0]);
    const quiet = await cli(args);
    assert.equal(quiet.stderr, '', args[0]);
    assert.equal(quiet.code, 0, args[0]);
  }
});

test('a check reports that a program wrote to the file', async (t) => {
  const path = await soundFile(t);
  const { code, stdout } = await whileWritten(path, () => cli(['check', path]));
  assert.equal(code, 0, stdout);
  assert.match(stdout, /changed-while-read/);
});

test('a file that looks damaged while a program writes to it is checked again until it is at rest', async (t) => {
  const sound = await readFile(await soundFile(t));
  const path = join(await temporaryFolder(t), 'busy.db');
  await writeFile(path, damagedDatabase(3000));
  const checking = await whileWritten(path, async () => {
    // Before the check gives up, which pauses four times.
    const checking = cli(['check', path]);
    await setTimeout(300);
    await writeFile(path, sound);
    return { checking };
  });
  const { code, stdout } = await checking.checking;
  assert.equal(code, 0, stdout);
  assert.match(stdout, /busy\.db: healthy/);
});
