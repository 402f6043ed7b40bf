import type { HashChar } from './hash.js';
import type { ByteOrder, Layout } from './format.js';
import { LAYOUT_64, LAYOUT_64_PACKED } from './format.js';

/** Properties of a kind of machine that show in the GDBM files it writes. */
export interface MachineFacts {
  readonly byteOrder: ByteOrder;
  /** Debian builds libgdbm with large files everywhere. */
  readonly layout: Layout;
  /** Signedness of C's `char`, which decides the hash of keys with bytes of 0x80 and more. */
  readonly hashChar: HashChar;
  /** Bits of `unsigned long`. */
  readonly longBits: 32 | 64;
}

function facts(
  byteOrder: ByteOrder,
  longBits: 32 | 64,
  hashChar: HashChar,
  layout = LAYOUT_64,
): MachineFacts {
  return { byteOrder, longBits, hashChar, layout };
}

/**
 * Kinds of machine by Debian's names. `char` is unsigned in the Linux ABIs of ARM, POWER, RISC-V and s390x, and signed in
 * those of x86, MIPS, SPARC and LoongArch and on every Apple machine. 64-bit integers are aligned to 4 bytes only on 32-bit
 * x86. Measured with the libgdbm of amd64, i386, arm64, armhf and s390x; the others follow from their ABIs.
 */
export const MACHINES = {
  amd64: facts('little', 64, 'signed'),
  arm64: facts('little', 64, 'unsigned'),
  armhf: facts('little', 32, 'unsigned'),
  armel: facts('little', 32, 'unsigned'),
  i386: facts('little', 32, 'signed', LAYOUT_64_PACKED),
  loong64: facts('little', 64, 'signed'),
  'macos-arm64': facts('little', 64, 'signed'),
  mips: facts('big', 32, 'signed'),
  mips64el: facts('little', 64, 'signed'),
  mipsel: facts('little', 32, 'signed'),
  ppc64: facts('big', 64, 'unsigned'),
  ppc64le: facts('little', 64, 'unsigned'),
  riscv64: facts('little', 64, 'unsigned'),
  s390x: facts('big', 64, 'unsigned'),
  sparc64: facts('big', 64, 'signed'),
} as const satisfies Record<string, MachineFacts>;
/** Kind of machine, by Debian's name. */
export type MachineName = keyof typeof MACHINES;
export const MACHINE_NAMES = Object.keys(MACHINES) as MachineName[];

/**
 * The kind of machine for Node's names; undefined if it is none of {@link MACHINES}.
 *
 * @param arch Node's `os.arch()`
 * @param system Node's `os.platform()`
 * @param endian Node's `os.endianness()`, which distinguishes the two kinds of POWER
 */
export function machineNamed(arch: string, system: string, endian: 'LE' | 'BE'): MachineName | undefined {
  // Microsoft's compilers have a signed char, too.
  if (arch === 'arm64' && (system === 'darwin' || system === 'win32')) return 'macos-arm64';
  const names: Readonly<Record<string, MachineName>> = {
    arm: 'armhf',
    arm64: 'arm64',
    ia32: 'i386',
    loong64: 'loong64',
    mips: 'mips',
    mipsel: 'mipsel',
    mips64el: 'mips64el',
    ppc64: endian === 'LE' ? 'ppc64le' : 'ppc64',
    riscv64: 'riscv64',
    s390x: 's390x',
    x64: 'amd64',
  };
  return names[arch];
}
