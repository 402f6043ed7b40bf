import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** Programs that an advice may begin with. */
const PROGRAMS = [
  ...['gdbm-doctor', 'docker', 'podman', 'kubectl', 'sudo', 'db_dump', 'sqlite3', 'python3', 'unzip'],
  ...[
    'ls',
    'cp',
    'mv',
    'du',
    'kill',
    'chmod',
    'chown',
    'chattr',
    'mkdir',
    'mount',
    'findmnt',
    'dmesg',
    'head',
    'tail',
  ],
  ...['apt-get', 'gzip', 'qemu-img', 'losetup'],
];
/** Words that stand for a name which the reader would have to know. */
const PLACEHOLDERS = /\b(FILE|OUT|NEW|NAME|DIR|DIRECTORY|FOLDER|HOSTFOLDER|CONTAINER|POD|KEY|MACHINE)\b/;

/** Asserts that an advice is a line that a shell takes as it stands, without a name to put in. */
export function assertPasteable(advice: string): void {
  assert.doesNotMatch(advice, PLACEHOLDERS);
  assert.doesNotMatch(advice, /\n/);
  // A shell empties the file before the command that is to fill it.
  assert.doesNotMatch(advice, />\s*\S*\.db(\s|$)/);
  assert.ok(PROGRAMS.includes(advice.split(' ')[0]), advice);
  const { status, stderr } = spawnSync('sh', ['-n', '-c', advice]);
  assert.equal(status, 0, `${advice}: ${stderr.toString()}`);
}
