import type { Mending } from '../../src/service/mend.js';
import type { Own } from '../../src/service/look.js';

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
