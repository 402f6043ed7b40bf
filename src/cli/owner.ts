import type { Stats } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** A name for a number of /etc/passwd or /etc/group; undefined where there is none. */
async function nameOf(table: 'passwd' | 'group', id: number): Promise<string | undefined> {
  return (await entries(table)).find((entry) => entry[2] === String(id))?.[0];
}

/** The number that belongs to a name. */
export async function idOf(table: 'passwd' | 'group', name: string): Promise<number | undefined> {
  const entry = (await entries(table)).find((one) => one[0] === name);
  return entry === undefined ? undefined : Number(entry[2]);
}

async function entries(table: 'passwd' | 'group'): Promise<string[][]> {
  const text = await readFile(`/etc/${table}`, 'utf8').catch(() => '');
  return text.split('\n').map((line) => line.split(':'));
}

/** Owner and mode of a file as a dump's head has them. */
export async function ownerOf({ uid, gid, mode }: Stats): Promise<object> {
  return {
    uid,
    user: await nameOf('passwd', uid),
    gid,
    group: await nameOf('group', gid),
    mode: mode & 0o777,
  };
}
