import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { access, lstat, readFile, readlink, realpath, stat, statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { identifySource } from '../database/identify.js';
import { whichDbm } from '../dbm/which.js';
import { shellWord } from '../report/escape.js';
import { magicMeaning } from '../format/format.js';
import { swap32 } from '../format/bytes.js';
import { openFileSource } from '../source/file.js';
import type { Source } from '../source/source.js';
import { readUpTo } from '../source/source.js';
import type {
  Access,
  ContainerFacts,
  ContentFacts,
  Holder,
  MountFacts,
  PlaceFacts,
  SpaceFacts,
  VolumeFacts,
} from './facts.js';
import { nameOfNumber, probeMapping } from './mountrules.js';
import { machineFacts } from './machine.js';
import type { Mount } from './procfs.js';
import { findHolders, mountOf, parseMountinfo } from './procfs.js';

/** Suffixes of the files of Python's and Perl's other kinds of database. */
const OTHER_SUFFIXES = ['.dir', '.dat', '.pag', '.db'];
/** Number of symbolic links that Linux follows. */
const MAX_LINKS = 40;

/**
 * Gathers the facts about the place of a file. Takes no lock, writes nothing, opens the file for reading only and never
 * throws: a fact that cannot be found out is named in `unseen`.
 */
export async function gatherFacts(
  path: string,
  { database, betterCopy }: Pick<VolumeFacts, 'database' | 'betterCopy'>,
): Promise<VolumeFacts> {
  const unseen: string[] = [];
  const { stats, ...followed } = await follow(path, unseen);
  const { realPath } = followed;
  const folderPath = dirname(realPath);
  const folderStats = await statOf(folderPath);
  const ancestor = await nearestFolder(folderPath);
  const isFile = stats?.isFile() === true;
  const nearest = stats === undefined ? (ancestor ?? '/') : realPath;
  const mount = await mountFacts(nearest, unseen);
  const siblings = await siblingsOf(realPath);
  return {
    path,
    ...followed,
    file: stats && (await placeFacts(realPath, stats)),
    folder: folderStats && (await placeFacts(folderPath, folderStats)),
    folderPath,
    ancestor,
    siblings,
    gdbmSibling: await gdbmOf(siblings),
    berkeleySibling: await berkeleyOf(realPath),
    user: process.getuid && process.getgid && { uid: process.getuid(), gid: process.getgid() },
    mount,
    mapping: isFile ? await probeMapping(realPath, mount?.fsType) : undefined,
    hasLockProgram: await hasLockProgram(),
    space: await spaceFacts(nearest, unseen),
    container: await containerFacts(),
    contents: isFile ? await contentsOf(realPath, unseen) : undefined,
    holders: isFile ? await holdersOf(stats, mount?.line, unseen) : undefined,
    machine: machineFacts(),
    database,
    betterCopy,
    unseen,
  };
}

type Followed = Pick<VolumeFacts, 'realPath' | 'state' | 'barrier' | 'trouble'> & {
  stats: BigIntStats | undefined;
};

/** Follows a path as far as it leads. */
async function follow(path: string, unseen: string[]): Promise<Followed> {
  const absolute = resolve(path);
  const nothing = { stats: undefined, barrier: undefined, trouble: undefined };
  try {
    const realPath = await realpath(absolute);
    const stats = await stat(realPath, { bigint: true });
    return { ...nothing, realPath, state: 'present', stats };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') {
      return { ...nothing, realPath: absolute, state: 'unreachable', barrier: await barrierOf(absolute) };
    }
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      const target = await followLinks(absolute);
      const realPath = target ?? (await withRealFolder(absolute));
      return { ...nothing, realPath, state: target === undefined ? 'missing' : 'dangling-link' };
    }
    if (code === 'ELOOP') return { ...nothing, realPath: absolute, state: 'dangling-link' };
    unseen.push(`The file could not be seen: ${message}.`);
    return { ...nothing, realPath: absolute, state: 'unseen', trouble: message };
  }
}

/** The missing target of a symbolic link; undefined if the path is no link. */
async function followLinks(path: string): Promise<string | undefined> {
  let at = path;
  for (let n = 0; n < MAX_LINKS; n++) {
    const target = await readlink(at).catch(() => undefined);
    if (target === undefined) break;
    at = resolve(dirname(at), target);
  }
  return at === path ? undefined : at;
}

async function withRealFolder(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => undefined);
  return folder === undefined ? path : join(folder, basename(path));
}

/** The highest folder above a path that may not be searched. */
async function barrierOf(path: string): Promise<string | undefined> {
  const above: string[] = [];
  for (let at = dirname(path); ; at = dirname(at)) {
    above.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const folder of above) {
    // The permissions of a link's target count, not those of the link.
    const real = await realpath(folder).catch(() => folder);
    if ((await ask(real, constants.X_OK)) !== 'allowed') return real;
  }
  return undefined;
}

async function nearestFolder(path: string): Promise<string | undefined> {
  for (let at = path; ; at = dirname(at)) {
    if ((await statOf(at))?.isDirectory()) return realpath(at).catch(() => at);
    if (at === dirname(at)) return undefined;
  }
}

function statOf(path: string): Promise<BigIntStats | undefined> {
  return stat(path, { bigint: true }).catch(() => undefined);
}

/**
 * Describes a file or folder. access(2) takes groups, capabilities and a server's own decision into account, and opens
 * nothing.
 */
async function placeFacts(path: string, stats: BigIntStats): Promise<PlaceFacts> {
  const isFolder = stats.isDirectory();
  const { R_OK, W_OK, X_OK } = constants;
  return {
    kind: isFolder ? 'directory' : stats.isFile() ? 'file' : 'other',
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mode: Number(stats.mode & 0o7777n),
    size: Number(stats.size),
    read: await ask(path, R_OK),
    write: await ask(path, isFolder ? W_OK | X_OK : W_OK),
  };
}

async function ask(path: string, mode: number): Promise<Access> {
  try {
    await access(path, mode);
    return 'allowed';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO';
  }
}

async function siblingsOf(path: string): Promise<string[]> {
  const stems = [path, path.replace(/\.(dir|dat|pag)$/, '')];
  const names = new Set(stems.flatMap((stem) => OTHER_SUFFIXES.map((suffix) => stem + suffix)));
  const found: string[] = [];
  for (const name of names) {
    if ((await lstat(name).catch(() => undefined))?.isFile()) found.push(name);
  }
  return found;
}

/** The first GDBM file; NAME.pag before its hard link NAME.dir. */
async function gdbmOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of [...paths].sort().reverse()) {
    if ((await contentsOf(path, []))?.hasMagic === true) return path;
  }
  return undefined;
}

/** NAME.db, if a program that opens NAME with dbm.ndbm gets a Berkeley DB file. */
async function berkeleyOf(path: string): Promise<string | undefined> {
  const { kind, files } = await whichDbm(path).catch(() => ({ kind: 'none' as const, files: [] }));
  return kind === 'berkeley-db' && files[0] !== path ? files[0] : undefined;
}

/** Programs that take a lock; busybox has flock as an applet. */
const LOCK_PROGRAMS = ['flock', 'busybox'];

async function hasLockProgram(): Promise<boolean> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of LOCK_PROGRAMS) {
      if ((await ask(join(folder, name), constants.X_OK)) === 'allowed') return true;
    }
  }
  return false;
}

async function mountFacts(path: string, unseen: string[]): Promise<MountFacts | undefined> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => undefined);
  const line = text === undefined ? undefined : mountOf(parseMountinfo(text), path);
  if (line !== undefined) {
    const isFile = line.mountPoint === path && path !== '/' && (await statOf(path))?.isFile() === true;
    return { line, fsType: line.fsType, isFile };
  }
  unseen.push('The mount could not be seen: /proc/self/mountinfo could not be read, or has no line for it.');
  // The numbers of file systems are those of Linux.
  if (process.platform !== 'linux') return undefined;
  const type = await statfs(path).then(
    (seen) => nameOfNumber(seen.type),
    () => undefined,
  );
  return { line: undefined, fsType: type, isFile: undefined };
}

async function spaceFacts(path: string, unseen: string[]): Promise<SpaceFacts | undefined> {
  try {
    const { bsize, bavail, blocks, ffree, files } = await statfs(path);
    return {
      freeBytes: bsize * bavail,
      totalBytes: bsize * blocks,
      freeInodes: ffree,
      totalInodes: files,
    };
  } catch (error) {
    unseen.push(`The room on the volume could not be seen: ${(error as Error).message}.`);
    return undefined;
  }
}

/** Looks for the files that Docker and Podman make, and the variables that Kubernetes and others set. */
async function containerFacts(): Promise<ContainerFacts | undefined> {
  const { KUBERNETES_SERVICE_HOST, container } = process.env;
  const name = shellWord(hostname());
  if (KUBERNETES_SERVICE_HOST !== undefined) return { runtime: 'kubernetes', name };
  if (container === 'podman' || (await statOf('/run/.containerenv')) !== undefined)
    return { runtime: 'podman', name };
  if (container === undefined && (await statOf('/.dockerenv')) === undefined) return undefined;
  // The host's name may be another one than the container's; Docker mounts files from a folder with its number.
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const [, id] = /\/containers\/([0-9a-f]{12})[0-9a-f]{52}\//.exec(mounts) ?? [];
  return { runtime: 'docker', name: id ?? name };
}

async function contentsOf(path: string, unseen: string[]): Promise<ContentFacts | undefined> {
  try {
    const source = await openFileSource(path);
    try {
      const head = await readUpTo(source, 0, 4096);
      return {
        size: source.size,
        hasMagic: hasMagic(head),
        other: await identifySource(source, path),
        zeroTail: await countZeroTail(source),
      };
    } finally {
      await source.close();
    }
  } catch (error) {
    unseen.push(`The file's bytes could not be seen: ${(error as Error).message}.`);
    return undefined;
  }
}

function hasMagic(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  const magic = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  return magicMeaning(magic) !== undefined || magicMeaning(swap32(magic)) !== undefined;
}

/** Bytes at the end that are searched for zeros, at most: enough to recognise a broken copy, and quickly read. */
const MAX_TAIL = 1 << 24;
const PIECE = 1 << 16;

async function countZeroTail(source: Source): Promise<number> {
  let zeroes = 0;
  for (let end = source.size; end > 0 && zeroes < MAX_TAIL;) {
    const start = Math.max(0, end - PIECE);
    const bytes = await source.read(start, end - start);
    const last = bytes.findLastIndex((byte) => byte !== 0);
    zeroes += bytes.length - 1 - last;
    if (last >= 0) break;
    end = start;
  }
  return zeroes;
}

async function holdersOf(
  stats: BigIntStats,
  mount: Mount | undefined,
  unseen: string[],
): Promise<Holder[] | undefined> {
  const { holders, hidden } = await findHolders(stats, mount === undefined ? [] : [mount.device]);
  if (holders === undefined) unseen.push('Who holds the file could not be seen: there is no /proc.');
  else if (hidden > 0) {
    unseen.push(`Whether ${hidden} processes of other users have the file open could not be seen.`);
  }
  return holders;
}
