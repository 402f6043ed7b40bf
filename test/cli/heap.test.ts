import assert from 'node:assert/strict';
import test from 'node:test';
import { run } from '../tools/cli.js';

const HEAP = new URL('../../src/cli/heap.ts', import.meta.url).href;

test('large arrays of a step of long work are freed after it', async () => {
  // In a process of its own, because it changes settings of the engine and nothing else may cause a collection.
  const script = `
    import { collectGarbage } from '${HEAP}';
    const hold = () => new Uint8Array(64 << 20).fill(1).length;
    hold();
    const held = process.memoryUsage().external;
    collectGarbage();
    console.log(JSON.stringify([held, process.memoryUsage().external].map((bytes) => bytes >> 20)));
  `;
  const { stdout, stderr } = await run(process.execPath, [
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    script,
  ]);
  assert.notEqual(stdout, '', stderr);
  const [held, left] = JSON.parse(stdout) as [number, number];
  assert.ok(held >= 64 && left < 32, `${held} MiB, then ${left}`);
});
