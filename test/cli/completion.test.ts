import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { cli, run } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

/** Lines that are typed, with some of the words that are offered for the last one, and some that are not. */
const TYPED: readonly { line: string; offered: readonly string[]; others?: readonly string[] }[] = [
  { line: 'ch', offered: ['check'], others: ['repair'] },
  { line: 'repair --m', offered: ['--max-loss'], others: ['--html'] },
  { line: 'repair --no-ba', offered: ['--no-backup'] },
  { line: 'repair --profile c', offered: ['celerybeat'], others: ['flower'] },
  { line: 'check --', offered: ['--findings', '--quiet', '--help'], others: ['--include', '--only-fatal'] },
  { line: 'help sna', offered: ['snapshots'] },
  { line: 'check fil', offered: ['file one.db'] },
  { line: 'repair -o fil', offered: ['file one.db'] },
];

/** A folder with the script of a shell and a file; Node is not on the path of what runs in it. */
async function scriptOf(t: TestContext, shell: string): Promise<string> {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'file one.db'), '');
  const { stdout, code } = await cli(['completion', shell]);
  assert.equal(code, 0);
  await writeFile(join(folder, 'script'), stdout);
  return folder;
}

async function holds(
  t: TestContext,
  shell: string,
  complete: (folder: string, line: string) => Promise<string>,
): Promise<void> {
  const folder = await scriptOf(t, shell);
  for (const { line, offered, others = [] } of TYPED) {
    const words = await complete(folder, line);
    for (const word of offered) assert.ok(words.includes(word), `${line}: ${words}`);
    for (const word of others) assert.ok(!words.includes(word), `${line}: ${words}`);
  }
}

testWith('bash', 'bash completes commands, options, values and file names without Node', (t) =>
  holds(t, 'bash', async (folder, line) => {
    // File names come from the shell itself where the script has no word.
    const script = `cd "$1"; source ./script; COMP_WORDS=(gdbm-doctor $2); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      PATH=; _gdbm_doctor; printf '%s\\n' "\${COMPREPLY[@]}"
      complete -p gdbm-doctor | { read -r how; [[ $how == *'-o default'* && -z $COMPREPLY ]]; } &&
        compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"`;
    return (await run('bash', ['--norc', '-c', script, 'bash', folder, line])).stdout;
  }),
);

testWith('fish', 'fish completes commands, options, values and file names without Node', (t) =>
  holds(t, 'fish', async (folder, line) => {
    const script = `cd $argv[1]; source script; set -x PATH /usr/bin /bin; complete -C "gdbm-doctor $argv[2]"`;
    return (await run('fish', ['--no-config', '-c', script, folder, line])).stdout.replaceAll('\\ ', ' ');
  }),
);

testWith('zsh', 'zsh completes commands, options, values and file names without Node', async (t) => {
  const folder = await scriptOf(t, 'zsh');
  // In the place of zsh's own functions, which need a terminal, some that print what they are given.
  const script = `compdef() { true }; _describe() { print -l -- $commands }; _arguments() { print -l -- "$@" }; _files() { ls }
    cd $1; source ./script; PATH=/usr/bin:/bin; words=(gdbm-doctor \${=2}); CURRENT=\${#words}; _gdbm_doctor; ls`;
  for (const { line, offered } of TYPED) {
    const { stdout, stderr } = await run('zsh', ['-f', '-c', script, 'zsh', folder, line]);
    for (const word of offered) assert.ok(stdout.includes(word), `${line}: ${stdout}`);
    assert.equal(stderr, '', line);
  }
});
