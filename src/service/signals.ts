import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds after which operations that still keep this process alive must be stuck. */
const GRACE = 1000;

/** Node's names of pending operations of a file system. */
const FILE_OPERATION = /^(FSReq|FileHandleClose)/i;

/**
 * Ends this process with an exit code even if something keeps it alive: a look that hangs, a write to a volume that is gone,
 * a pipe that nobody reads. Without such a thing it ends by itself.
 */
export function endInAnyCase(code: number): void {
  setTimeout(() => end(code), GRACE).unref();
}

/** Ends this process with an exit code, once pending operations are done or must be stuck. */
function endSoon(code: number): void {
  if (isBusy()) setTimeout(() => end(code), GRACE);
  else process.exit(code);
}

function end(code: number): void {
  if (isBusy()) {
    // An ordinary exit waits for the threads of these operations. SIGKILL does not, but process 1 of a container cannot send
    // it to itself: only a fault ends that.
    process.kill(process.pid, 'SIGKILL');
    process.abort();
  }
  process.exit(code);
}

function isBusy(): boolean {
  return process.getActiveResourcesInfo().some((name) => FILE_OPERATION.test(name));
}

/** Waits for work, for so many milliseconds at most, and ignores its errors. */
export async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}

/** Milliseconds after which a signal to a process group has reached every process. */
const SETTLED = 20;

/**
 * Milliseconds within which the witness's end by a signal and the same signal to this process, in either order, have the same
 * cause. Measured: under load the end is reported first in 1 of 15 cases.
 */
const TOGETHER = 1000;

/**
 * Distinguishes a signal that a terminal sent to its foreground group, as by Ctrl-C, from one that was sent to this process
 * alone, as by `docker stop`. Node does not say who sent a signal, but an idle process in the same group gets the first kind
 * and not the second. The witness is a `cat` that waits for the end of its input, and so ends with the guard.
 */
class Witness {
  #process: ChildProcess | undefined;
  /** Unclaimed end of the last witness by a signal. */
  #end: { signal: NodeJS.Signals; time: number } | undefined;
  /** Signals for which `saw` is pending or was true. */
  readonly #asked = new Set<NodeJS.Signals>();
  #isDismissed = false;

  private constructor() {
    this.#start();
  }

  /** Undefined if this process has no terminal. */
  static ofTerminal(): Witness | undefined {
    return (terminal()?.has ?? process.stdin.isTTY) ? new Witness() : undefined;
  }

  /** Returns true if the witness got a signal that came just now, too; undefined if there is no witness. */
  async saw(signal: NodeJS.Signals): Promise<boolean | undefined> {
    const pid = this.#process?.pid;
    const seen = terminal();
    // A terminal sends no signals to background processes.
    if (seen?.isForeground === false) return false;
    if (this.#endedBy(signal)) return true;
    if (pid === undefined || seen === undefined) return undefined;
    this.#asked.add(signal);
    await sleep(SETTLED);
    const saw = gotSignal(pid);
    // If true, the coming end of the witness belongs to this signal.
    if (saw !== true) this.#asked.delete(signal);
    return saw;
  }

  /** Returns true if the witness ended by a signal before this process got it: the order of the two is not defined. */
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

  #start(): void {
    const child = spawn('cat', [], { stdio: ['pipe', 'ignore', 'ignore'] });
    this.#process = child;
    // It must not keep this process alive.
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    child.stdin.on('error', () => {});
    child.once('error', () => {
      this.#process = undefined;
    });
    // The signal ends the witness, so another one takes its place.
    child.once('exit', (_, signal) => {
      if (signal === null || this.#isDismissed) return;
      if (!this.#asked.has(signal)) this.#end = { signal, time: performance.now() };
      this.#asked.clear();
      this.#start();
    });
  }
}

/** Looks for the terminal of this process, and its foreground group; undefined if that cannot be seen. */
function terminal(): { has: boolean; isForeground: boolean } | undefined {
  try {
    const text = readFileSync('/proc/self/stat', 'latin1');
    // After the name in parentheses: state, parent, group, session, terminal, foreground group.
    const [, , group, , device, foreground] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { has: device !== '0', isForeground: group === foreground };
  } catch {
    return undefined;
  }
}

/** Returns true if a process has a pending signal, or was stopped or ended by one. */
function gotSignal(pid: number): boolean | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const pending = /^(?:SigPnd|ShdPnd):\s*0*[1-9a-f]/m.test(status);
    return pending || /^State:\s*[TXZ]/m.test(status);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? true : undefined;
  }
}

/** Signals that end the guard before its program runs. */
const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];

/** Signals that are kept until the program runs. */
const KEPT: readonly NodeJS.Signals[] = [
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGPWR',
  'SIGIO',
  'SIGXCPU',
  'SIGSTKFLT',
  'SIGSYS',
];

/** Signals that are passed on only while the program runs; before, their usual effect on the guard is right. */
const WHILE_RUNNING: readonly NodeJS.Signals[] = [
  'SIGWINCH',
  'SIGURG',
  'SIGCONT',
  'SIGTTIN',
  'SIGTTOU',
  'SIGTSTP',
];

/** Signals that a terminal sends to each process in its foreground, so that the program has them already. */
const BY_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGTSTP'];

/**
 * Passes signals on to a guarded program. Each signal has one listener from the beginning to the end: a signal that came
 * between two listeners would reach neither.
 *
 * Not passed on are signals that cannot be caught (SIGKILL, SIGSTOP), that report an error of the guard itself (SIGSEGV,
 * SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP) or a result of its calls (SIGPIPE, SIGXFSZ, SIGCHLD), that of Node's profiler
 * (SIGPROF), and the real-time ones, to which Node cannot listen.
 */
export class Signals {
  readonly #early: NodeJS.Signals[] = [];
  #child: ChildProcess | undefined;
  #witness: Witness | undefined;
  #ended: number | undefined;

  constructor() {
    for (const signal of [...ENDING, ...KEPT]) listen(signal, () => this.#take(signal));
  }

  /** Passes signals on to a program that was just started, also those that came before. */
  passTo(child: ChildProcess): void {
    this.#child = child;
    this.#witness = Witness.ofTerminal();
    for (const signal of WHILE_RUNNING) listen(signal, () => this.#take(signal));
    for (const signal of this.#early) child.kill(signal);
  }

  /** Notes the end of the program: a signal that ends the guard from now on ends it with this exit code. */
  ended(code: number): void {
    this.#ended = code;
    this.#witness?.dismiss();
  }

  #take(signal: NodeJS.Signals): void {
    if (this.#ended !== undefined) {
      if (ENDING.includes(signal)) endSoon(this.#ended);
    } else if (this.#child === undefined) {
      // Process 1 is not ended by a signal, so the guard exits by itself.
      if (ENDING.includes(signal)) process.exit(128 + constants.signals[signal]);
      this.#early.push(signal);
    } else if (this.#witness === undefined || !BY_TERMINAL.includes(signal)) {
      this.#child.kill(signal);
    } else void this.#passUnlessTerminals(signal, this.#child, this.#witness);
  }

  /** Avoids a second SIGINT, which a program may take for an order to end without saving. */
  async #passUnlessTerminals(signal: NodeJS.Signals, child: ChildProcess, witness: Witness): Promise<void> {
    const byTerminal = await witness.saw(signal);
    // For process 1 of a container a lost stop is worse than a repeated one.
    if (byTerminal === false || (byTerminal === undefined && process.pid === 1)) child.kill(signal);
    // The program has stopped, and the shell waits until the guard does, too.
    else if (signal === 'SIGTSTP') process.kill(process.pid, 'SIGSTOP');
  }
}

/** Adds a listener, if this system has the signal. */
function listen(signal: NodeJS.Signals, listener: () => void): void {
  try {
    process.on(signal, listener);
  } catch {
    // Unknown here, so nobody can send it.
  }
}
