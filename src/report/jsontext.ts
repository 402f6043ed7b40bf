/**
 * JSON of what may come from a file: what it need not escape, but a terminal takes for orders, and some readers for the end of a
 * line, is escaped, too.
 *
 * @param indent spaces for each level; on one line where it is left out
 */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
