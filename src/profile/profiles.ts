import type { Kind } from '../pickle/opcodes.js';

export const PROFILE_NAMES = ['flower', 'celerybeat', 'shelve', 'none'] as const;
/** Programs whose databases are known; `shelve` is any program that uses Python's shelve, `none` is no such program. */
export type ProfileName = (typeof PROFILE_NAMES)[number];

/** A key that a program uses itself. */
export interface ProfileKey {
  readonly key: string;
  /** True if a database with records must have it. */
  readonly required: boolean;
  /** Kind of its value; a whole pickle of another kind is only a warning. */
  readonly kind: Kind | undefined;
}

/** The needs of a program. */
export interface Profile {
  readonly name: ProfileName;
  /** All keys that the program stores; a database with another key is not recognised by its keys. */
  readonly keys: readonly ProfileKey[];
  /** The keys of any of these sets, without keys of others, identify the program. */
  readonly keySets: readonly (readonly string[])[];
  /** A key that identifies the program by itself if its value names this class near its start. */
  readonly keyWithClass?: { readonly key: string; readonly className: string };
  /** True if the program cannot start without a required key, but with an empty database. */
  readonly startsEmpty: boolean;
  /** True if it also reads keys and values that are not its own, so that one it cannot load ends it. */
  readonly readsOthers: boolean;
}

/**
 * Flower with `--persistent`. From the sources of flower/events.py:
 *
 * - 0.9.7, 1.0.0, 2.0.1, `Events.__init__`: `state = shelve.open(db); if state: self.state = state['events']`. A shelf
 *   with any record but without `events` ends Flower with KeyError, a damaged one with what pickle raises. `counter` is
 *   not read: it is a part of `events`.
 * - 2.2.0, `load_state`: the same, then `events.counter.update(state.get('counter', {}))`. What is raised by either is
 *   logged, the file is moved to `NAME.corrupt` and Flower starts with nothing; so a damaged `counter` costs `events`.
 *
 * `events` is an object of the class EventsState, `counter` a dict. All of them accept an empty shelf. No other key is read,
 * and each save makes the shelf anew (`flag='n'`).
 */
const flower: Profile = {
  name: 'flower',
  keys: [
    { key: 'events', required: true, kind: 'anything' },
    { key: 'counter', required: false, kind: 'dict' },
  ],
  keySets: [['events']],
  // 2.2.0 saves `dict(state.counter)`, of a collections.Counter for each worker.
  keyWithClass: { key: 'counter', className: 'Counter' },
  startsEmpty: true,
  readsOthers: false,
};

/**
 * celery beat with its PersistentScheduler. From the sources of celery/beat.py, `setup_schedule` and
 * `_create_schedule`:
 *
 * - Errors of `shelve.open` and `keys()` are logged, and the file is removed and made anew.
 * - `entries` missing: set to `{}`. `entries` damaged: only KeyError is caught up to 5.3.6, also UnicodeDecodeError and
 *   TypeError in 5.4.0, UnpicklingError from 5.6.0 and ValueError in 5.7.0; all else that a damaged pickle raises, such as
 *   EOFError, ImportError and AttributeError, ends beat in each version.
 * - `__version__`, `tz` or `utc_enabled` missing: the whole store is cleared, so that the times of the last runs are gone.
 *   Clearing loads each value (`MutableMapping.popitem`), so that any damaged one ends beat then.
 * - `tz` and `utc_enabled` are loaded outside of any `try`: a damaged one ends beat.
 *
 * Beat starts without one of the four, but with nothing; it keeps its schedule only if all are there and whole. A key
 * that is not UTF-8 ends `keys()`, so that the file is removed, and any other value is loaded when the store is cleared.
 */
const celerybeat: Profile = {
  name: 'celerybeat',
  keys: [
    { key: 'entries', required: true, kind: 'dict' },
    { key: '__version__', required: true, kind: undefined },
    { key: 'tz', required: true, kind: undefined },
    { key: 'utc_enabled', required: true, kind: undefined },
  ],
  keySets: [['utc_enabled'], ['entries', '__version__'], ['entries', 'tz'], ['tz', '__version__']],
  startsEmpty: true,
  readsOthers: true,
};

/**
 * Any use of Python's shelve: keys are text in UTF-8, and each value is one pickle (Lib/shelve.py, 3.11).
 *
 * - `shelf[key]`, `values()` and `items()` raise the errors of pickle.
 * - A key that is not UTF-8 ends each walk over the keys with UnicodeDecodeError, and no `shelf[key]` can name it.
 */
const shelve: Profile = { name: 'shelve', keys: [], keySets: [], startsEmpty: false, readsOthers: true };

const none: Profile = { name: 'none', keys: [], keySets: [], startsEmpty: false, readsOthers: false };

/** The profiles that keys identify, then the others. */
export const PROFILES: readonly Profile[] = [flower, celerybeat, shelve, none];

/** The profile of this name. */
export function profileOf(name: ProfileName): Profile {
  return PROFILES.find((one) => one.name === name)!;
}
