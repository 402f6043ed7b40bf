import { RefusedError } from '../replace/errors.js';

/** How a key is written on the command line. */
export const KEY_ENCODINGS = ['utf8', 'hex', 'base64'] as const;
export type KeyEncoding = (typeof KEY_ENCODINGS)[number];

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
