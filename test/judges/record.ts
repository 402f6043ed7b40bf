import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fixture } from '../tools/fixtures.js';
import { contentsOf } from '../torture/recover.js';
import { isExcused, scoreOf } from '../torture/score.js';
import type { Input } from './inputs.js';
import type { Result, Task } from './worker.js';

/** What each command gave for one input. */
export interface Recorded {
  readonly input: string;
  readonly commands: Readonly<Record<string, Outcome>>;
}

/** One command's outcome: facts that a reader compares, and a digest of all the rest. */
export interface Outcome {
  readonly exit: number | 'hangs' | 'dies';
  /** SHA-256 of stdout and stderr; of `repair` also of the fresh file. */
  readonly digest: string;
  readonly facts: Readonly<Record<string, string | number>>;
}

/** Each command, run in the folder of the input. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  check: ['check', '--json', 'input.db'],
  salvage: ['salvage', '--deleted', '--json', 'input.db'],
  dump: ['dump', 'input.db'],
  list: ['list', 'input.db'],
  repair: ['repair', '--json', '--no-lock', '-o', 'fresh.db', 'input.db'],
};

/** Times of day, which differ between two runs. */
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/g;

/** Milliseconds after which a command hangs: these inputs take it less than a second. */
const HANGS = 120_000;

/** Runs the commands of one checkout, which is built. */
export class Recorder {
  #folder = '';
  #child: ChildProcess | undefined;

  constructor(readonly checkout: string) {}

  async record({ name, bytes, truth }: Input): Promise<Recorded> {
    if (this.#folder === '') this.#folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-judges-'));
    const path = join(this.#folder, 'input.db');
    const fresh = join(this.#folder, 'fresh.db');
    await writeFile(path, bytes);
    const commands: Record<string, Outcome> = {};
    for (const [command, args] of Object.entries(COMMANDS)) {
      const result = await this.#run(args);
      if (typeof result === 'string') {
        commands[command] = { exit: result, digest: '', facts: {} };
        continue;
      }
      const { exit, stderr } = result;
      const stdout = result.stdout.replaceAll(TIME, 'TIME');
      const facts = factsOf(command, stdout);
      const hash = createHash('sha256').update(stdout).update('\0').update(stderr);
      if (command === 'repair') {
        const made = await readFile(fresh).catch(() => undefined);
        if (made !== undefined) hash.update(made);
        const contents = made && (await contentsOf(made).catch(() => undefined));
        if (contents !== undefined) facts['records'] = contents.size;
        if (truth !== undefined) Object.assign(facts, scored(truth, contents));
        await rm(fresh, { force: true });
      }
      commands[command] = { exit, digest: hash.digest('hex').slice(0, 16), facts };
    }
    return { input: name, commands };
  }

  async end(): Promise<void> {
    this.#child?.kill('SIGKILL');
    if (this.#folder !== '') await rm(this.#folder, { recursive: true, force: true });
  }

  async #run(args: readonly string[]): Promise<Result | 'hangs' | 'dies'> {
    const child = (this.#child ??= await this.#start());
    child.send({ args } satisfies Task);
    const timeout = AbortSignal.timeout(HANGS);
    const answer = once(child, 'message', { signal: timeout }).then(([message]) => message as Result);
    const death = once(child, 'exit', { signal: timeout }).then(() => 'dies' as const);
    const result = await Promise.race([answer, death]).catch(() => 'hangs' as const);
    answer.catch(() => {});
    death.catch(() => {});
    if (typeof result === 'string') {
      child.kill('SIGKILL');
      this.#child = undefined;
    }
    return result;
  }

  async #start(): Promise<ChildProcess> {
    const child = fork(fixture('../test/judges/worker.ts'), [resolve(this.checkout)], {
      cwd: this.#folder,
      // With a pipe for stdout, so that the program writes by the stream that the worker replaces.
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      execArgv: ['--import', import.meta.resolve('tsx')],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
    });
    child.setMaxListeners(0);
    const [message] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => [undefined]),
    ]);
    if (message !== 'ready') throw new Error(`${this.checkout}: its program does not start; is it built?`);
    return child;
  }
}

/** How the repaired records compare with those that survived the damage. */
function scored({ intact, damaged }: NonNullable<Input['truth']>, contents?: ReadonlyMap<string, string>) {
  const { survivors, recalled, lost, lostMoved, wrong, invented } = scoreOf(intact, damaged, contents);
  return {
    survivors,
    recalled,
    'survivors lost': lost.length + lostMoved.length,
    wrong: wrong.length,
    invented: invented.filter((one) => !isExcused(one)).length,
  };
}

/** Facts of a command's output that a reader understands. */
function factsOf(command: string, stdout: string): Record<string, string | number> {
  if (command === 'dump' || command === 'list') return { lines: stdout.split('\n').length - 1 };
  const facts: Record<string, string | number> = {};
  if (command === 'salvage') {
    for (const line of stdout.split('\n')) {
      const kind = /"provenance":"([^"]+)"/.exec(line)?.[1];
      if (kind !== undefined) facts[kind] = Number(facts[kind] ?? 0) + 1;
    }
    return facts;
  }
  const [report] = filesOf(stdout);
  if (report === undefined) return facts;
  for (const [name, value] of Object.entries(report)) {
    if (typeof value === 'string' || typeof value === 'number') facts[name] = value;
  }
  const counts = (report['findingCounts'] ?? {}) as Record<string, number>;
  for (const [code, count] of Object.entries(counts)) facts[code] = count;
  return facts;
}

function filesOf(stdout: string): Record<string, unknown>[] {
  try {
    return (JSON.parse(stdout) as { files?: Record<string, unknown>[] }).files ?? [];
  } catch {
    return [];
  }
}
