import type { Transform } from '../../src/source/transforms.js';

/** The bytes of a file as a program changes all of them: the opposite of {@link Transform.undo}. */
export function changed(name: Transform['name'], bytes: Uint8Array): Buffer {
  switch (name) {
    case 'swap16':
      return reversedGroups(bytes, 2);
    case 'swap32':
      return reversedGroups(bytes, 4);
    case 'halves32':
      return reversedGroups(reversedGroups(bytes, 4), 2, 4);
    case 'crlf':
      return Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
    case 'utf8':
      return Buffer.from(Buffer.from(bytes).toString('latin1'), 'utf8');
  }
}

/** @param unit bytes of the groups that stay whole at the end of the file */
function reversedGroups(bytes: Uint8Array, group: number, unit = group): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = 0; i + group <= copy.length - (copy.length % unit); i += group)
    copy.subarray(i, i + group).reverse();
  return copy;
}
