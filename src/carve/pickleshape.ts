import { FIRST_PROTOCOL, LAST_PROTOCOL, PickleMachine } from '../pickle/machine.js';
import { walkPickle } from '../pickle/walk.js';
import type { Shape } from './shape.js';
import { GLANCE } from './shape.js';

const PROTO = 0x80;

/**
 * Without a frame a pickle of fewer opcodes, PROTO and STOP among them, may be chance. Measured by walking random bytes
 * behind 40 million headers, which is what 600 GiB of random bytes hold: 10,091 were whole with 3 opcodes (one in
 * 64 MiB, of any size, as an argument passes over any bytes), 110 with 4, 9 with 5 (one in 70 GiB), none with 6 or a
 * frame. What this refuses is one None, number or string by itself, of protocols 2 and 3, and one number of any.
 */
const SURE_OPCODES = 5;

const glance = new PickleMachine(GLANCE);

/** What Python's pickle writes, which is what a shelve holds; see src/pickle. */
export const pickleShape: Shape = {
  name: 'pickle',

  mayStart(bytes, at) {
    if (bytes[at] !== PROTO || !(bytes[at + 1] >= FIRST_PROTOCOL && bytes[at + 1] <= LAST_PROTOCOL))
      return false;
    glance.begin(0, Infinity);
    glance.run(bytes.subarray(at, at + GLANCE));
    return glance.fault === undefined;
  },

  async measure(source, offset, end) {
    const walk = await walkPickle(source, offset, end);
    if (!walk.whole) return undefined;
    return { size: walk.size, sure: walk.framed || walk.opcodes >= SURE_OPCODES };
  },
};
