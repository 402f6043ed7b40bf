/** How a key is written on the command line. */
export const KEY_ENCODINGS = ['utf8', 'hex', 'base64'] as const;
export type KeyEncoding = (typeof KEY_ENCODINGS)[number];
