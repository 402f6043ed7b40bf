import type { Stats } from 'node:fs';
import { readFile } from 'node:fs/promises';
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

/** Returns the number of a user or group; undefined if there is none of this name. */
export async function idOf(table: 'passwd' | 'group', name: string): Promise<number | undefined> {
  const entry = (await entries(table)).find((one) => one[0] === name);
  return entry === undefined ? undefined : Number(entry[2]);
}

/** Owner and mode of a file as a dump's header has them. */
export async function ownerOf({ uid, gid, mode }: Stats): Promise<object> {
  const user = await nameOf('passwd', uid);
  return { uid, user, gid, group: await nameOf('group', gid), mode: mode & 0o777 };
}

async function nameOf(table: 'passwd' | 'group', id: number): Promise<string | undefined> {
  return (await entries(table)).find((entry) => entry[2] === String(id))?.[0];
}

/** The lines of /etc/passwd or /etc/group: a name, a password, a number and more. */
async function entries(table: 'passwd' | 'group'): Promise<string[][]> {
  const text = await readFile(`/etc/${table}`, 'utf8').catch(() => '');
  return text.split('\n').map((line) => line.split(':'));
}
