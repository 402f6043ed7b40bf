import assert from 'node:assert/strict';
import test from 'node:test';
import { MACHINES } from '../../src/format/machines.js';
import { machineFacts } from '../../src/service/machine.js';

test('each machine has its sign of char and its alignment', () => {
  const facts = (arch: string, system = 'linux', endian: 'LE' | 'BE' = 'LE') => {
    const { byteOrder, hashChar, alignment } = machineFacts(arch, system, endian);
    return [byteOrder, hashChar, alignment];
  };
  assert.deepEqual(facts('x64'), ['little', 'signed', 8]);
  assert.deepEqual(facts('ia32'), ['little', 'signed', 4]);
  assert.deepEqual(facts('arm'), ['little', 'unsigned', 8]);
  assert.deepEqual(facts('arm64'), ['little', 'unsigned', 8]);
  assert.deepEqual(facts('arm64', 'darwin'), ['little', 'signed', 8]);
  assert.deepEqual(facts('ppc64'), ['little', 'unsigned', 8]);
  assert.deepEqual(facts('s390x', 'linux', 'BE'), ['big', 'unsigned', 8]);
  assert.deepEqual(facts('riscv64'), ['little', 'unsigned', 8]);
  assert.deepEqual(facts('arm64', 'win32'), ['little', 'signed', 8]);
  assert.deepEqual(facts('ppc64', 'linux', 'BE'), ['big', 'unsigned', 8]);
  assert.deepEqual(facts('a-new-one'), ['little', undefined, undefined]);
});

test('convert, check and doctor use one table of machines', () => {
  for (const [arch, system, name] of [
    ['x64', 'linux', 'amd64'],
    ['arm64', 'linux', 'arm64'],
    ['arm64', 'darwin', 'macos-arm64'],
    ['ia32', 'linux', 'i386'],
  ] as const) {
    const facts = machineFacts(arch, system, 'LE');
    const { hashChar, layout, byteOrder } = MACHINES[name];
    assert.equal(facts.name, name);
    assert.deepEqual(
      [facts.hashChar, facts.alignment, facts.byteOrder],
      [hashChar, layout.alignment, byteOrder],
    );
  }
});
