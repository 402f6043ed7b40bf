import type { Judge } from '../check/libgdbm.js';
import type { MachineName } from '../format/machines.js';
import { MACHINES } from '../format/machines.js';
import { thisMachine } from '../service/machine.js';

/** The machine that is to use a database: this one, another one, or whichever it was made for. */
export type WantedMachine = MachineName | 'any' | undefined;

/** The name of the wanted machine; undefined where any will do, or this one is none that is known. */
export function machineFor(wanted: WantedMachine): MachineName | undefined {
  return wanted === 'any' ? undefined : (wanted ?? thisMachine());
}

/** The facts of the wanted machine, in the same way. */
export function judgeFor(wanted: WantedMachine): Judge | undefined {
  const name = machineFor(wanted);
  return name === undefined ? undefined : MACHINES[name];
}
