/**
 * The demo: a copy of the database that a real SIGKILL of a real Python shelve writer left behind, what libgdbm
 * says to it, the check, the repair and what came back. The result stays in demo-output/ to look at.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'demo-output');
const doctor = join(root, 'bin', 'gdbm-doctor.js');

// A repair locks the file as libgdbm does, by way of this program; nobody else uses the demo's file.
const hasFlock = spawnSync('flock', ['--version'], { stdio: 'ignore' }).error === undefined;

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
copyFileSync(join(root, 'fixtures', 'killed-shelve.db'), join(folder, 'tasks.db'));

say('tasks.db is what a SIGKILL left of a Python shelve in which a service kept its tasks.');
say('1. The check: what is wrong with it, and what libgdbm says to it.');
step(['check', 'tasks.db'], 1);
say('2. The repair: a fresh file, verified, takes the name; the old one stays as tasks.db.~1~.');
step(['repair', ...(hasFlock ? [] : ['--no-lock']), 'tasks.db'], 0);
say('3. The fresh file.');
step(['check', 'tasks.db'], 0);
step(['inspect', 'tasks.db', 'header'], 0);

const python = spawnSync('/usr/bin/python3', ['-c', 'import dbm.gnu'], { stdio: 'ignore' });
if (python.status === 0) {
  say('4. Python, with the real libgdbm, before and after.');
  const count = 'import shelve, sys; print(len(shelve.open(sys.argv[1], "w")), "tasks")';
  show('/usr/bin/python3', ['-c', count, 'tasks.db.~1~'], 1);
  show('/usr/bin/python3', ['-c', count, 'tasks.db'], 0);
} else {
  say(
    '4. Left out: Python opening both files. There is no /usr/bin/python3 with dbm.gnu here (python3-gdbm).',
  );
}
say('The files are in demo-output/: look at them, or break them yourself.');

function say(text: string): void {
  process.stdout.write(`\n${text}\n`);
}

function step(args: string[], expected: number): void {
  process.stdout.write(`\n$ gdbm-doctor ${args.join(' ')}\n`);
  run(process.execPath, [doctor, ...args], expected);
}

function show(program: string, args: string[], expected: number): void {
  process.stdout.write(`\n$ python3 -c '${args[1]}' ${args[2]}\n`);
  run(program, args, expected);
}

/** Runs a program where the demo's files are; another end than the expected one ends the demo. */
function run(program: string, args: string[], expected: number): void {
  const { status } = spawnSync(program, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === expected) return;
  process.stdout.write(`expected the exit code ${expected}, found ${status}\n`);
  process.exit(1);
}
