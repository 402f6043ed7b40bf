import type { HashChar } from '../format/hash.js';
import type { ByteOrder, Layout } from '../format/layout.js';
import { LAYOUT_64, LAYOUT_64_PACKED } from '../format/layout.js';
import type { MachineName } from './names.js';

/** What a kind of machine does to a GDBM file. */
export interface MachineFacts {
  readonly byteOrder: ByteOrder;
  /** As Debian builds libgdbm: with large files everywhere. */
  readonly layout: Layout;
  /** Whether C's `char` has a sign there, by which keys with bytes of 0x80 and more are hashed. */
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
 * Kinds of machine by Debian's names. `char` is unsigned in the ABIs of ARM, POWER, RISC-V and s390x under Linux, signed in those
 * of x86, MIPS, SPARC and LoongArch, and on every machine of Apple's. 64-bit integers are aligned to 4 bytes only on 32-bit x86. Measured with the
 * libgdbm of amd64, i386, arm64, armhf and s390x; the others follow from their ABIs.
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
} as const satisfies Record<MachineName, MachineFacts>;

/**
 * The kind of machine that Node calls so; undefined if it is none of these.
 *
 * @param arch Node's `os.arch()`
 * @param system Node's `os.platform()`
 * @param endian Node's `os.endianness()`, which tells the two kinds of POWER and MIPS apart
 */
export function machineNamed(arch: string, system: string, endian: 'LE' | 'BE'): MachineName | undefined {
  // Microsoft's compilers give char a sign, too.
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
