import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fixture } from '../tools/fixtures.js';

const root = fixture('..');

/** An example in a document or a docstring. */
export interface Example {
  /** File and line, for messages. */
  readonly place: string;
  readonly code: string;
}

/** The examples of a file: code between ```ts and ```, also in a docstring. */
export async function examplesIn(file: string): Promise<Example[]> {
  const text = await readFile(join(root, file), 'utf8');
  return [...text.matchAll(/^([ *]*)```ts\n([^]*?)^\1```$/gm)].map(({ 1: margin, 2: code, index }) => ({
    place: `${file}:${text.slice(0, index).split('\n').length}`,
    code: code
      .split('\n')
      .map((line) => (line === margin.trimEnd() ? '' : line.slice(margin.length)))
      .join('\n'),
  }));
}

/** The text that an example says it prints: the comments behind its calls of console.log. */
function promisedOutput({ code }: Example): string {
  const comments = [...code.matchAll(/console\.log\(.*\);.*? \/\/ (.*)$/gm)].map(([, comment]) => comment);
  return words(comments.join(' '));
}

/** The words of a text: an example may print in several lines what its comment says in one. */
function words(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ');
}

/**
 * Makes a folder for an example: with the package, and with `tasks.db` (three records), `yesterday.db` (another value of
 * one of them), `broken.db` (the first one after a crash) and `tasks.dump`. The package is this one, unless another is
 * installed there already.
 */
export async function makeStage(folder: string, node = process.execPath): Promise<void> {
  const installed = join(folder, 'node_modules', 'gdbm-doctor');
  if (!existsSync(installed)) {
    await mkdir(join(folder, 'node_modules'), { recursive: true });
    await symlink(root, installed);
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await runCode(
    folder,
    `
    import { readFile, writeFile } from 'node:fs/promises';
    import { create, dump, open } from 'gdbm-doctor';

    const tasks = [['task-1', 'done'], ['task-2', 'running'], ['task-3', 'wait?']];
    for (const [name, first] of [['tasks.db', 'done'], ['yesterday.db', 'wait']]) {
      const writer = await create(name, { machine: 'amd64' });
      for (const [key, value] of tasks) await writer.add(key, key === 'task-1' ? first : value);
      await writer.finish();
    }
    const db = await open('tasks.db');
    await writeFile('tasks.dump', dump(db, 'ascii'));
    await db.close();
    // A program that is killed while it adds to a file leaves more of it than the header says.
    await writeFile('broken.db', Buffer.concat([await readFile('tasks.db'), Buffer.alloc(4096)]));
    `,
    node,
  );
}

const run = promisify(execFile);

/** Runs a module in a folder; returns what it prints. */
export async function runCode(folder: string, code: string, node = process.execPath): Promise<string> {
  const file = join(folder, `example-${Math.random().toString(36).slice(2)}.mjs`);
  await writeFile(file, code);
  return (await run(node, [file], { cwd: folder })).stdout;
}

/** Runs examples in one process, each in a copy of a stage, and requires that each prints what it says. */
export async function holdExamples(
  examples: readonly Example[],
  stage: string,
  folder: string,
  node = process.execPath,
): Promise<void> {
  const files: string[] = [];
  for (const [n, { code }] of examples.entries()) {
    const copy = join(folder, `${n}`);
    await cp(stage, copy, { recursive: true, verbatimSymlinks: true });
    files.push(join(copy, 'example.mjs'));
    await writeFile(files[n], code);
  }
  const outcomes = JSON.parse(await runCode(stage, inTurn(files), node)) as Outcome[];
  for (const [n, { printed, error }] of outcomes.entries()) {
    assert.equal(error, undefined, examples[n].place);
    assert.equal(words(printed), promisedOutput(examples[n]), examples[n].place);
  }
  assert.equal(outcomes.length, examples.length);
}

interface Outcome {
  readonly printed: string;
  readonly error?: string;
}

/** A module that runs others one after the other, each in its folder, and prints an {@link Outcome} of each. */
function inTurn(files: readonly string[]): string {
  return `
    import { writeSync } from 'node:fs';
    import { dirname } from 'node:path';

    const outcomes = [];
    for (const file of ${JSON.stringify(files)}) {
      const outcome = { printed: '' };
      process.chdir(dirname(file));
      process.stdout.write = (text) => (outcome.printed += text);
      await import(file).catch((error) => (outcome.error = error.stack));
      outcomes.push(outcome);
    }
    writeSync(1, JSON.stringify(outcomes));
  `;
}
