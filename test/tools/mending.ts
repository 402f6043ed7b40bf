import type { Mending } from '../../src/service/mend.js';
import type { RunCommand } from '../../src/service/look.js';

/** Needs of a repair of a database without snapshots, with simulated commands; `events` receives the logged events. */
export function playedMending(path: string, run: RunCommand, events: string[]): Mending {
  return {
    path,
    profileOptions: [],
    folderOptions: [],
    bestSnapshot: async () => undefined,
    log: ({ event }) => void events.push(event),
    run,
  };
}
