/** Diagnoses a file's volume as another user, if it may become that one: UID PATH. Writes JSON. */
import { volumeJson } from '../../src/report/volume.js';
import { diagnoseVolume } from '../../src/service/diagnose.js';

const [uid, path] = process.argv.slice(2);
// Everything is loaded by now: the other user need not be able to read this repository.
if (process.getuid?.() === 0 && Number(uid) !== 0) {
  process.setgroups?.([]);
  process.setgid?.(Number(uid));
  process.setuid?.(Number(uid));
}
process.stdout.write(JSON.stringify(volumeJson(await diagnoseVolume(path))));
