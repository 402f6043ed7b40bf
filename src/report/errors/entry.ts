/** An entry of the index of error messages. Commands have FILE in the place of the database's name. */
export interface ErrorEntry {
  /** The messages word for word, the most usual first; `…` stands for a part that changes, such as a path. */
  readonly messages: readonly string[];
  /** The programs and versions that print them. */
  readonly from: string;
  readonly meaning: string;
  readonly cause: string;
  /** Shell commands, in the order in which they are tried; none where the program must be changed. */
  readonly commands: readonly string[];
  readonly expect: string;
  /** True for a message that comes with many causes: it is explained only where the text has no other one. */
  readonly isGeneral?: true;
}

export const DOCTOR = 'gdbm-doctor doctor FILE';
export const CHECK = 'gdbm-doctor check FILE';
export const REPAIR = 'gdbm-doctor repair FILE';
export const RESTORE = 'gdbm-doctor restore FILE';
