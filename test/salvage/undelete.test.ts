import assert from 'node:assert/strict';
import { join } from 'node:path';
import { sample } from '../tools/effort.js';
import { temporaryFolder } from '../tools/folder.js';
import { LibGdbm } from '../tools/libgdbm.js';
import { testWith } from '../tools/needs.js';
import { listOldOf, PROGRAMS } from './histories.js';

/** Records of digits alone: nothing tells where a key ends but the size of the values and the bucket. */
const AMBIGUOUS = 'numbers, and numbers';

const programs = Object.keys(PROGRAMS).filter((name) => name !== AMBIGUOUS);

testWith(
  'libgdbm',
  'old records that are whole in free space are listed, and those of high confidence are right',
  async (t) => {
    const lib = new LibGdbm();
    t.after(() => lib.close());
    const path = join(await temporaryFolder(t), 'history.db');
    for (const [n, name] of sample(programs, 4).entries()) {
      for (const steps of [400, 3000]) {
        const spec = { steps, keys: steps / 4, seed: 77 + n };
        const { whole, found, by } = await listOldOf(lib, path, PROGRAMS[name], spec);
        const said = `${name}, ${steps} steps: ${found} of ${whole}, ${JSON.stringify(by)}`;
        assert.ok(found >= 0.95 * whole - 2, said);
        assert.equal(by.high.right, by.high.listed, said);
        assert.ok(by.medium.right >= 0.99 * by.medium.listed, said);
        if (steps === 3000) assert.ok(by.high.listed + by.medium.listed >= 0.3 * whole, said);
      }
    }
  },
);

testWith(
  'libgdbm',
  'where libgdbm may have joined free ranges none is told with more than low confidence',
  async (t) => {
    const lib = new LibGdbm();
    t.after(() => lib.close());
    const path = join(await temporaryFolder(t), 'history.db');
    for (const name of sample(programs, 3)) {
      const { by } = await listOldOf(lib, path, PROGRAMS[name], {
        steps: 2000,
        keys: 500,
        seed: 5,
        joined: true,
      });
      assert.equal(by.high.right, by.high.listed, name);
      assert.ok(by.medium.right >= 0.97 * by.medium.listed, `${name}: ${JSON.stringify(by.medium)}`);
    }
  },
);
