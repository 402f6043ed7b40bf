import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds after which what still keeps this process from ending is taken to be stuck. */
const GRACE = 1000;

/** Operations of a file system that are under way, as Node names them. */
const FILE_OPERATION = /^(FSReq|FileHandleClose)/i;

/**
 * Sees to it that this process ends with an exit code although something keeps it: a look that hangs, a write to a
 * volume that is gone, a pipe that nobody reads. It ends by itself where nothing does.
 */
export function endInAnyCase(code: number): void {
  setTimeout(() => end(code), GRACE).unref();
}

/** Ends this process with an exit code, once the operations that are under way are done or taken to be stuck. */
export function endSoon(code: number): void {
  if (isBusy()) setTimeout(() => end(code), GRACE);
  else process.exit(code);
}

function end(code: number): void {
  if (isBusy()) {
    // An ordinary exit waits for the threads of these operations. A signal does not, but process 1 of a container gets
    // none from itself: only a fault ends that.
    process.kill(process.pid, 'SIGKILL');
    process.abort();
  }
  process.exit(code);
}

function isBusy(): boolean {
  return process.getActiveResourcesInfo().some((name) => FILE_OPERATION.test(name));
}

/** Waits for work, but so many milliseconds at most; what it throws later is nobody's concern. */
export async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}

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

/** Signals that end the guard as long as there is no program to pass them on to. */
const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];

/** Signals that are kept for the program until it is there. */
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

/** Signals that are for whoever runs now: what they do to the guard before is right. */
const WHILE_RUNNING: readonly NodeJS.Signals[] = [
  'SIGWINCH',
  'SIGURG',
  'SIGCONT',
  'SIGTTIN',
  'SIGTTOU',
  'SIGTSTP',
];

/** What a terminal sends to each process in its foreground, so that the program has it already. */
const BY_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGTSTP'];

/**
 * Passes signals on to a guarded program. There is one listener for each from the beginning to the end: a signal that
 * came between two listeners would reach neither.
 *
 * Not passed on are those that cannot be caught (SIGKILL, SIGSTOP), those that tell of a mistake in the guard itself
 * (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP), or of what it did (SIGPIPE, SIGXFSZ, SIGCHLD), the one of Node's own
 * profiler (SIGPROF), and those that Node cannot listen to, the real-time ones.
 */
export class Signals {
  readonly #early: NodeJS.Signals[] = [];
  #child: ChildProcess | undefined;
  #witness: Witness | undefined;
  #ended: number | undefined;

  constructor() {
    for (const signal of [...ENDING, ...KEPT]) listen(signal, () => this.#take(signal));
  }

  /** From now on signals are for a program that was just started; those that came before it get there now. */
  passTo(child: ChildProcess): void {
    this.#child = child;
    this.#witness = Witness.ofTerminal();
    for (const signal of WHILE_RUNNING) listen(signal, () => this.#take(signal));
    for (const signal of this.#early) child.kill(signal);
  }

  /** The program has ended: what would end the guard now ends it as the program ended. */
  ended(code: number): void {
    this.#ended = code;
    this.#witness?.dismiss();
  }

  #take(signal: NodeJS.Signals): void {
    if (this.#ended !== undefined) {
      if (ENDING.includes(signal)) endSoon(this.#ended);
    } else if (this.#child === undefined) {
      // As process 1 nothing is the default, so the guard ends by itself.
      if (ENDING.includes(signal)) process.exit(128 + constants.signals[signal]);
      this.#early.push(signal);
    } else if (this.#witness === undefined || !BY_TERMINAL.includes(signal)) {
      this.#child.kill(signal);
    } else void this.#passUnlessTerminals(signal, this.#child, this.#witness);
  }

  /** A program that is told twice to end may take the second for an order to end without saving. */
  async #passUnlessTerminals(signal: NodeJS.Signals, child: ChildProcess, witness: Witness): Promise<void> {
    const byTerminal = await witness.saw(signal);
    // As process 1 of a container a stop that is lost is worse than one that comes twice.
    if (byTerminal === false || (byTerminal === undefined && process.pid === 1)) child.kill(signal);
    // The program stands still, and the shell waits until the guard does, too.
    else if (signal === 'SIGTSTP') process.kill(process.pid, 'SIGSTOP');
  }
}

/** Not every machine has each of them. */
function listen(signal: NodeJS.Signals, listener: () => void): void {
  try {
    process.on(signal, listener);
  } catch {
    // One that nobody can send here.
  }
}
