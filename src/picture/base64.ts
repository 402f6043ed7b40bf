/** Characters that are made at once: more arguments than that overflow the stack. */
const AT_ONCE = 8190;

/** Base64 of bytes, without Node. */
export function base64(bytes: Uint8Array): string {
  let text = '';
  // A multiple of three, so that the pieces join.
  for (let i = 0; i < bytes.length; i += AT_ONCE)
    text += btoa(String.fromCharCode(...bytes.subarray(i, i + AT_ONCE)));
  return text;
}
