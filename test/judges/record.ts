import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostedCommands } from '../tools/hosted.js';
import { contentsOf } from '../torture/recover.js';
import { isExcused, scoreOf } from '../torture/score.js';
import type { Input } from './inputs.js';

/** The outcome of each command for one input. */
export interface Recorded {
  readonly input: string;
  readonly commands: Readonly<Record<string, Outcome>>;
}

/** One command's outcome: facts that a reader compares, and a digest of all the rest. */
export interface Outcome {
  readonly exit: number | string;
  /** Beginning of the SHA-256 of stdout and stderr. In JSON the order of fields does not count. */
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

/** Runs the commands of one checkout, which is built. */
export class Recorder {
  private constructor(
    readonly commands: HostedCommands,
    readonly folder: string,
  ) {}

  static async of(checkout: string): Promise<Recorder> {
    const folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-judges-'));
    return new Recorder(new HostedCommands(checkout, folder), folder);
  }

  async record({ name, bytes, truth }: Input): Promise<Recorded> {
    const path = join(this.folder, 'input.db');
    const fresh = join(this.folder, 'fresh.db');
    await writeFile(path, bytes);
    const commands: Record<string, Outcome> = {};
    for (const [command, args] of Object.entries(COMMANDS)) {
      const ended = await this.commands.run(args).catch((error: unknown) => String(error));
      if (typeof ended === 'string') {
        commands[command] = { exit: ended, digest: '', facts: {} };
        continue;
      }
      const stdout = ended.stdout.toString('latin1').replaceAll(TIME, 'TIME');
      const facts = factsOf(command, stdout);
      const digest = digestOf(inOneOrder(stdout), ended.stderr);
      if (command === 'repair') {
        const made = await readFile(fresh).catch(() => undefined);
        const contents = made && (await contentsOf(made).catch(() => undefined));
        if (contents !== undefined) {
          facts['records'] = contents.size;
          facts['contents'] = digestOf(JSON.stringify([...contents].sort()));
        }
        if (truth !== undefined) Object.assign(facts, scored(truth, contents));
        await rm(fresh, { force: true });
      }
      commands[command] = { exit: ended.code, digest, facts };
    }
    return { input: name, commands };
  }

  async end(): Promise<void> {
    await this.commands.end();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function digestOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** JSON with the fields of each object in one order; any other text as it is. */
function inOneOrder(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), (_, value: unknown) => {
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
      return isObject ? Object.fromEntries(Object.entries(value).sort()) : value;
    });
  } catch {
    return text;
  }
}

/** Comparison of the repaired records with those that survived the damage. */
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
