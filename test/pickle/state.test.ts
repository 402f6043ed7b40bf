import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { walkPickle } from '../../src/pickle/walk.js';
import { memorySource } from '../../src/source/source.js';
import { sample, SWEEP } from '../tools/effort.js';
import { testWith } from '../tools/needs.js';

const SCRIPT = fileURLToPath(new URL('state.py', import.meta.url));

async function python(args: readonly string[], input = ''): Promise<string[]> {
  const program = `${process.env['GDBM_DOCTOR_FLOWER']}/bin/python`;
  const child = spawn(program, [SCRIPT, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const pieces: Buffer[] = [];
  for await (const piece of child.stdout) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString().split('\n').slice(0, -1);
}

const base64 = (bytes: Uint8Array) => `${Buffer.from(bytes).toString('base64')}\n`;

/** Errors that only the code of the classes finds, which is not run: a wrong name, or wrong arguments. */
const BEYOND_STRUCTURE = /^(class$|AttributeError|TypeError)/;
/** Opcodes at which Python accepts faults that no pickler makes: memo numbers out of order, things left on the stack. */
const NEVER_WRITTEN = ['BINPUT', 'LONG_BINPUT', 'MEMOIZE', 'FRAME', 'STOP'];
/** A frame that ends inside an opcode, which Python's unpickler in C does not notice. */
const FRAME = /^an opcode inside the frame/;

testWith('flower', 'each byte of a state of Flower changed: a walk says what Python says', async (t) => {
  const states = (await python(['make', '2'])).map((text) => new Uint8Array(Buffer.from(text, 'base64')));
  assert.equal(states.length, 4);
  const changed = states.flatMap((state) =>
    [...state.keys()].flatMap((at) =>
      sample([0x01, 0x20, 0x80], 1, at).map((flip) => {
        const bytes = state.slice();
        bytes[at] ^= flip;
        return bytes;
      }),
    ),
  );
  const said = await python(['load', String(states.length)], [...states, ...changed].map(base64).join(''));
  assert.equal(said.length, states.length + changed.length);
  const seen = { whole: 0, refused: 0, loadsAlone: 0, wholeAlone: 0 };
  for (const [i, bytes] of [...states, ...changed].entries()) {
    const walk = await walkPickle(memorySource(bytes), 0, bytes.length);
    const isWhole = walk.whole && walk.size === bytes.length;
    const loads = said[i] === 'ok';
    const which = `${said[i]}, ${JSON.stringify(walk)}: ${base64(bytes)}`;
    if (i < states.length) assert.ok(isWhole && loads, which);
    if (!walk.whole) assert.ok(walk.at >= 0 && walk.at < bytes.length && walk.expected !== '', which);
    if (isWhole === loads) seen[loads ? 'whole' : 'refused']++;
    else if (isWhole) {
      assert.match(said[i], BEYOND_STRUCTURE, which);
      seen.wholeAlone++;
    } else {
      assert.ok(
        !walk.whole && (NEVER_WRITTEN.includes(walk.opcode ?? '') || FRAME.test(walk.expected)),
        which,
      );
      seen.loadsAlone++;
    }
  }
  t.diagnostic(JSON.stringify(seen));
  assert.ok(Math.min(seen.refused, seen.whole) > (SWEEP ? 2000 : 500), JSON.stringify(seen));
});
