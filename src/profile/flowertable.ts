import type { PickledValue } from '../pickle/data.js';
import { PickledThing } from '../pickle/data.js';

/** A worker of a Flower's `events`. */
export interface FlowerWorker {
  readonly name: string;
  /** Seconds since 1970 of its last heartbeat. */
  readonly seen: number | undefined;
  readonly processed: number | undefined;
}

/** A task of a Flower's `events`. Texts are those of the file, not escaped. */
export interface FlowerTask {
  readonly uuid: string;
  readonly name: string | undefined;
  readonly state: string | undefined;
  readonly worker: string | undefined;
  /** Seconds since 1970. */
  readonly received: number | undefined;
  readonly started: number | undefined;
  /** Seconds since 1970 of its end, well or not. */
  readonly ended: number | undefined;
  /** Seconds. */
  readonly runtime: number | undefined;
}

/** The workers and tasks of a Flower's `events`. */
export interface FlowerEvents {
  readonly workers: readonly FlowerWorker[];
  readonly tasks: readonly FlowerTask[];
}

/** Places of the arguments of celery's State, and of its Worker. */
const WORKERS = 1;
const TASKS = 2;
const HEARTBEATS = 3;
const PROCESSED = 6;

/** Reads the value of a Flower's `events`; undefined if it is none. */
export function flowerEvents(value: PickledValue): FlowerEvents | undefined {
  const [workers, tasks] = [WORKERS, TASKS].map((place) => cacheOf(argsOf(value)[place]));
  if (workers === undefined || tasks === undefined) return undefined;
  return {
    workers: workers.map(([name, worker]) => {
      const args = argsOf(worker);
      const heartbeats = args[HEARTBEATS] instanceof PickledThing ? args[HEARTBEATS].items : [];
      return {
        name: String(textOf(name)),
        seen: numberOf(heartbeats.at(-1)),
        processed: numberOf(args[PROCESSED]),
      };
    }),
    tasks: tasks.map(([uuid, task]) => taskOf(uuid, fieldsOf(task))),
  };
}

function taskOf(uuid: PickledValue, fields: ReadonlyMap<PickledValue, PickledValue>): FlowerTask {
  const text = (name: string) => textOf(fields.get(name));
  const time = (name: string) => numberOf(fields.get(name));
  const { worker, ...rest } = { worker: fields.get('worker'), state: text('state') };
  return {
    uuid: String(textOf(uuid)),
    name: text('name'),
    ...rest,
    // A worker itself, or its name.
    worker: textOf(worker instanceof PickledThing ? argsOf(worker)[0] : worker),
    received: time('received'),
    started: time('started'),
    ended: ['succeeded', 'failed', 'revoked', 'rejected'].map(time).find((one) => one !== undefined),
    runtime: time('runtime'),
  };
}

/** The fields of a task: the dict among the arguments of what makes it. */
function fieldsOf(task: PickledValue): Map<PickledValue, PickledValue> {
  const dict = argsOf(task).find((arg) => arg instanceof PickledThing && arg.kind === 'dict');
  return new Map(pairsOf((dict as PickledThing | undefined)?.items ?? []));
}

/** Names and values of an LRUCache: the pairs of the OrderedDict in its state. */
function cacheOf(value: PickledValue): [PickledValue, PickledValue][] | undefined {
  const state = value instanceof PickledThing ? value.state : undefined;
  if (!(state instanceof PickledThing)) return undefined;
  const data = new Map(pairsOf(state.items)).get('data');
  if (!(data instanceof PickledThing)) return undefined;
  return pairsOf(data.kind === 'dict' ? data.items : data.pairs);
}

function pairsOf(items: readonly PickledValue[]): [PickledValue, PickledValue][] {
  return Array.from({ length: items.length >> 1 }, (_, i) => [items[2 * i], items[2 * i + 1]]);
}

function argsOf(value: PickledValue): readonly PickledValue[] {
  return value instanceof PickledThing && value.args instanceof PickledThing ? value.args.items : [];
}

function textOf(value: PickledValue): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function numberOf(value: PickledValue): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
