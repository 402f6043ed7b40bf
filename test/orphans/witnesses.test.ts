import assert from 'node:assert/strict';
import test from 'node:test';
import { openSearched } from '../../src/examine.js';
import { Witnesses } from '../../src/orphans/witnesses.js';
import { memorySource } from '../../src/source/source.js';
import { BlockGrid } from '../../src/source/views.js';
import { formats, miniDatabase } from '../torture/databases.js';

const BLOCK = 512;

test('of blocks at both ends of a file that are not whole no byte outside of it is asked for', async () => {
  for (const format of formats('standard')) {
    const { bytes } = miniDatabase(format, { blockSize: BLOCK, seed: 1, records: 150, maxValue: 60 });
    // The file is cut off within a block, and its first block began before it.
    const cut = bytes.slice(0, bytes.length - 300);
    const { db, survey } = (await openSearched(memorySource(cut)))!;
    const blocks = new BlockGrid(BLOCK, -100);
    const last = blocks.blockOf(cut.length - 1);
    const moves = Array.from({ length: last - 1 }, (_, n) => [
      { home: n + 1, now: 0 },
      { home: n + 1, now: last },
    ]).flat();
    const witnesses = await Witnesses.hear(db, survey, blocks, moves);
    let against = 0;
    for (const move of moves) {
      const said = await witnesses.agree(move);
      assert.equal(said.for, 0);
      against += said.against;
    }
    assert.ok(against > 100, `${against} keys say that they are where they belong`);
  }
});
