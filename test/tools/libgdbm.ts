import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PYTHON } from './needs.js';

/** A step of making a database with the real library; keys and values are bytes. */
export type Step = ['store', Uint8Array, Uint8Array] | ['delete', Uint8Array] | ['sync'];

type Answer<T> = { ok: T } | { error: string };

/** The real libgdbm in a process of its own. */
export class LibGdbm {
  readonly #child = spawn(PYTHON, [fileURLToPath(new URL('libgdbm.py', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  readonly #lines: AsyncIterator<string, undefined> = createInterface({ input: this.#child.stdout })[
    Symbol.asyncIterator
  ]();

  /** Opens a file for writing and counts its records: the count, or the error message of libgdbm. */
  async count(path: string): Promise<number | string> {
    const answer = await this.#ask<number>({ op: 'count', path });
    return 'ok' in answer ? answer.ok : answer.error;
  }

  async create(
    path: string,
    steps: readonly Step[],
    options: { blockSize?: number; numsync?: boolean; coalesce?: boolean } = {},
  ): Promise<void> {
    const { blockSize = 0, numsync = false, coalesce = false } = options;
    await this.#must({ op: 'create', path, steps: encode(steps), block_size: blockSize, numsync, coalesce });
  }

  async change(path: string, steps: readonly Step[]): Promise<void> {
    await this.#must({ op: 'change', path, steps: encode(steps) });
  }

  /**
   * Walks a file, and fetches some keys from it, opened anew: the number of keys that the walk gives, at most `limit`, its
   * end, in libgdbm's words or `never`, and for each key true if the fetch finds it. The error message of libgdbm if the
   * file does not open.
   */
  async use(
    path: string,
    limit: number,
    keys: readonly Uint8Array[] = [],
  ): Promise<{ walked: number; end: string; fetched: boolean[] } | string> {
    const wanted = keys.map((key) => Buffer.from(key).toString('base64'));
    const answer = await this.#ask<{ walked: number; end: string; fetched: boolean[] }>({
      op: 'use',
      path,
      limit,
      keys: wanted,
    });
    return 'ok' in answer ? answer.ok : answer.error;
  }

  /** Every record by walking, each looked up too; keys and values as base64, sorted. */
  async walk(path: string): Promise<[string, string][]> {
    return (await this.#must<[string, string][]>({ op: 'walk', path })).sort();
  }

  /** Looks up each key: its value, or undefined if the lookup finds none. */
  async lookups(path: string, keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    const encoded = keys.map((key) => Buffer.from(key).toString('base64'));
    const found = await this.#must<(string | null)[]>({ op: 'lookups', path, keys: encoded });
    return found.map((value) => (value === null ? undefined : Buffer.from(value, 'base64')));
  }

  close(): void {
    this.#child.stdin.end();
  }

  async #must<T>(request: object): Promise<T> {
    const answer = await this.#ask<T>(request);
    if ('ok' in answer) return answer.ok;
    throw new Error(`libgdbm: ${answer.error}`);
  }

  async #ask<T>(request: object): Promise<Answer<T>> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error('libgdbm died');
    return JSON.parse(line.value) as Answer<T>;
  }
}

function encode(steps: readonly Step[]): string[][] {
  return steps.map(([op, ...args]) => [op, ...args.map((arg) => Buffer.from(arg).toString('base64'))]);
}
