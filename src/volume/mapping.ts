import { execFile } from 'node:child_process';
import { networkKind } from './filesystems.js';
import type { MappingAnswer } from './volumefacts.js';

/** Milliseconds after which a file system that does not answer is given up; a local answer takes some 20. */
const PATIENCE = 5000;

/** Maps one page of the file and says how that went. It opens the file for writing but writes nothing. */
const PROBE = `
import errno, mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
try:
    mmap.mmap(fd, min(os.fstat(fd).st_size, mmap.PAGESIZE)).close()
    print("allowed")
except OSError as error:
    print(errno.errorcode.get(error.errno))
`;

/**
 * Asks whether a file can be mapped as libgdbm maps it: shared and writable. Node cannot map files, so that Python is asked,
 * which stands beside most of these databases; and only on file systems that are known to refuse it.
 *
 * @returns undefined if the file system is none of those, or if nobody could ask
 */
export function probeMapping(path: string, fsType: string | undefined): Promise<MappingAnswer | undefined> {
  if (fsType === undefined || !(networkKind(fsType) !== undefined || fsType === 'zfs')) {
    return Promise.resolve(undefined);
  }
  return new Promise((resolve) => {
    execFile('python3', ['-I', '-S', '-c', PROBE, path], { timeout: PATIENCE }, (error, stdout) => {
      const answer = stdout.trim();
      const isKnown = answer === 'allowed' || answer === 'EINVAL' || answer === 'ENODEV';
      resolve(error === null && isKnown ? answer : undefined);
    });
  });
}
