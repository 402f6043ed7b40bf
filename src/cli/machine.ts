import type { Judge } from '../check/libgdbm.js';
import type { MachineName } from '../format/machines.js';
import { MACHINES } from '../format/machines.js';
import { thisMachine } from '../service/machine.js';

/** The machine that is to use a database; undefined is this one, `any` the one that wrote it. */
export type WantedMachine = MachineName | 'any' | undefined;

/** The name of the wanted machine; undefined for `any`, and where this one is unknown. */
export function machineFor(wanted: WantedMachine): MachineName | undefined {
  return wanted === 'any' ? undefined : (wanted ?? thisMachine());
}

/** The facts of the wanted machine; undefined for `any`, and where this one is unknown. */
export function judgeFor(wanted: WantedMachine): Judge | undefined {
  const name = machineFor(wanted);
  return name === undefined ? undefined : MACHINES[name];
}
