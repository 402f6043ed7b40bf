import type { Mending } from '../watch/mend.js';
import { IN_USE, setAside, temporaryDatabase } from './aside.js';
import { withDatabase, withoutPersistence } from './commandline.js';
import type { GuardOptions } from './options.js';

/** A readable file that is beyond repair: its state at the look, and whether another process was seen to have it. */
export interface Hopeless {
  readonly state: string;
  readonly inUse: boolean;
}

/**
 * Nothing can be done for the database: by the user's choice the program starts without it, or not at all.
 *
 * @param why `unusable place` if the file cannot be read or written where it is now (a full volume, no permission, a read
 *   error): then it stays where it is, and setting it aside would lose a file that may be repaired later
 */
export async function fallBack(
  options: GuardOptions,
  mending: Mending,
  why: 'unusable place' | Hopeless,
): Promise<GuardOptions | undefined> {
  const { log, path } = mending;
  const { command, env, fallback } = options;
  const details = { path, fallback };
  if (fallback === 'fail') return notStarted(options, mending, 'nothing could be done for it');
  if (fallback === 'no-persistence') {
    const without = withoutPersistence(command, env);
    const message =
      without === undefined
        ? `${path}: expected Flower for --fallback no-persistence, found another program; it is started as it is`
        : `${path}: nothing could be done for it; Flower is started without persistence`;
    log({ level: 'error', event: 'fallback', message, details });
    return { ...options, ...without };
  }
  if (why !== 'unusable place') {
    try {
      const name = await setAside(path, why);
      if (name === IN_USE) return leaveAlone(options, mending, 'another process is using it');
      const message = `${path}: nothing could be done for it; it is set aside as ${name}, and ${command[0]} starts with a new one`;
      log({ level: 'error', event: 'fallback', message, details: { ...details, aside: name } });
      return options;
    } catch (error) {
      const message = `${path}: not set aside: ${String(error)}`;
      log({ level: 'error', event: 'fallback', message, details });
    }
  }
  const elsewhere = await temporaryDatabase(path).catch(() => undefined);
  const other = elsewhere === undefined ? undefined : withDatabase(command, env, elsewhere);
  const message =
    other === undefined
      ? `${path}: it cannot be used where it is now; it is left as it is, and ${command[0]} is started as it is`
      : `${path}: it cannot be used where it is now; it is left as it is, and ${command[0]} starts with a new one, ${elsewhere}, which is lost with the container`;
  log({ level: 'error', event: 'fallback', message, details: { ...details, elsewhere: elsewhere ?? null } });
  return { ...options, ...other };
}

/** The database may be whole, or in use: it is not touched, whatever the fallback is. */
export function leaveAlone(options: GuardOptions, mending: Mending, why: string): GuardOptions | undefined {
  const { command, fallback } = options;
  if (fallback === 'fail') return notStarted(options, mending, why);
  const { log, path } = mending;
  const message = `${path}: ${why}; it is left alone, and ${command[0]} is started as it is`;
  log({ level: 'error', event: 'left-alone', message, details: { path, fallback } });
  return options;
}

function notStarted({ command, fallback }: GuardOptions, { log, path }: Mending, why: string): undefined {
  const message = `${path}: ${why}, and --fallback fail: ${command[0]} is not started`;
  log({ level: 'error', event: 'fallback', message, details: { path, fallback } });
}
