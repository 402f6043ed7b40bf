import type { HashChar } from '../format/hash.js';
import type { ByteOrder, Layout } from '../format/layout.js';
import { LAYOUT_64, LAYOUT_64_PACKED } from '../format/layout.js';
import type { LengthForm } from './binaryreader.js';
import type { MachineName } from './machinenames.js';

/** What a kind of machine does to a GDBM file. */
export interface MachineFacts {
  readonly byteOrder: ByteOrder;
  /** As Debian builds libgdbm: with large files everywhere. */
  readonly layout: Layout;
  /** What the ABI's `char` is. */
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
 * Kinds of machine by Debian's names. `char` is unsigned in the ABIs of ARM, POWER, RISC-V and s390x, signed in those of
 * x86, MIPS, SPARC, Alpha and LoongArch. 64-bit integers are aligned to 4 bytes only on 32-bit x86. Measured with the
 * libgdbm of amd64, i386, arm64, armhf and s390x; the others follow from their ABIs.
 */
export const MACHINES = {
  amd64: facts('little', 64, 'signed'),
  arm64: facts('little', 64, 'unsigned'),
  armhf: facts('little', 32, 'unsigned'),
  armel: facts('little', 32, 'unsigned'),
  i386: facts('little', 32, 'signed', LAYOUT_64_PACKED),
  loong64: facts('little', 64, 'signed'),
  mips64el: facts('little', 64, 'signed'),
  ppc64: facts('big', 64, 'unsigned'),
  ppc64le: facts('little', 64, 'unsigned'),
  riscv64: facts('little', 64, 'unsigned'),
  s390x: facts('big', 64, 'unsigned'),
  sparc64: facts('big', 64, 'signed'),
} as const satisfies Record<MachineName, MachineFacts>;

/** How a binary dump of this machine writes a length. */
export function lengthFormOf(machine: MachineName): LengthForm {
  const { longBits, byteOrder } = MACHINES[machine];
  if (longBits === 32) return 'long32';
  return byteOrder === 'little' ? 'le64' : 'be64';
}

/** The kind of machine that Node calls so. */
export function thisMachine(arch: string): MachineName {
  const names: Readonly<Record<string, MachineName>> = {
    arm: 'armhf',
    arm64: 'arm64',
    ia32: 'i386',
    loong64: 'loong64',
    mips64el: 'mips64el',
    ppc64: 'ppc64le',
    riscv64: 'riscv64',
    s390x: 's390x',
  };
  return names[arch] ?? 'amd64';
}
