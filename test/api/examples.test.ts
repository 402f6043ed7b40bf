import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { examplesIn, holdExample, makeStage } from './examples.js';

const sources = (await readdir(fixture('../src/api'))).map((name) => `src/api/${name}`);
const DOCUMENTS = ['README.md', 'docs/api.md', 'src/write/sink.ts', ...sources];

testWith('flock', 'every example of the library runs and prints what it says', async (t) => {
  const stage = await temporaryFolder(t);
  await makeStage(stage);
  let count = 0;
  for (const document of DOCUMENTS) {
    for (const example of await examplesIn(document)) {
      await holdExample(example, stage, join(await temporaryFolder(t), 'example'));
      count++;
    }
  }
  assert.ok(count > 25, `${count} examples`);
});
