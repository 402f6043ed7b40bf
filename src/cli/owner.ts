import type { Stats } from 'node:fs';
import { readFile } from 'node:fs/promises';

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
