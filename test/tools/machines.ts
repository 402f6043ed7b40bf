import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ran } from './cli.js';
import { run } from './cli.js';
import { fixture } from './fixtures.js';

/** The kinds of machine whose real libgdbm can be run; `trixie` has Python 3.13 instead. */
export type Machine = 'amd64' | 'i386' | 'arm64' | 'armhf' | 's390x' | 'trixie';

/** Runs a program of a machine's real libgdbm. */
export function runOn(machine: Machine, program: string, ...args: string[]): Promise<Ran> {
  const folder = process.env['GDBM_DOCTOR_MACHINES'] ?? '';
  return run('bash', [fixture('machines.sh'), 'run', folder, machine, program, ...args]);
}

/** Every record of a file as the machine's own gdbm_dump says, each key looked up by it; in base64, sorted. */
export async function dumpOn(machine: Machine, path: string): Promise<[string, string][]> {
  const folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-dump-'));
  try {
    const dump = join(folder, 'dump');
    const { code, stderr } = await runOn(machine, 'gdbm_dump', path, dump);
    if (code !== 0) throw new Error(`gdbm_dump of ${machine}: ${stderr}`);
    const data = (await readFile(dump, 'utf8'))
      .split(/^#:len=\d+\n/m)
      .slice(1)
      .map((text) => text.replace(/^#[^]*/m, '').replaceAll('\n', ''));
    return data.flatMap((key, i): [string, string][] => (i % 2 === 0 ? [[key, data[i + 1]]] : [])).sort();
  } finally {
    await rm(folder, { recursive: true });
  }
}
