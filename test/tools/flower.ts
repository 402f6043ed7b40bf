import { spawn, type ChildProcess } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BIN } from './cli.js';
import { until } from './until.js';

/** A virtual environment with Flower, celery and redis, made by .ci/run. */
const VENV = process.env['GDBM_DOCTOR_FLOWER'] ?? '';

/** A running Flower: its address, its output and its end. */
export interface RunningFlower {
  readonly child: ChildProcess;
  readonly port: number;
  /** Output of it and its guard. */
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

/** A Redis, a celery worker and what is needed to start Flowers beside them; all end with the stage. */
export class Stage {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #children: ChildProcess[] = [];
  readonly #flowers: ChildProcess[] = [];

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.#env = {
      ...process.env,
      BROKER: `redis://127.0.0.1:${port}/0`,
      FLOWER_UNAUTHENTICATED_API: 'true',
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONWARNINGS: 'ignore',
    };
  }

  static async open(): Promise<Stage> {
    const port = await freePort();
    const stage = new Stage(await mkdtemp(join(tmpdir(), 'gdbm-doctor-test-')), port);
    // Also where the tests end early.
    process.once('exit', () => stage.#killAll());
    await copyFile(fileURLToPath(new URL('flower.py', import.meta.url)), join(stage.folder, 'app.py'));
    stage.#spawn('redis-server', ['--port', String(port), '--save', '', '--dir', stage.folder]);
    await until('Redis answers', async () => (await stage.#python('run', '0')) !== undefined);
    stage.#spawn(join(VENV, 'bin/celery'), ['-A', 'app', 'worker', '-P', 'solo', '-E', '-l', 'ERROR']);
    await stage.runTasks(1);
    return stage;
  }

  /** Runs tasks to their end: their ids. */
  async runTasks(count: number): Promise<string[]> {
    const ids = await this.#python('run', String(count));
    if (ids === undefined) throw new Error('expected tasks to run');
    return ids;
  }

  /** The ids of the tasks that a shelf holds, as Python loads it; undefined where it does not. */
  saved(path: string): Promise<string[] | undefined> {
    return this.#python('saved', path);
  }

  /** Cuts the pickle of `events` short, in a database that stays sound. */
  async cutEvents(path: string): Promise<void> {
    if ((await this.#python('cut', path)) === undefined) throw new Error('expected the pickle to be cut');
  }

  /** The command that starts a Flower which keeps its state in a file. */
  command(path: string, port: number, saveInterval: number): string[] {
    const options = [
      '--persistent=True',
      `--db=${path}`,
      `--state_save_interval=${saveInterval}`,
      `--port=${port}`,
    ];
    return [join(VENV, 'bin/celery'), '-A', 'app', 'flower', '--address=127.0.0.1', ...options];
  }

  /**
   * Starts a Flower, under guard if options of guard are given, in a process group of its own.
   *
   * @param before what is to start it
   * @param saveInterval milliseconds between its saves
   */
  async start(
    path: string,
    guard?: readonly string[],
    { before = [], saveInterval = 100 }: { before?: readonly string[]; saveInterval?: number } = {},
  ): Promise<RunningFlower> {
    const port = await freePort();
    const own = guard === undefined ? [] : [process.execPath, BIN, 'guard', ...guard, '--'];
    const [file, ...args] = [...before, ...own, ...this.command(path, port, saveInterval)];
    const child = this.#spawn(file, args);
    this.#flowers.push(child);
    let said = '';
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return { child, port, said: () => said, ended };
  }

  #spawn(file: string, args: readonly string[]): ChildProcess {
    const child = spawn(file, args, { cwd: this.folder, env: this.#env, detached: true, stdio: 'pipe' });
    child.stdout.resume();
    child.stderr.resume();
    this.#children.push(child);
    return child;
  }

  #python(...args: string[]): Promise<string[] | undefined> {
    const child = spawn(join(VENV, 'bin/python'), ['app.py', ...args], {
      cwd: this.folder,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
    return new Promise((resolve) => {
      child.once('close', (code) => resolve(code === 0 ? text.split('\n').slice(0, -1) : undefined));
    });
  }

  endFlowers(): void {
    for (const child of this.#flowers.splice(0)) killGroup(child);
  }

  async end(): Promise<void> {
    this.#killAll();
    await rm(this.folder, { recursive: true, force: true });
  }

  #killAll(): void {
    for (const child of this.#children) killGroup(child);
  }
}

/** Ends a process and everything that it started, as the end of a container does. */
export function killGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

/** The tasks that a Flower shows, by their ids; undefined until it answers 200. */
export async function shownTasks({ port }: RunningFlower): Promise<Map<string, unknown> | undefined> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/api/tasks?limit=100000`);
    if (answer.status !== 200) return undefined;
    return new Map(Object.entries((await answer.json()) as Record<string, unknown>));
  } catch {
    return undefined;
  }
}

/** Waits until a Flower answers, and gives what it shows. */
export async function answered(flower: RunningFlower): Promise<Map<string, unknown>> {
  let tasks: Map<string, unknown> | undefined;
  await until(
    'Flower answers',
    async () => (tasks = await shownTasks(flower)) !== undefined || flower.child.exitCode !== null,
  );
  if (tasks === undefined)
    throw new Error(`expected Flower to answer, found that it ended:\n${flower.said()}`);
  return tasks;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
