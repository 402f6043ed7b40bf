import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { check } from '../../src/examine.js';
import { MACHINE_NAMES, MACHINES } from '../../src/format/machines.js';
import { repair } from '../../src/repair.js';
import { memorySource } from '../../src/source/source.js';
import { cli } from '../tools/cli.js';
import { fixture, fixtureRecords } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import type { Machine } from '../tools/machines.js';
import { dumpOn, runOn } from '../tools/machines.js';
import { testWith } from '../tools/needs.js';

interface Expected {
  readonly machine: Machine;
  readonly byteOrder: 'little' | 'big';
  readonly alignment: 4 | 8;
  readonly hashChar: 'signed' | 'unsigned';
  readonly variant: 'standard' | 'numsync';
  /** Error message of amd64's libgdbm; null where it opens the file. */
  readonly libgdbm: string | null;
  /** Finding that says why amd64's libgdbm cannot use the file. */
  readonly foreign: 'foreign-format' | 'foreign-keys' | undefined;
}

const FILES: Record<string, Expected> = {
  'amd64.db': row('amd64', 'little', 8, 'signed', 'standard', null),
  'amd64-numsync.db': row('amd64', 'little', 8, 'signed', 'numsync', null),
  'i386.db': row('i386', 'little', 4, 'signed', 'standard', 'Malformed database file header'),
  'arm64.db': row('arm64', 'little', 8, 'unsigned', 'standard', null),
  'armhf.db': row('armhf', 'little', 8, 'unsigned', 'standard', null),
  's390x.db': row('s390x', 'big', 8, 'unsigned', 'standard', 'Byte-swapped file'),
  's390x-numsync.db': row('s390x', 'big', 8, 'unsigned', 'numsync', 'Byte-swapped file'),
};

function row(
  machine: Machine,
  byteOrder: 'little' | 'big',
  alignment: 4 | 8,
  hashChar: 'signed' | 'unsigned',
  variant: 'standard' | 'numsync',
  libgdbm: string | null,
): Expected {
  const isKeys = libgdbm === null && hashChar === 'unsigned';
  const foreign = libgdbm !== null ? 'foreign-format' : isKeys ? 'foreign-keys' : undefined;
  return { machine, byteOrder, alignment, hashChar, variant, libgdbm, foreign };
}

for (const [name, expected] of Object.entries(FILES)) {
  test(`${name} is read as the kind of file it is, with every record`, async () => {
    const source = memorySource(await readFile(fixture(name)));
    const result = await check(source);
    assert.equal(result.verdict, 'healthy', JSON.stringify(result.findings));
    assert.equal(result.libgdbm, null);
    assert.equal(result.format?.byteOrder, expected.byteOrder);
    assert.equal(result.format?.layout.offsetBits, 64);
    assert.equal(result.format?.layout.alignment, expected.alignment);
    assert.equal(result.format?.hashChar, expected.hashChar);
    assert.equal(result.format?.variant, expected.variant);
    for (const machine of MACHINE_NAMES) {
      const judged = await check(source, undefined, MACHINES[machine]);
      const errors = judged.findings.filter(({ severity }) => severity === 'error');
      if (machine === expected.machine) assert.equal(judged.verdict, 'healthy', machine);
      if (machine !== 'amd64') continue;
      assert.equal(judged.verdict, expected.foreign === undefined ? 'healthy' : 'foreign');
      assert.equal(judged.libgdbm, expected.libgdbm);
      assert.deepEqual(
        errors.map(({ code }) => code),
        expected.foreign === undefined ? [] : [expected.foreign],
      );
    }
    const { stdout } = await cli(['dump', fixture(name)]);
    const lines = stdout.trimEnd().split('\n');
    const held = lines
      .map((line) => JSON.parse(line) as { key: string; value: string })
      .map(({ key, value }): [string, string] => [key, value])
      .sort();
    assert.deepEqual(held, await fixtureRecords());
  });

  testWith(
    ['machines', 'flock'],
    `the libgdbm of its own machine takes a repaired ${name} as its own`,
    async (t) => {
      const folder = await temporaryFolder(t);
      const path = join(folder, name);
      const bytes = await readFile(fixture(name));
      await writeFile(path, Buffer.concat([bytes, Buffer.alloc(777, 1)]));
      const result = await repair(path);
      assert.equal(result.action, 'repaired');
      const { machine } = expected;
      assert.deepEqual(await dumpOn(machine, path), await fixtureRecords());
      const checked = await runOn(machine, 'gdbmtool', '--norc', path, 'recover', 'verbose', 'summary');
      assert.match(checked.stdout + checked.stderr, /Keys recovered: 0, failed: 0, duplicate: 0/);
      const stored = await runOn(machine, 'gdbmtool', '--norc', path, 'store', 'one more', 'record');
      assert.equal(stored.code, 0, stored.stderr);
      const after = await check(memorySource(await readFile(path)));
      assert.equal(after.verdict, 'healthy', JSON.stringify(after.findings));
      assert.equal(after.records.count, 103);
      assert.equal(after.format?.hashChar, expected.hashChar);
    },
  );
}
