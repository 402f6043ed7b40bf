/** Holds a file as a repair does, says so, and lets go when stdin ends. */
import { holdFile } from '../../src/store/held.js';

const held = await holdFile(process.argv[2]);
process.stdout.write('held\n');
process.stdin.resume();
process.stdin.on('end', () => void held.release());
