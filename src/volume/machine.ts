import { arch, endianness, platform } from 'node:os';
import type { MachineFacts } from './volumefacts.js';

/** Machines whose C compilers give `char` no sign under Linux, by Node's names: their psABI documents say so. */
const UNSIGNED_CHAR = ['arm', 'arm64', 'ppc', 'ppc64', 's390', 's390x', 'riscv64'];
const SIGNED_CHAR = ['x64', 'ia32', 'mips', 'mipsel', 'mips64', 'mips64el', 'loong64'];

/**
 * How a libgdbm that was built for a machine writes. Debian's has 64-bit offsets on every machine; i386 alone aligns
 * them to 4 bytes.
 *
 * @param machine Node's `os.arch()`
 * @param system Node's `os.platform()`
 */
export function machineFacts(
  machine: string = arch(),
  system: string = platform(),
  endian: 'LE' | 'BE' = endianness(),
): MachineFacts {
  const known = UNSIGNED_CHAR.includes(machine) || SIGNED_CHAR.includes(machine);
  // Apple and Microsoft give char a sign on every machine.
  const unsigned = UNSIGNED_CHAR.includes(machine) && system !== 'darwin' && system !== 'win32';
  return {
    arch: machine,
    byteOrder: endian === 'LE' ? 'little' : 'big',
    hashChar: known ? (unsigned ? 'unsigned' : 'signed') : undefined,
    alignment: known ? (machine === 'ia32' ? 4 : 8) : undefined,
  };
}
