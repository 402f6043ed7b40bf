/** Node's own comparison is many times faster for long runs; a browser has none. */
const native = (globalThis as { Buffer?: { compare(a: Uint8Array, b: Uint8Array): number } }).Buffer;
/** Shorter runs are compared here. */
const LONG = 64;

/** Whether two runs of bytes are the same. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  if (a.length >= LONG && native !== undefined) return native.compare(a, b) === 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
