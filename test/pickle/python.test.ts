import assert from 'node:assert/strict';
import { walkPickle } from '../../src/pickle/walk.js';
import { memorySource } from '../../src/source/source.js';
import { SWEEP } from '../tools/effort.js';
import { testWith } from '../tools/needs.js';
import { disassemble, makePickles } from '../tools/pickles.js';
import { Random } from '../tools/random.js';

const SEED = 20260101;
/** Pickles with one changed byte. */
const FLIPPED = SWEEP ? 12_000 : 3000;

testWith('python', 'every pickle of real Python is whole, with its size, whatever follows it', async () => {
  const pickles = await makePickles(SEED, SWEEP ? 240 : 60);
  const random = new Random(SEED);
  for (const { protocol, writer, bytes } of pickles) {
    const before = random.below(50);
    const file = new Uint8Array(before + bytes.length + 100);
    file.set(random.bytes(before));
    file.set(bytes, before);
    file.set(random.bytes(100), before + bytes.length);
    const walk = await walkPickle(memorySource(file), before, file.length);
    const which = `${writer}, protocol ${protocol}: ${Buffer.from(bytes.subarray(0, 3000)).toString('base64')}`;
    assert.ok(walk.whole, `${JSON.stringify(walk)}\n${which}`);
    assert.deepEqual([walk.protocol, walk.size], [protocol, bytes.length], which);
  }
});

testWith('python', 'no beginning of a pickle is whole', async () => {
  const pickles = (await makePickles(SEED + 1, SWEEP ? 60 : 20)).filter(({ bytes }) => bytes.length < 1500);
  assert.ok(pickles.length > (SWEEP ? 100 : 30));
  for (const { bytes } of pickles) {
    const source = memorySource(bytes);
    for (let end = 0; end < bytes.length; end++) {
      const walk = await walkPickle(source, 0, end);
      assert.ok(!walk.whole && walk.at <= end, `${end} of ${Buffer.from(bytes).toString('base64')}`);
    }
  }
});

testWith('python', 'what Python cannot disassemble is not whole', async () => {
  const pickles = (await makePickles(SEED + 2, 60)).filter(({ bytes }) => bytes.length < 400);
  const random = new Random(SEED + 2);
  const flipped = Array.from({ length: FLIPPED }, () => {
    const bytes = random.pick(pickles).bytes.slice();
    bytes[random.below(bytes.length)] ^= 1 + random.below(255);
    return bytes;
  });
  const said = await disassemble(flipped);
  let refused = 0;
  let both = 0;
  const wrong: string[] = [];
  for (const [i, bytes] of flipped.entries()) {
    const walk = await walkPickle(memorySource(bytes), 0, bytes.length);
    if (said[i] !== 'ok') {
      refused++;
      if (walk.whole) wrong.push(`${said[i]} of ${Buffer.from(bytes).toString('base64')}`);
    } else if (walk.whole) both++;
  }
  assert.deepEqual(wrong, []);
  assert.ok(Math.min(refused, both) > FLIPPED / 6, `${refused} ${both}`);
});
