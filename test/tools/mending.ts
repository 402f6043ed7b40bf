import type { Mending } from '../../src/watch/mend.js';
import type { Own } from '../../src/watch/own.js';

/** What mending a database without a snapshot needs, where our own commands are only played; `events` gets those that are logged. */
export function playedMending(path: string, own: Own, events: string[]): Mending {
  return {
    path,
    profileOptions: [],
    folderOptions: [],
    bestSnapshot: async () => undefined,
    log: ({ event }) => void events.push(event),
    own,
  };
}
