/** Another one in each process, so that no file can be made whose numbers all want one place of a table. */
export const SALT = (Math.random() * 2 ** 32) | 0;
