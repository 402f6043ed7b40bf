import { arch, endianness, platform } from 'node:os';
import type { MachineName } from '../format/machines.js';
import { machineNamed, MACHINES } from '../format/machines.js';
import type { MachineFacts } from './facts.js';

/** The kind of machine of this process; undefined if it is unknown. */
export function thisMachine(): MachineName | undefined {
  return machineNamed(arch(), platform(), endianness());
}

/**
 * The format that a machine's libgdbm writes.
 *
 * @param machine Node's `os.arch()`
 * @param system Node's `os.platform()`
 */
export function machineFacts(
  machine: string = arch(),
  system: string = platform(),
  endian: 'LE' | 'BE' = endianness(),
): MachineFacts {
  const name = machineNamed(machine, system, endian);
  const { hashChar, layout } = name === undefined ? {} : MACHINES[name];
  return {
    arch: machine,
    name,
    byteOrder: endian === 'LE' ? 'little' : 'big',
    hashChar,
    alignment: layout?.alignment,
  };
}
