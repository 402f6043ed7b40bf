import { gatherFacts } from './facts.js';
import { judge } from './judge.js';
import type { VolumeProblem } from './problem.js';
import type { DatabaseFacts, VolumeFacts } from './volumefacts.js';

export interface DiagnoseOptions {
  /** What a check found out about the database, to be held against this machine. */
  readonly database?: DatabaseFacts | undefined;
}

/** What is wrong with the place of a database. */
export interface VolumeDiagnosis {
  /** As it was given. */
  readonly path: string;
  /** The worst first; empty where nothing is wrong. */
  readonly problems: readonly VolumeProblem[];
  readonly facts: VolumeFacts;
}

/**
 * Says what is wrong with the place of a database: the path, the mount, permissions, room, who holds it, and whether
 * it came from another machine. Writes nothing, takes no lock, and does not throw for what it cannot see.
 */
export async function diagnoseVolume(path: string, options: DiagnoseOptions = {}): Promise<VolumeDiagnosis> {
  const facts = await gatherFacts(path, options.database);
  return { path, problems: judge(facts), facts };
}
