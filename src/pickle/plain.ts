import type { PickledValue } from './data.js';
import { PickledThing } from './data.js';

/** Levels that are shown; what lies deeper is named by its kind. */
const DEEPEST = 100;

/**
 * A pickled value as what JSON can hold. A dict whose keys are names is an object. All else that JSON does not have is an object
 * with one name that begins with `$`: `$tuple`, `$set`, `$dict` (pairs), `$bytes` (base64), `$int` (large), `$float` (inf,
 * nan), `$global` (a class or function, by its name), and `$class` with the arguments and the state of an object. What
 * stands at several places is shown at the first, with a number in `$id`, and later as `$ref` with this number.
 */
export function plainOf(value: PickledValue): unknown {
  return new Plain().of(value, 0);
}

class Plain {
  readonly #ids = new Map<PickledThing, number>();

  of(value: PickledValue, depth: number): unknown {
    if (value instanceof PickledThing) return this.#thing(value, depth);
    if (value instanceof Uint8Array) return { $bytes: base64Of(value) };
    if (typeof value === 'bigint') return { $int: String(value) };
    if (typeof value === 'number' && !Number.isFinite(value)) return { $float: FLOATS[String(value)] };
    return value ?? null;
  }

  #thing(thing: PickledThing, depth: number): unknown {
    const { kind, name } = thing;
    if (kind === 'global') return { $global: name };
    if (kind === 'outside') return { $outside: name, ...this.#optional('args', thing.args, depth) };
    const isLeaf = thing.items.length + thing.pairs.length === 0 && kind !== 'object';
    if (!thing.isShared || isLeaf) return this.#whole(thing, depth);
    const known = this.#ids.get(thing);
    if (known !== undefined) return { $ref: known };
    const id = this.#ids.size + 1;
    this.#ids.set(thing, id);
    const whole = this.#whole(thing, depth);
    if (Array.isArray(whole)) return { $id: id, $list: whole };
    return { $id: id, ...(whole as object) };
  }

  #whole(thing: PickledThing, depth: number): unknown {
    const { kind, items } = thing;
    if (depth >= DEEPEST) return { $deeper: kind };
    switch (kind) {
      case 'list':
        return this.#all(items, depth);
      case 'dict':
        return this.#dict(items, depth);
      case 'object':
        return this.#object(thing, depth);
      default:
        return { [`$${kind}`]: this.#all(items, depth) };
    }
  }

  #all(items: readonly PickledValue[], depth: number): unknown[] {
    return items.map((item) => this.of(item, depth + 1));
  }

  #dict(items: readonly PickledValue[], depth: number): unknown {
    const keys = items.filter((_, i) => i % 2 === 0);
    // A number as a name would come first, whatever its place.
    const areNames = keys.every((key) => typeof key === 'string' && !/^(\$|\d+$)/.test(key));
    const isOnce = areNames && new Set(keys).size === keys.length;
    if (!isOnce)
      return { $dict: keys.map((key, i) => [key, items[2 * i + 1]].map((one) => this.of(one, depth + 1))) };
    const object = Object.create(null) as Record<string, unknown>;
    for (const [i, key] of keys.entries()) object[key as string] = this.of(items[2 * i + 1], depth + 1);
    return object;
  }

  #object(thing: PickledThing, depth: number): object {
    const { callee, args, state, items, pairs } = thing;
    const name = callee instanceof PickledThing && callee.kind === 'global' ? callee.name : undefined;
    const time = name === 'datetime.datetime' ? timeOf(args) : undefined;
    const given = args instanceof PickledThing && args.kind === 'tuple' ? args.items : [args];
    return {
      $class: name ?? this.of(callee, depth + 1),
      ...(time !== undefined && { time }),
      ...(time === undefined && given.length > 0 && { args: this.#all(given, depth) }),
      ...this.#optional('state', state, depth),
      ...(items.length > 0 && { items: this.#all(items, depth) }),
      ...(pairs.length > 0 && { pairs: this.#dict(pairs, depth) }),
    };
  }

  #optional(name: string, value: PickledValue, depth: number): object {
    return value === undefined ? {} : { [name]: this.of(value, depth + 1) };
  }
}

const FLOATS: Readonly<Record<string, string>> = { Infinity: 'inf', '-Infinity': '-inf', NaN: 'nan' };

/** The time of a datetime without a time zone, which Python pickles as ten bytes. */
function timeOf(args: PickledValue): string | undefined {
  const [first, ...more] = args instanceof PickledThing ? args.items : [];
  if (more.length > 0 || !(first instanceof Uint8Array) || first.length !== 10) return undefined;
  const [high, low, month, day, hour, minute, second, a, b, c] = first;
  const digits = (value: number, width: number) => String(value).padStart(width, '0');
  const date = `${digits(high * 256 + low, 4)}-${digits(month & 0x7f, 2)}-${digits(day, 2)}`;
  const micros = (a << 16) | (b << 8) | c;
  return `${date}T${digits(hour, 2)}:${digits(minute, 2)}:${digits(second, 2)}.${digits(micros, 6)}`;
}

function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8190) text += String.fromCharCode(...bytes.subarray(i, i + 8190));
  return btoa(text);
}
