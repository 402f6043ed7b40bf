import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { openDatabase } from '../../src/database/database.js';
import { readRecords } from '../../src/read/records.js';
import { repair } from '../../src/repair.js';
import { memorySource } from '../../src/source/source.js';
import { cli } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import type { Step } from '../tools/libgdbm.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';
import { Random } from '../tools/random.js';

interface Listed {
  readonly key: string | null;
  readonly keyStart: string;
  readonly provenance: string;
  readonly confidence: string;
  readonly overwrittenKeyBytes: number;
  readonly overwrittenValueBytes: number;
  readonly overwrittenBy: readonly { what: string; bytes: number; key?: string }[];
  readonly replaced: boolean;
  readonly offset: number;
  readonly keySize: number;
  readonly valueSize: number;
}

/** Everything that was ever stored, by key, and what is in force at the end. */
interface History {
  readonly path: string;
  readonly stored: ReadonlyMap<string, ReadonlySet<string>>;
  readonly last: ReadonlyMap<string, string>;
}

const text = (base64: string) => Buffer.from(base64, 'base64').toString('latin1');

/** A database of the real library after thousands of stores, replacements and deletions. */
async function muchChanged(t: TestContext): Promise<History> {
  const random = new Random(20261);
  const stored = new Map<string, Set<string>>();
  const last = new Map<string, string>();
  const steps: Step[] = [];
  for (let step = 0; step < 4000; step++) {
    const key = `user:${random.below(900)}`;
    if (last.has(key) && random.below(3) === 0) {
      steps.push(['delete', Buffer.from(key)]);
      last.delete(key);
      continue;
    }
    const value = `<${step}|${'abcdefgh'[random.below(8)].repeat(random.below(200))}>`;
    steps.push(['store', Buffer.from(key), Buffer.from(value)]);
    last.set(key, value);
    stored.set(key, (stored.get(key) ?? new Set()).add(value));
  }
  const path = join(await temporaryFolder(t), 'state.db');
  const lib = new LibGdbm();
  await lib.create(path, steps);
  lib.close();
  return { path, stored, last };
}

async function listed(path: string, ...args: string[]): Promise<Listed[]> {
  const { stdout, code, stderr } = await cli(['salvage', '--deleted', '--json', ...args, path]);
  assert.equal(code, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Listed);
}

testWith('libgdbm', 'old records are told with a confidence that means something', async (t) => {
  const { path, stored, last } = await muchChanged(t);
  const bytes = await readFile(path);
  const records = (await listed(path)).filter(({ provenance }) => provenance !== 'live');
  const right = { high: 0, medium: 0, low: 0, trace: 0 };
  const all = { high: 0, medium: 0, low: 0, trace: 0 };
  const places = new Set<string>();
  for (const { confidence, key, keyStart, offset, keySize, valueSize, replaced } of records) {
    const level = confidence as keyof typeof all;
    all[level]++;
    places.add(`${offset} ${keySize} ${valueSize}`);
    if (key === null) {
      assert.equal(text(keyStart), 'user');
      continue;
    }
    const value = bytes.subarray(offset + keySize, offset + keySize + valueSize).toString('latin1');
    if (stored.get(text(key))?.has(value) === true) right[level]++;
    if (level === 'high') assert.equal(replaced, last.has(text(key)), text(key));
  }
  assert.equal(places.size, records.length, 'each place once');
  assert.ok(all.high >= 500, JSON.stringify(all));
  assert.deepEqual([right.high, right.medium], [all.high, all.medium]);
  assert.ok(all.low > 0 && right.low <= 0.3 * all.low, `${right.low} of ${all.low}`);
});

/** Histories by how they make the n-th key, and a value in some step. */
const HISTORIES: Record<
  string,
  [key: (n: number) => string, value: (step: number, random: Random) => string]
> = {
  'numbers, many of fewer bytes than libgdbm frees': [
    (n) => `${n % 400}`,
    (_, random) => `${random.below(1000)}`,
  ],
  'values of one size': [(n) => `key${n}`, (step) => String(step).padStart(12, '0')],
  'keys with one beginning': [
    (n) => `session-${n * 7919}`,
    (step, random) => `{"n":${step},"x":"${'xyz'[random.below(3)].repeat(random.below(80))}"}`,
  ],
  'keys and values of one size together': [
    (n) => 'x'.repeat(1 + (n % 6)) + n,
    (_, random) => 'y'.repeat(4 + random.below(6)),
  ],
  'any bytes': [
    (n) => String.fromCharCode(n & 255, n >> 8, 1),
    (_, random) => String.fromCharCode(...Array.from({ length: random.below(50) }, () => random.below(256))),
  ],
};

for (const [name, [keyOf, valueOf]] of Object.entries(HISTORIES)) {
  testWith('libgdbm', `a record that is added as deleted was stored just so: ${name}`, async (t) => {
    const random = new Random(name.length);
    const stored = new Set<string>();
    const last = new Map<string, string>();
    const steps: Step[] = [];
    const latin1 = (bytes: string) => Buffer.from(bytes, 'latin1');
    for (let step = 0; step < 3000; step++) {
      const key = keyOf(random.below(1000));
      if (last.delete(key) && random.below(5) < 2) steps.push(['delete', latin1(key)]);
      else {
        const value = valueOf(step, random);
        steps.push(['store', latin1(key), latin1(value)]);
        last.set(key, value);
        stored.add(`${key}\n${value}`);
      }
    }
    const path = join(await temporaryFolder(t), 'state.db');
    const lib = new LibGdbm();
    await lib.create(path, steps);
    lib.close();
    const { added, output } = await repair(path, {
      lock: false,
      output: `${path}.fresh`,
      include: ['deleted'],
    });
    const bytes = (one: Uint8Array) => Buffer.from(one).toString('latin1');
    let old = 0;
    const fresh = await openDatabase(memorySource(await readFile(output!)));
    for await (const { key, readValue } of readRecords(fresh!)) {
      if (!last.has(bytes(key))) old++;
      const value = bytes(await readValue());
      assert.ok(stored.has(`${bytes(key)}\n${value}`), `${bytes(key)} with ${value}`);
    }
    assert.equal(old, added!.deleted);
    assert.ok(old > 0);
  });
}

testWith('libgdbm', 'what overwrote an old record is named, with its key and how many bytes', async (t) => {
  const path = join(await temporaryFolder(t), 'state.db');
  const lib = new LibGdbm();
  const store = (key: string, value: string): Step => ['store', Buffer.from(key), Buffer.from(value)];
  await lib.create(path, [
    store('early', 'e'.repeat(300)),
    store('later', 'l'.repeat(500)),
    ['delete', Buffer.from('early')],
    ['delete', Buffer.from('later')],
    // Takes 200 bytes of the smallest free space that has them, from its beginning.
    store('newest', 'n'.repeat(194)),
  ]);
  lib.close();
  const records = await listed(path);
  const later = records.find(({ key }) => key !== null && text(key) === 'later')!;
  assert.deepEqual(
    [later.confidence, later.overwrittenKeyBytes, later.overwrittenValueBytes],
    ['high', 0, 0],
  );
  const early = records.find(({ keyStart }) => keyStart !== undefined && text(keyStart) === 'earl')!;
  assert.equal(early.confidence, 'trace');
  assert.deepEqual([early.overwrittenKeyBytes, early.overwrittenValueBytes], [5, 195]);
  const [by] = early.overwrittenBy;
  assert.deepEqual([by.what, by.bytes, text(by.key!)], ['record', 200, 'newest']);

  const { stdout } = await cli(['salvage', '--deleted', path]);
  assert.match(stdout, /^deleted .*later \(confidence high\)$/m);
  assert.match(
    stdout,
    /^deleted .*earl… .*overwritten: 5 of 5 bytes of the key and 195 of 300 bytes of the value, by the record newest\)$/m,
  );
  assert.match(stdout, /^found: 1 live, 1 deleted high, 1 deleted trace$/m);
});

testWith(
  'libgdbm',
  'what was deleted is added only where it is asked for, and the rest is in quarantine',
  async (t) => {
    const { path, stored, last } = await muchChanged(t);
    const untouched = await repair(path, { lock: false, include: ['deleted'] });
    assert.equal(untouched.action, 'none');
    assert.match(untouched.reason!, /-o OUT/);

    const output = `${path}.fresh`;
    const quarantine = `${path}.ndjson`;
    const result = await repair(path, { lock: false, output, quarantine, include: ['deleted'] });
    assert.equal(result.kept, last.size + result.added!.deleted);
    assert.ok(result.added!.deleted >= 10, String(result.added!.deleted));
    const lib = new LibGdbm();
    const fresh = new Map((await lib.walk(output)).map(([key, value]) => [text(key), text(value)]));
    lib.close();
    for (const [key, value] of last) assert.equal(fresh.get(key), value, 'nothing old over what is in force');
    let wrong = 0;
    for (const [key, value] of fresh) if (!stored.get(key)!.has(value)) wrong++;
    assert.equal(wrong, 0);

    const old = (await listed(path)).filter(({ provenance }) => provenance === 'deleted');
    const lines = (await readFile(quarantine, 'utf8')).trim().split('\n');
    const places = new Set(lines.map((line) => (JSON.parse(line) as Listed).offset));
    const bytes = await readFile(path);
    for (const { key, offset, keySize, valueSize } of old) {
      const value = bytes.subarray(offset + keySize, offset + keySize + valueSize).toString('latin1');
      const isKept = key !== null && fresh.get(text(key)) === value;
      if (!isKept) assert.ok(places.has(offset));
    }
    assert.equal(lines.length, old.length - result.added!.deleted);
  },
);

testWith('libgdbm', 'no byte of a key drives the terminal, whatever is listed', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'hostile.db');
  const hostile = [
    '\x1b[2J\x1b[31mred',
    '\x07bell',
    'a\nb\rc',
    '\u202egnp.exe',
    '\u2028line',
    '\x9b31m',
    '\\',
  ];
  const lib = new LibGdbm();
  const steps = hostile.flatMap((key): Step[] => [
    ['store', Buffer.from(key), Buffer.from('value')],
    ['store', Buffer.from(`${key}gone`), Buffer.alloc(300, 'old')],
  ]);
  const removed = hostile.map((key): Step => ['delete', Buffer.from(`${key}gone`)]);
  await lib.create(path, [...steps, ...removed, ['store', Buffer.from('\x1b]0;x\x07'), Buffer.alloc(280)]]);
  lib.close();
  // A damaged key, so that a lost record is told of.
  const bytes = await readFile(path);
  bytes[bytes.indexOf('\x07bell') + 2] ^= 1;
  await writeFile(path, bytes);
  for (const args of [
    ['salvage', '--deleted', '--carve'],
    ['repair', '--all', '--no-lock', '-o', join(folder, 'fresh.db')],
  ]) {
    const { stdout } = await cli([...args, path]);
    assert.match(stdout, /bel/);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]/);
  }
});

test('a list of deleted records says so where there is none', async () => {
  const { stdout } = await cli(['salvage', '--deleted', fixture('killed-shelve.db')]);
  assert.match(stdout, /^found: 396 live, 0 deleted$/m);
});
