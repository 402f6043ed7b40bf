import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { examplesIn, holdExamples, makeStage } from './examples.js';

const sources = (await readdir(fixture('../src/api'))).map((name) => `src/api/${name}`);
const DOCUMENTS = ['README.md', 'docs/api.md', 'src/write/sink.ts', ...sources];

testWith('flock', 'every example of the library runs and prints what it says', async (t) => {
  const stage = await temporaryFolder(t);
  await makeStage(stage);
  const examples = (await Promise.all(DOCUMENTS.map(examplesIn))).flat();
  assert.ok(examples.length > 25, `${examples.length} examples`);
  await holdExamples(examples, stage, await temporaryFolder(t));
});
