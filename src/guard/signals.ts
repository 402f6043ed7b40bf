import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { endSoon } from './ending.js';
import { Witness } from './witness.js';

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
