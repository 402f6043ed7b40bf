import { EXIT } from './exit.js';
import { explain } from './explain.js';
import { StopSignals } from './signals.js';
import { tell } from './terminal.js';

/** Runs work that makes a file; whatever ends it leaves nothing half-done. */
export async function making(path: string, work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const signals = new StopSignals();
  try {
    return await work(signals.signal);
  } catch (error) {
    const stopped = signals.stopped(error);
    tell(
      stopped === undefined
        ? explain(error, path, 'make it').message
        : `${path}: stopped by ${stopped.name}. Nothing was changed.`,
    );
    return stopped?.exit ?? EXIT.failed;
  } finally {
    signals.end();
  }
}
