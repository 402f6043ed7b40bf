/**
 * Finds three consecutive zero bytes. They are rare in most data, so mostly one byte in three is read.
 *
 * @param from the first place looked at
 * @param to the place after the last; three bytes from each place must be inside `bytes`
 * @returns `to` if there is none
 */
export function nextThreeZeros(bytes: Uint8Array, from: number, to: number): number {
  const end = to + 2;
  for (let at = from + 2; at < end;) {
    if (bytes[at] !== 0) at += 3;
    else if (bytes[at - 1] !== 0) at += 2;
    else if (bytes[at - 2] !== 0) at += 1;
    else return at - 2;
  }
  return to;
}

/** Finds two consecutive zero bytes; parameters as for {@link nextThreeZeros}. */
export function nextTwoZeros(bytes: Uint8Array, from: number, to: number): number {
  const end = to + 1;
  for (let at = from + 1; at < end;) {
    if (bytes[at] !== 0) at += 2;
    else if (bytes[at - 1] !== 0) at += 1;
    else return at - 1;
  }
  return to;
}

/** Index after the zero bytes that begin at `from`. */
export function endOfZeros(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] === 0) at++;
  return at;
}

/** Number of zero bytes in a 32-bit number. */
export function zeroBytes(number: number): number {
  let zeros = 0;
  for (let shift = 0; shift < 32; shift += 8) if ((number & (0xff << shift)) === 0) zeros++;
  return zeros;
}
