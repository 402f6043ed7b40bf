import assert from 'node:assert/strict';
import test from 'node:test';
import { checkContents, withProfile } from '../../src/contents.js';
import type { ProfileName } from '../../src/profile/profiles.js';
import { memorySource } from '../../src/source/source.js';
import { build, specFor } from '../build/build.js';
import { FORMATS } from '../format/formats.js';

/* The contents of a database for a program, with pickles that are written out here, so that only Node is needed. */

/** A pickle of protocol 2: PROTO, the opcodes, STOP. */
const pickle = (...opcodes: number[]) => Uint8Array.of(0x80, 2, ...opcodes, 0x2e);
const DICT = pickle(0x7d);
const LIST = pickle(0x5d);
const NONE = pickle(0x4e);
/** An object of the class `Y` of a module `x`. */
const OBJECT = pickle(...Buffer.from('cx\nY\n)'), 0x81);
/** Its second opcode is none that there is. */
const DAMAGED = pickle(0x7d, 0xff);
const TEXT = Buffer.from('no pickle at all');
/** `(dp0\n.`, an empty dict as Python 2 wrote it. */
const OLD = Buffer.from('(dp0\n.');

async function inside(
  wanted: ProfileName | 'auto',
  records: Record<string, Uint8Array>,
  more: Uint8Array[] = [],
) {
  const named = Object.entries(records).map(([key, value]) => ({ key: Buffer.from(key), value }));
  const others = more.map((key) => ({ key, value: NONE }));
  const { bytes } = await build([...named, ...others], specFor(FORMATS[0]));
  const contents = await checkContents(memorySource(bytes), wanted);
  const { verdict } = withProfile(contents);
  const { name, usable, values, findingCounts } = contents.profile!;
  return { name, usable, verdict, values, codes: Object.keys(findingCounts).sort() };
}

const BEAT = { entries: DICT, __version__: NONE, tz: NONE, utc_enabled: NONE };

test('each fault of what is inside is told by its own code, and whether the program loads it', async () => {
  const told: [ProfileName, Record<string, Uint8Array>, string[], boolean][] = [
    ['flower', { events: OBJECT, counter: DICT }, [], true],
    ['flower', {}, [], true],
    ['flower', { counter: DICT }, ['flower-events-missing'], false],
    ['flower', { events: DAMAGED }, ['flower-events-damaged'], false],
    ['flower', { events: TEXT }, ['flower-events-damaged'], false],
    ['flower', { events: OBJECT, counter: DAMAGED }, ['flower-counter-damaged'], false],
    ['flower', { events: OBJECT, counter: LIST }, ['value-kind'], true],
    ['flower', { events: OBJECT, another: DAMAGED }, ['value-pickle'], true],
    ['celerybeat', BEAT, [], true],
    ['celerybeat', { entries: DICT }, ['celerybeat-entry-missing'], true],
    ['celerybeat', { ...BEAT, tz: DAMAGED }, ['celerybeat-entry-damaged'], false],
    ['celerybeat', { entries: DICT, other: TEXT }, ['celerybeat-entry-missing', 'value-not-pickle'], false],
    ['shelve', { a: DICT, b: LIST }, [], true],
    ['shelve', { a: DICT, b: DAMAGED }, ['value-pickle'], false],
    ['shelve', { a: DICT, b: TEXT }, ['value-not-pickle'], false],
    ['shelve', { a: DICT, b: OLD }, ['value-old-pickle'], true],
  ];
  for (const [name, records, codes, usable] of told) {
    const found = await inside(name, records);
    const about = `${name} with ${Object.keys(records).join(', ')}`;
    assert.deepEqual([found.codes, found.usable], [codes, usable], about);
    const harmless = codes.every((code) => code === 'value-kind' || code === 'value-old-pickle');
    assert.equal(found.verdict, harmless ? 'healthy' : 'damaged', about);
  }
});

test('a key of a shelve that is no text is told', async () => {
  const { codes, usable } = await inside('shelve', { a: DICT }, [Uint8Array.of(0xff)]);
  assert.deepEqual([codes, usable], [['key-not-text'], false]);
});

test('a pickle of which one of three marks is wrong is a damaged one, with two it is none', async () => {
  for (const at of [0, 1, 3]) {
    const one = DICT.slice();
    one[at] = 0x41;
    assert.equal((await inside('shelve', { a: one })).values.damaged, 1, `byte ${at}`);
    one[at === 3 ? 0 : 3] = 0x41;
    assert.equal((await inside('shelve', { a: one })).values.notPickle, 1, `byte ${at} and another`);
  }
  assert.equal(
    (await inside('shelve', { a: new Uint8Array(40) })).values.damaged,
    1,
    'what was never written',
  );
});

test('the keys tell whose database it is, and the values a shelve', async () => {
  const told: [ProfileName, Record<string, Uint8Array>][] = [
    ['flower', { events: OBJECT }],
    ['flower', { events: DAMAGED, counter: DICT }],
    ['celerybeat', BEAT],
    ['shelve', { events: OBJECT, another: DICT }],
    ['shelve', { a: DICT, b: DICT, c: DICT, d: TEXT }],
    ['none', { a: DICT, b: TEXT }],
    ['none', { events: TEXT }],
    ['none', {}],
  ];
  for (const [name, records] of told) {
    assert.equal((await inside('auto', records)).name, name, Object.keys(records).join(', '));
  }
});
