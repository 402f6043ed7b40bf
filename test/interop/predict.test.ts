import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { predictLibgdbm } from '../../src/check/libgdbm.js';
import { memorySource } from '../../src/source/source.js';
import { SWEEP } from '../tools/effort.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { temporaryFolder } from '../tools/folder.js';
import { mutate } from '../tools/mutate.js';
import { testWith } from '../tools/needs.js';
import { randomSteps } from '../tools/records.js';
import { Random } from '../tools/random.js';

const MUTATIONS = SWEEP ? 3000 : 800;
const SEED = 20261123;

testWith('libgdbm', `the prediction agrees with libgdbm on ${MUTATIONS} mutated files`, async (t) => {
  const folder = await temporaryFolder(t);
  const lib = new LibGdbm();
  t.after(() => lib.close());
  const random = new Random(SEED);
  const originals: Uint8Array[] = [];
  for (const [blockSize, records, numsync] of [
    [512, 0, false],
    [512, 120, false],
    [512, 60, true],
    [1024, 200, false],
    [4096, 30, false],
  ] as const) {
    const path = join(folder, `original-${originals.length}.db`);
    await lib.create(path, randomSteps(random, records), { blockSize, numsync });
    originals.push(await readFile(path));
  }

  const answers = new Map<string, number>();
  const path = join(folder, 'mutated.db');
  for (let n = 0; n < MUTATIONS; n++) {
    const { bytes, what } = mutate(random, originals[n % originals.length]);
    const predicted = await predictLibgdbm(memorySource(bytes));
    await writeFile(path, bytes);
    const said = await lib.count(path);
    const answer = typeof said === 'number' ? null : said;
    assert.equal(predicted, answer, `mutation ${n} of seed ${SEED}: ${what}`);
    answers.set(String(answer), (answers.get(String(answer)) ?? 0) + 1);
  }
  t.diagnostic(`answers: ${JSON.stringify(Object.fromEntries(answers))}`);
  // Each answer must have been tried, or the test says less than it seems to.
  for (const message of [
    'null',
    'Database needs recovery',
    'Malformed avail_block',
    'Malformed bucket header',
  ]) {
    assert.ok(
      (answers.get(message) ?? 0) > MUTATIONS / 150,
      `${message} came ${answers.get(message) ?? 0} times`,
    );
  }
  const rare = ['Bad magic number', 'Block size error', 'Invalid directory entry', 'Byte-swapped file'];
  for (const message of SWEEP ? rare : []) {
    assert.ok(answers.has(message), `${message} never came`);
  }
});
