import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A command's end. */
export interface Ended {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

const HOST = fileURLToPath(new URL('host.js', import.meta.url));

/** Runs commands of a built checkout, one after the other, in one process that stays until the parent ends. */
export class HostedCommands {
  #child: Promise<ChildProcess> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param cwd the folder that relative paths are from */
  constructor(
    readonly checkout: string,
    readonly cwd = process.cwd(),
  ) {}

  /**
   * Runs a command.
   *
   * @param timeout milliseconds after which it hangs
   * @throws Error where the process dies, or the command hangs; the next one gets a new process
   */
  run(args: readonly string[], timeout = 120_000): Promise<Ended> {
    const ended = this.#last.then(() => this.#run(args, timeout));
    this.#last = ended.catch(() => {});
    return ended;
  }

  async end(): Promise<void> {
    (await this.#child)?.kill('SIGKILL');
    this.#child = undefined;
  }

  async #run(args: readonly string[], timeout: number): Promise<Ended> {
    const child = await (this.#child ??= this.#start());
    child.ref();
    child.channel?.ref();
    const settled = new AbortController();
    const signal = AbortSignal.any([settled.signal, AbortSignal.timeout(timeout)]);
    const answer = once(child, 'message', { signal }).then(([message]) => message as Ended);
    const death = once(child, 'exit', { signal }).then(() => {
      throw new Error(`the process of the command died: ${args.join(' ')}`);
    });
    child.send(args);
    try {
      return await Promise.race([answer, death]);
    } catch (error) {
      child.kill('SIGKILL');
      this.#child = undefined;
      throw error;
    } finally {
      settled.abort();
      await Promise.allSettled([answer, death]);
      child.unref();
      child.channel?.unref();
    }
  }

  async #start(): Promise<ChildProcess> {
    const child = fork(HOST, [resolve(this.checkout)], {
      cwd: this.cwd,
      // With a pipe for stdout, so that the program writes by the stream that the host replaces.
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      serialization: 'advanced',
      execArgv: [],
      // The colours of the machine that runs the tests must not decide one.
      env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined },
    });
    (child.stdout as Socket).unref();
    const message = await Promise.race([
      once(child, 'message').then(([one]) => one as unknown),
      once(child, 'exit').then(() => undefined),
    ]);
    if (message !== 'ready') throw new Error(`${this.checkout}: its program does not start; is it built?`);
    return child;
  }
}
