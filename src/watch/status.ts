import type { Look } from './look.js';

/** What is told of one database, to Prometheus and to health checks. Times in milliseconds since 1970. */
export interface Status {
  readonly path: string;
  readonly look: Look | undefined;
  readonly lookedAt: number | undefined;
  readonly looks: number;
  readonly repairs: number;
  readonly failedRepairs: number;
  readonly restores: number;
  readonly snapshotAt: number | undefined;
}

export function newStatus(path: string): Status {
  return {
    path,
    look: undefined,
    lookedAt: undefined,
    looks: 0,
    repairs: 0,
    failedRepairs: 0,
    restores: 0,
    snapshotAt: undefined,
  };
}

/** Whether the last look saw a database that its program can use; one that is being written counts. */
export function isHealthy({ look }: Status): boolean {
  return look !== undefined && ['clean', 'changing', 'foreign'].includes(look.verdict);
}

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly value: (status: Status) => number | undefined;
}

const seconds = (time: number | undefined) => (time === undefined ? undefined : time / 1000);

const METRICS: readonly Metric[] = [
  {
    name: 'gdbm_doctor_healthy',
    type: 'gauge',
    help: '1 if the last look saw a usable database.',
    value: (status) => Number(isHealthy(status)),
  },
  {
    name: 'gdbm_doctor_last_check_timestamp_seconds',
    type: 'gauge',
    help: 'When the database was last looked at.',
    value: ({ lookedAt }) => seconds(lookedAt),
  },
  { name: 'gdbm_doctor_checks_total', type: 'counter', help: 'Looks so far.', value: ({ looks }) => looks },
  {
    name: 'gdbm_doctor_records',
    type: 'gauge',
    help: 'Records in the database at the last look.',
    value: ({ look }) => look?.records,
  },
  {
    name: 'gdbm_doctor_repairs_total',
    type: 'counter',
    help: 'Repairs that were done.',
    value: ({ repairs }) => repairs,
  },
  {
    name: 'gdbm_doctor_failed_repairs_total',
    type: 'counter',
    help: 'Repairs that could not be done.',
    value: ({ failedRepairs }) => failedRepairs,
  },
  {
    name: 'gdbm_doctor_restores_total',
    type: 'counter',
    help: 'Snapshots that were brought back.',
    value: ({ restores }) => restores,
  },
  {
    name: 'gdbm_doctor_snapshot_timestamp_seconds',
    type: 'gauge',
    help: 'When the newest snapshot was taken.',
    value: ({ snapshotAt }) => seconds(snapshotAt),
  },
];

/** Databases' states in Prometheus' text format. */
export function metricsText(statuses: readonly Status[]): string {
  const lines: string[] = [];
  for (const { name, type, help, value } of METRICS) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const status of statuses) {
      const now = value(status);
      if (now !== undefined) lines.push(`${name}{db="${escapeLabel(status.path)}"} ${now}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** `healthy` or what is wrong, a line for each database. */
export function healthText(statuses: readonly Status[]): string {
  return statuses
    .map(
      (status) =>
        `${isHealthy(status) ? 'healthy' : `unhealthy: ${status.look?.what ?? 'not looked at yet'}`}\n`,
    )
    .join('');
}
