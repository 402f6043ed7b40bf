import type { HashChar } from '../format/hash.js';
import { hashKey as hashBytes } from '../format/hash.js';
import { bytesOf } from './input.js';

/**
 * The hash of a key, 31 bits, by which libgdbm finds its bucket.
 *
 * @param key bytes, or text that is encoded as UTF-8
 * @param flavour the sign of C's `char` on the machine: `signed` on x86, `unsigned` on ARM; they differ only for keys
 *   with bytes of 0x80 and more
 *
 * @example
 * ```ts
 * import { hashKey } from 'gdbm-doctor';
 *
 * console.log(hashKey('task-1')); // 1951964137
 * console.log(hashKey('ä', 'signed') === hashKey('ä', 'unsigned')); // false
 * ```
 */
export function hashKey(key: string | Uint8Array, flavour: HashChar = 'signed'): number {
  if (flavour !== 'signed' && flavour !== 'unsigned') {
    throw new RangeError(`expected as flavour "signed" or "unsigned", found ${String(flavour)}`);
  }
  return hashBytes(bytesOf(key), flavour);
}
