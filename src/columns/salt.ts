/** Another one in each process, so that no file can be made whose numbers all want one place of a table. */
export const SALT = (Math.random() * 2 ** 32) | 0;

/** Mixes a whole number from 0 on, so that numbers which differ anywhere, also above 32 bits, differ in the lowest bits. */
export function salted(number: number): number {
  let mixed = Math.imul(number ^ SALT ^ Math.imul(Math.floor(number / 2 ** 32), 0x85ebca6b), 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35);
  return mixed ^ (mixed >>> 13);
}
