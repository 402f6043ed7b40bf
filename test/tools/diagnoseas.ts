/** Diagnoses a file's volume as another user, if it may become that one: UID PATH. Writes JSON. */
import { diagnoseVolume } from '../../src/service/diagnose.js';

const [uid, path] = process.argv.slice(2);
// Everything is loaded by now: the other user need not be able to read this repository.
if (process.getuid?.() === 0 && Number(uid) !== 0) {
  process.setgroups?.([]);
  process.setgid?.(Number(uid));
  process.setuid?.(Number(uid));
}
const { problems, facts } = await diagnoseVolume(path);
process.stdout.write(JSON.stringify({ problems, facts }));
