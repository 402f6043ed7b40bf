import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds after which a signal to all processes of a group has come to each. */
const SETTLED = 20;

/**
 * Milliseconds within which the witness's end by a signal and the same signal to this process, in either order, are one.
 * Measured: under load the end is told first in 1 of 15.
 */
const TOGETHER = 1000;

/**
 * Tells a signal that a terminal sent to all of its foreground, as by Ctrl-C, from one that was sent to this process
 * alone, as by `docker stop`: no process is told who sent a signal, but one in the same group that does nothing gets
 * the first kind and not the second. It is a `cat` that waits for the end of its input, and so ends with the guard.
 */
export class Witness {
  #process: ChildProcess | undefined;
  /** The end of the last witness, unless it was asked for already. */
  #end: { signal: NodeJS.Signals; time: number } | undefined;
  /** Signals that the witness is asked about, or told of. */
  readonly #asked = new Set<NodeJS.Signals>();
  #isDismissed = false;

  private constructor() {
    this.#call();
  }

  /** Undefined where no terminal can send anything: this process has none. */
  static ofTerminal(): Witness | undefined {
    return (terminal()?.has ?? process.stdin.isTTY) ? new Witness() : undefined;
  }

  /** Whether the witness got a signal, too, that came just now; undefined where there is none to ask. */
  async saw(signal: NodeJS.Signals): Promise<boolean | undefined> {
    const pid = this.#process?.pid;
    const seen = terminal();
    // A terminal sends nothing to its background.
    if (seen?.isForeground === false) return false;
    if (this.#endedBy(signal)) return true;
    if (pid === undefined || seen === undefined) return undefined;
    this.#asked.add(signal);
    await sleep(SETTLED);
    const saw = gotSignal(pid);
    // One that is ending is known now: its end is not another signal's.
    if (saw !== true) this.#asked.delete(signal);
    return saw;
  }

  /** Whether the witness was gone by a signal before that came to this process: nothing keeps the order of the two. */
  #endedBy(signal: NodeJS.Signals): boolean {
    const end = this.#end;
    if (end?.signal !== signal || performance.now() - end.time > TOGETHER) return false;
    this.#end = undefined;
    return true;
  }

  dismiss(): void {
    this.#isDismissed = true;
    this.#process?.kill('SIGKILL');
  }

  #call(): void {
    const child = spawn('cat', [], { stdio: ['pipe', 'ignore', 'ignore'] });
    this.#process = child;
    // It keeps nobody from ending.
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    child.stdin.on('error', () => {});
    child.once('error', () => {
      this.#process = undefined;
    });
    // The one that told of a signal may have died of it.
    child.once('exit', (_, signal) => {
      if (signal === null || this.#isDismissed) return;
      if (!this.#asked.has(signal)) this.#end = { signal, time: performance.now() };
      this.#asked.clear();
      this.#call();
    });
  }
}

/** Whether this process has a terminal, and is in its foreground; undefined where that cannot be seen. */
function terminal(): { has: boolean; isForeground: boolean } | undefined {
  try {
    const text = readFileSync('/proc/self/stat', 'latin1');
    // The name, in parentheses, may hold anything; behind it are state, parent, group, session, terminal, foreground.
    const [, , group, , device, foreground] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { has: device !== '0', isForeground: group === foreground };
  } catch {
    return undefined;
  }
}

/** Whether a process has a signal before it, or what a signal does behind it: it stands still, or is gone. */
function gotSignal(pid: number): boolean | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const pending = /^(?:SigPnd|ShdPnd):\s*0*[1-9a-f]/m.test(status);
    return pending || /^State:\s*[TXZ]/m.test(status);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? true : undefined;
  }
}
