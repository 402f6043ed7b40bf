/** A whole number in groups of three, by hand: the engine's own tables of languages take 2 ms to load at every start. */
export function number(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
