/** How a report was made, so that it can be made again and compared. */
export interface Statement {
  readonly tool: 'gdbm-doctor';
  readonly version: string;
  /** The command line, as it was given. */
  readonly options: readonly string[];
  /** ISO 8601, UTC. */
  readonly time: string;
  /** Only where hashes were asked for. */
  readonly evidence?: readonly Evidence[];
}

/** SHA-256 of a file, in hex, before it was read and after. */
export interface Evidence {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}
