import assert from 'node:assert/strict';
import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { examplesIn, makeStage, promisedOutput, runCode, words } from './examples.js';

const sources = (await readdir(fixture('../src/api'))).map((name) => `src/api/${name}`);
const DOCUMENTS = ['README.md', 'docs/api.md', 'src/write/sink.ts', ...sources];

test('every example of the library runs and prints what it says', async (t) => {
  const stage = await temporaryFolder(t);
  await makeStage(stage);
  let count = 0;
  for (const document of DOCUMENTS) {
    for (const example of await examplesIn(document)) {
      const folder = join(await temporaryFolder(t), 'example');
      await cp(stage, folder, { recursive: true, verbatimSymlinks: true });
      const printed = await runCode(folder, example.code).catch((error: unknown) => {
        throw new Error(`${example.place}: ${(error as Error).message}`);
      });
      assert.equal(words(printed), promisedOutput(example), example.place);
      count++;
    }
  }
  assert.ok(count > 25, `${count} examples`);
});
