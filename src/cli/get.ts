import { doubtfulIn } from '../check/doubtful.js';
import { mayBeCut } from '../database/database.js';
import type { FoundRecord } from '../read/lookup.js';
import { Lookup } from '../read/lookup.js';
import type { Opened } from '../examine.js';
import { escapeStart, shellPath } from '../report/escape.js';
import { PickleDataError, readPickle } from '../pickle/data.js';
import { flowerEvents } from '../profile/flowertable.js';
import { flowerTable } from '../report/flower.js';
import type { ValueForm } from '../report/value.js';
import { MOST_SHOWN, OtherFormError, readAny, readValue, VALUE_FORMS, valueText } from '../report/value.js';
import type { Source } from '../source/source.js';
import { readChunks } from '../source/source.js';
import { RefusedError } from '../store/errors.js';
import { withDatabase } from './file.js';
import { decodeKey, defineCommand, file, key, keyEncoding, noSuchKey } from './options.js';
import { EXIT, print, tell } from './terminal.js';

/** Writes one value to stdout as it is. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .positional('key', key)
      .options({
        'key-encoding': keyEncoding,
        as: {
          choices: [...VALUE_FORMS, 'table'] as const,
          requiresArg: true,
          describe:
            'Show it to a person: a pickle as data, nothing of it is run; table is for events of a Flower',
        },
      })
      .example('$0 get flower.db events > events.pickle', 'One value into a file')
      .example('$0 get flower.db events --as table', 'Workers and tasks, with their states and times')
      .example('$0 get some.db key --as pickle', 'What is in a shelve')
      .example('$0 get --key-encoding hex some.db 00ff', 'A key that is not text')
      .example('$0 get --key-encoding hex some.db 2d78', 'The key -x'),
  async ({ file, key: text, keyEncoding, as }) => {
    const key = decodeKey(text, keyEncoding);
    return withDatabase(file, async (opened) => {
      const { db, proof } = opened;
      // A record that libgdbm finds may be in doubt: then the reason is told.
      let found = await new Lookup({ db }).find(key);
      if (found === undefined && proof === undefined) found = await new Lookup(opened).find(key);
      if (found === undefined) {
        tell(noSuchKey(file, text, key));
        return EXIT.damaged;
      }
      const doubt = proof === undefined ? await doubtAbout(opened, key, found) : undefined;
      if (doubt !== undefined) {
        tell(
          `${file}: expected the value of the key "${escapeStart(key, 200)}", found that ${doubt}, so that it may not be what was ` +
            `stored. To see where it is: gdbm-doctor salvage ${shellPath(file)}`,
        );
        return EXIT.damaged;
      }
      if (as !== undefined) {
        await print(
          `${await shown(db.source, found, as, `${file}: the value of "${escapeStart(key, 200)}"`)}\n`,
        );
        return EXIT.ok;
      }
      for await (const piece of readChunks(db.source, found.valueOffset, found.valueSize)) await print(piece);
      return EXIT.ok;
    });
  },
);

/**
 * A value for a person.
 *
 * @param what names the value in an error
 * @throws RefusedError if it is of another form, or too large to be held
 */
async function shown(
  source: Source,
  { valueOffset, valueSize }: FoundRecord,
  form: ValueForm | 'table',
  what: string,
): Promise<string> {
  if (valueSize > MOST_SHOWN) {
    throw new RefusedError(
      'io',
      `${what} has ${valueSize} bytes, too many to be shown so; without --as it is written as it is.`,
    );
  }
  const bytes = await source.read(valueOffset, valueSize);
  try {
    if (form !== 'table') return valueText(bytes, readValue(bytes, form));
    const events = flowerEvents(readPickle(bytes));
    if (events !== undefined) return flowerTable(events);
    throw new OtherFormError('it is no events of a Flower');
  } catch (error) {
    if (!(error instanceof OtherFormError || error instanceof PickleDataError)) throw error;
    // The form that fits, and bytes, which always do.
    const others = new Set<string>([readAny(bytes).form, 'hex']);
    others.delete(form);
    const advice = `Try: ${[...others].map((other) => `--as ${other}`).join(', ')}.`;
    throw new RefusedError('io', `${what} cannot be shown as ${form}: ${error.message}. ${advice}`, {
      cause: error,
    });
  }
}

/** The reason for which a repair would not keep the record that a lookup found; undefined if there is none. */
async function doubtAbout(
  { db, survey }: Opened,
  key: Uint8Array,
  { valueOffset, valueSize }: FoundRecord,
): Promise<string | undefined> {
  const [offset, length] = [valueOffset - key.length, key.length + valueSize];
  if (mayBeCut(db, offset, offset + length)) return 'bytes of it may be missing, or others may be among them';
  switch ((await doubtfulIn(db, survey)).reasonOf(offset, length)) {
    case 'overreaching':
      return `its size of ${valueSize} bytes reaches into other data`;
    case 'unreadable':
      return 'the disk cannot read some of its bytes';
    default:
      return undefined;
  }
}
