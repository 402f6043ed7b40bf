import type { Step } from '../tools/libgdbm.js';
import type { Random } from '../tools/random.js';

export interface LifeSpec {
  /** Records that are stored at first. */
  readonly records: number;
  /** Values of 50 to 100 KB among them. */
  readonly huge?: number;
  /** Other values are below this. */
  readonly maxValue?: number;
  /** Share of the records that is left in the end, where nearly all are deleted, as those of tasks that are done. */
  readonly left?: number;
  /** Begins every key, so that two databases share none. Without it there are empty and one-byte keys too. */
  readonly tag?: string;
}

const WORDS = ['état', 'pending', 'celery', '日本', 'SUCCESS', '{"id":', 'worker@host', '\0\0\0', 'tmp'];

/**
 * The steps of a database's life: keys of 0 to 200 bytes, values of 0 bytes to 100 KB, of text, zeroes and random bytes;
 * a third replaced by longer and shorter values, a third deleted, some of those stored again, new ones added. Therefore
 * it has stale buckets, doubled directories and free space full of old records.
 */
export function lifeOf(random: Random, spec: LifeSpec): Step[] {
  const { records, huge = 0, maxValue = 8000, left, tag = '' } = spec;
  const steps: Step[] = [];
  const keys: Uint8Array[] = [];
  const insert = (n: number, value: Uint8Array) => {
    const key = keyOf(random, n, tag);
    keys.push(key);
    steps.push(['store', key, value]);
  };
  if (tag === '') {
    steps.push(['store', new Uint8Array(0), Buffer.from('the empty key')]);
    for (const byte of [0, 65, 255]) keys.push(Uint8Array.of(byte));
    steps.push(...keys.map((key): Step => ['store', key, random.bytes(random.below(50))]));
  }
  for (let n = 0; n < records; n++) {
    insert(n, valueOf(random, maxValue));
    if (huge > 0 && n % Math.ceil(records / huge) === 1)
      insert(records + n, text(random, 50_000 + random.below(50_000)));
    if (random.below(500) === 0) steps.push(['sync']);
  }
  for (let n = 0; n < records / 3; n++) steps.push(['store', random.pick(keys), valueOf(random, maxValue)]);
  const deleted = Array.from({ length: Math.floor(records / 3) }, () => {
    const key = keys.splice(random.below(keys.length), 1)[0];
    steps.push(['delete', key]);
    return key;
  });
  for (const key of deleted) {
    if (random.below(4) === 0) steps.push(['store', key, valueOf(random, maxValue)]);
  }
  for (let n = 0; n < records / 8; n++) insert(3 * records + n, valueOf(random, maxValue));
  for (let n = 0; n < records / 8; n++) steps.push(['store', random.pick(keys), valueOf(random, maxValue)]);
  if (left !== undefined) {
    for (let n = Math.floor((1 - left) * keys.length); n > 0; n--)
      steps.push(['delete', keys.splice(random.below(keys.length), 1)[0]]);
  }
  return [...steps, ['sync']];
}

/**
 * The steps of a database of an application: JSON values of 60 to 900 bytes under keys of 12 to 30, a third of them
 * replaced, a tenth deleted.
 */
export function jsonLifeOf(random: Random, { records, tag = '' }: LifeSpec): Step[] {
  const steps: Step[] = [];
  const keys: Uint8Array[] = [];
  const value = () => Buffer.from(JSON.stringify(jsonOf(random)));
  for (let n = 0; n < records; n++) {
    const key = Buffer.from(
      `${tag}${random.pick(['session', 'user', 'order', 'task-meta'])}-${n}-${hex(random, 8)}`,
    );
    keys.push(key);
    steps.push(['store', key, value()]);
  }
  for (let n = 0; n < records / 3; n++) steps.push(['store', random.pick(keys), value()]);
  for (let n = 0; n < records / 10; n++) steps.push(['delete', keys.splice(random.below(keys.length), 1)[0]]);
  return [...steps, ['sync']];
}

/** The same with mails among the values, whose lines end with CR LF. */
export function mailLifeOf(random: Random, spec: LifeSpec): Step[] {
  return jsonLifeOf(random, spec).flatMap((step) => {
    if (step[0] !== 'store' || random.below(10) > 0) return [step];
    const lines = Array.from(
      { length: 1 + random.below(5) },
      (_, n) => `X-Header-${n}: ${hex(random, 16)}\r\n`,
    );
    return [['store', step[1], Buffer.from(lines.join(''))]];
  });
}

/** The same with another database as the value of one record in the middle. */
export function nestingLifeOf(inner: Uint8Array): (random: Random, spec: LifeSpec) => Step[] {
  return (random, spec) => {
    const steps = jsonLifeOf(random, spec);
    const middle = Math.floor(steps.length / 2);
    const attachment: Step = ['store', Buffer.from('attachment-cache.db'), inner];
    return [...steps.slice(0, middle), attachment, ...steps.slice(middle)];
  };
}

/** A growing database: the steps up to each of some synced states; between them it doubles its directory and splits buckets. */
export function growingLifeOf(random: Random, { records, maxValue = 600 }: LifeSpec): Step[][] {
  const keys: Uint8Array[] = [];
  const value = () =>
    random.below(2) === 0 ? Buffer.from(JSON.stringify(jsonOf(random))) : valueOf(random, maxValue);
  const shares = [0.3, 0.15, 0.15, 0.2, 0.2];
  return shares.map((share, stage) => {
    const steps: Step[] = [];
    const old = keys.length;
    for (let n = 0; n < share * records; n++) {
      const key = Buffer.from(`${random.pick(['job', 'user', 'item'])}-${stage}-${n}-${hex(random, 4)}`);
      keys.push(key);
      steps.push(['store', key, value()]);
    }
    for (let n = 0; n < old / 5; n++) steps.push(['store', random.pick(keys), value()]);
    for (let n = 0; n < old / 20; n++) steps.push(['delete', keys.splice(random.below(keys.length), 1)[0]]);
    return [...steps, ['sync']];
  });
}

/** Every value that each key ever had, the last one in force first; `undefined` first where it was deleted. */
export function historyOf(steps: readonly Step[]): Map<string, (string | undefined)[]> {
  const history = new Map<string, (string | undefined)[]>();
  for (const [op, key, value] of steps) {
    if (op === 'sync') continue;
    const name = latin1(key);
    const before = history.get(name) ?? [];
    history.set(name, [op === 'store' ? latin1(value) : undefined, ...before]);
  }
  return history;
}

/** Bytes as text, to be the key of a Map. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function keyOf(random: Random, n: number, tag: string): Uint8Array {
  const start = Buffer.from(`${tag}${n.toString(36)}:`);
  const kind = random.below(10);
  if (kind < 6) return start;
  if (kind < 7) return Buffer.concat([start, random.bytes(random.below(30))]);
  if (kind < 9) return Buffer.from(`${tag}celery-task-meta-${random.pick(WORDS)}-${n}`);
  return Buffer.concat([start, text(random, random.below(190 - start.length))]);
}

function valueOf(random: Random, max: number): Uint8Array {
  const kind = random.below(20);
  if (kind === 0) return new Uint8Array(0);
  if (kind < 13) return text(random, random.below(Math.min(60, max)));
  if (kind < 17) return random.bytes(random.below(Math.min(600, max)));
  // Zeroes look like what zeroed blocks leave.
  if (kind === 17) return new Uint8Array(random.below(Math.min(2000, max)));
  return text(random, random.below(max));
}

function text(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const word = Buffer.from(`${random.pick(WORDS)} ${random.below(1e6)} `).subarray(0, length - at);
    bytes.set(word, at);
    at += word.length;
  }
  return bytes;
}

function jsonOf(random: Random): object {
  return {
    id: hex(random, 32),
    status: random.pick(['PENDING', 'STARTED', 'SUCCESS', 'FAILURE', 'RETRY']),
    date_done: `2026-0${1 + random.below(9)}-1${random.below(10)}T0${random.below(10)}:00:00.${random.below(1e6)}`,
    result: text(random, random.below(random.below(4) === 0 ? 700 : 120)).reduce(
      (all, byte) => all + String.fromCharCode(byte),
      '',
    ),
    children: Array.from({ length: random.below(4) }, () => hex(random, 12)),
  };
}

function hex(random: Random, length: number): string {
  return Buffer.from(random.bytes(length / 2)).toString('hex');
}
