/** Signals that end work that writes, and what a shell calls a process that they ended. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Turns the signals that end a process into an abort, so that work leaves nothing half-done behind. */
export class StopSignals {
  readonly #stop = new AbortController();
  readonly #unlisten: (() => void)[];
  #stoppedBy: keyof typeof SIGNALS | undefined;

  constructor() {
    this.#unlisten = (Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]).map((name) => {
      const listener = () => {
        this.#stoppedBy ??= name;
        this.#stop.abort();
      };
      process.on(name, listener);
      return () => process.off(name, listener);
    });
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The signal that ended the work with this error, and the exit code for it; undefined if none did. */
  stopped(error: unknown): { name: string; exit: number } | undefined {
    const aborted =
      this.signal.aborted && (error === this.signal.reason || (error as Error).name === 'AbortError');
    if (!aborted || this.#stoppedBy === undefined) return undefined;
    return { name: this.#stoppedBy, exit: SIGNALS[this.#stoppedBy] };
  }

  /** Gives the signals their usual effect back. */
  end(): void {
    for (const unlisten of this.#unlisten) unlisten();
  }
}
