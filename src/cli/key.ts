import { RefusedError } from '../store/errors.js';
import type { KeyEncoding } from './grammar/keyencoding.js';

/**
 * The bytes of a key. Node leaves out what it cannot decode; a key with a slip in it must not become another key.
 *
 * @throws RefusedError
 */
export function decodeKey(text: string, encoding: KeyEncoding): Uint8Array {
  const bytes = Buffer.from(text, encoding);
  const again = bytes.toString(encoding);
  const same =
    encoding === 'base64'
      ? again.replace(/=+$/, '') === text.replace(/=+$/, '')
      : again === text.toLowerCase();
  if (encoding !== 'utf8' && !same) {
    throw new RefusedError('io', `expected a key in ${encoding}, found "${text}".`);
  }
  return new Uint8Array(bytes);
}
