/**
 * Why a file is worse than the newest good snapshot, so that it must not push the good ones out; undefined where it
 * is not. A program that truncates its file before it saves, as Flower does, leaves a sound and empty database.
 *
 * @param previous the newest good snapshot, if there is one
 */
export function isWorse(
  previous: { readonly records: number } | undefined,
  now: { readonly records: number },
): string | undefined {
  if (now.records > 0 || previous === undefined || previous.records === 0) return undefined;
  return `it holds no record any more; the newest good snapshot has ${previous.records}`;
}
