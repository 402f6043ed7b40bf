/** The last part of an absolute POSIX path, without Node. */
export function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
