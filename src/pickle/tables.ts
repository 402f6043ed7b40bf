import { kindNumber } from './kinds.js';
import type { Argument } from './opcodes.js';
import { OPCODES } from './opcodes.js';

// The opcodes again, as arrays by their byte: a walk asks them of each opcode.

/** How an argument is read, by opcode byte: UNKNOWN, FIXED, or as named. */
export const UNKNOWN = 0;
const FIXED = 1;
export const BYTES = 2;
export const TEXT = 3;
export const DECIMAL = 4;
export const REAL = 5;
export const NAMES = 6;
export const FORM = new Uint8Array(256);
/** Bytes of the number, or of the length, directly after the opcode. */
export const WIDTH = new Uint8Array(256);
/** The protocol that brought it. */
export const SINCE = new Uint8Array(256);
/** The kind that an opcode makes of `TAKES` things without looking at them; 0, `nothing`, for the others. */
export const MAKES = new Uint8Array(256);
export const TAKES = new Uint8Array(256);
for (const { code, argument, since, makes } of OPCODES) {
  [FORM[code], WIDTH[code]] = formOf(argument);
  SINCE[code] = since;
  if (makes !== undefined) {
    MAKES[code] = kindNumber(makes.kind);
    TAKES[code] = makes.from;
  }
}

function formOf(argument: Argument): [form: number, width: number] {
  if (typeof argument === 'number') return [FIXED, argument];
  if (argument === 'decimal') return [DECIMAL, 0];
  if (argument === 'real') return [REAL, 0];
  if (argument === 'names') return [NAMES, 0];
  return [argument.startsWith('text') ? TEXT : BYTES, Number(argument.at(-1))];
}
