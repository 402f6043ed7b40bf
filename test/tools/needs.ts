import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import test from 'node:test';

/** Tools that tests need beside Node: how to find each, and how to get it. */
const TOOLS = {
  libgdbm: { found: () => python('import ctypes; ctypes.CDLL("libgdbm.so.6")'), get: 'python3 and libgdbm6' },
  python: { found: () => python('import dbm.gnu'), get: 'python3-gdbm' },
  gdbmtool: { found: () => runs('gdbmtool', '--version'), get: 'gdbmtool' },
  flock: { found: () => runs('flock', '--version') || runs('busybox', 'flock', '--help'), get: 'util-linux' },
  bash: { found: () => runs('bash', '--version'), get: 'bash' },
  zsh: { found: () => runs('zsh', '--version'), get: 'zsh' },
  fish: { found: () => runs('fish', '--version'), get: 'fish' },
  mandb: { found: () => runs('mandb', '--version'), get: 'man-db' },
  mounts: { found: () => runs('unshare', '-m', 'true'), get: 'util-linux, and to be root' },
  script: { found: () => runs('script', '--version'), get: 'bsdutils' },
  strace: { found: () => runs('strace', '-qq', '-o', '/dev/null', 'true'), get: 'strace' },
  mkfifo: {
    found: () => runs('mkfifo', '--version') || runs('busybox', 'mkfifo', '--help'),
    get: 'coreutils',
  },
  acl: { found: () => runs('setfacl', '--version') && runs('getfacl', '--version'), get: 'acl' },
  chown: { found: () => runs('chown', '--version') || runs('busybox', 'chown', '--help'), get: 'coreutils' },
  flower: {
    found: () =>
      runs('redis-server', '--version') && existsSync(`${process.env['GDBM_DOCTOR_FLOWER']}/bin/celery`),
    get: 'redis-server, and Flower with celery and redis in a virtual environment named in GDBM_DOCTOR_FLOWER',
  },
  machines: {
    found: () => process.env['GDBM_DOCTOR_MACHINES'] !== undefined,
    get: 'the other machines with fixtures/machines.sh, and name their folder in GDBM_DOCTOR_MACHINES',
  },
  oldnode: {
    found: () => process.env['GDBM_DOCTOR_OLD_NODE'] !== undefined,
    get: 'Node 18, and name its program in GDBM_DOCTOR_OLD_NODE',
  },
  nodes: {
    found: () => process.env['GDBM_DOCTOR_NODES'] !== undefined,
    get: 'Node 20.19 and 22.12, and name their programs in GDBM_DOCTOR_NODES, with a colon between',
  },
  sqlite: {
    found: () => SQLITE_NODE !== undefined,
    get: 'Node 22.13 or later, and name its program in GDBM_DOCTOR_SQLITE_NODE',
  },
  gzip: { found: () => runs('gzip', '--version'), get: 'gzip' },
  base64: { found: () => runs('base64', '--version'), get: 'coreutils' },
  dbdump: { found: () => runs('db_dump', '-V'), get: 'db-util' },
  bzip2: { found: () => runs('bzip2', '--help'), get: 'bzip2' },
  xz: { found: () => runs('xz', '--version'), get: 'xz-utils' },
  zstd: { found: () => runs('zstd', '--version'), get: 'zstd' },
  lz4: { found: () => runs('lz4', '--version'), get: 'lz4' },
  xxd: { found: () => runs('xxd', '-v'), get: 'xxd' },
  openssl: { found: () => runs('openssl', 'version'), get: 'openssl' },
  gpg: { found: () => runs('gpg', '--version'), get: 'gnupg' },
  perl: { found: () => runs('perl', '-v'), get: 'perl' },
  cc: { found: () => runs('cc', '--version'), get: 'gcc' },
  chromium: { found: () => runs('chromium', '--version'), get: 'chromium' },
  shellcheck: { found: () => runs('shellcheck', '--version'), get: 'shellcheck' },
  root: { found: () => process.getuid?.() === 0, get: 'to be root' },
} as const satisfies Record<string, { found: () => boolean; get: string }>;
export type Tool = keyof typeof TOOLS;

/** Set by the landing's judge, which installs every tool: there a skip is a failure. */
const required = process.env['GDBM_DOCTOR_REQUIRE_TOOLS'] === '1';

/** A test that needs a tool. Where it is missing the test is skipped, and the run's summary says why. */
export function testWith(
  tools: Tool | readonly Tool[],
  name: string,
  run: (t: TestContext) => void | Promise<void>,
): void {
  const missing = [tools].flat().filter((tool) => !isThere(tool));
  if (missing.length === 0) {
    test(name, run);
    return;
  }
  const why = `needs ${missing.map((tool) => `${tool} (install ${TOOLS[tool].get})`).join(', ')}`;
  if (required) {
    test(name, () => {
      throw new Error(`${why}, and GDBM_DOCTOR_REQUIRE_TOOLS is set`);
    });
  } else test(name, { skip: why }, run);
}

/** Debian's own Python, to which python3-gdbm belongs, before another one on the path; or the one that is told. */
export const PYTHON =
  process.env['GDBM_DOCTOR_PYTHON'] ?? (existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3');

/** A Node that brings SQLite: this one, or the one that is told. */
export const SQLITE_NODE =
  process.getBuiltinModule('node:sqlite' as 'node:fs') === undefined
    ? process.env['GDBM_DOCTOR_SQLITE_NODE']
    : process.execPath;

const known = new Map<Tool, boolean>();

function isThere(tool: Tool): boolean {
  const found = known.get(tool) ?? TOOLS[tool].found();
  known.set(tool, found);
  return found;
}

function python(code: string): boolean {
  return runs(PYTHON, '-c', code);
}

function runs(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}
