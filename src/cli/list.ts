import type { RecordBatch } from '../read/batch.js';
import { keptRecords } from '../read/records.js';
import { readKey } from '../exchange/dump.js';
import { escapeStart, jsonText, shellPath } from '../report/escape.js';
import { REPORT_VERSION } from '../report/json.js';
import type { ValueForm } from '../report/value.js';
import { OtherFormError, readAny, readValue, VALUE_FORMS, valueJson } from '../report/value.js';
import { lossText, openDatabaseFile, openFileForReading, tellIfChanged } from './file.js';
import { defineCommand, file, json } from './options.js';
import { EXIT, Output, tell } from './terminal.js';

/** Bytes of a longer key that are shown. */
const SHOWN_KEY = 1024;

/** Lists keys with the sizes of their values, one a line. */
export const command = defineCommand(
  (parser) =>
    parser
      .positional('file', file)
      .options({
        json,
        as: {
          choices: ['auto', ...VALUE_FORMS] as const,
          requiresArg: true,
          describe:
            'Show the values, too: as what they are, or in a form; a pickle as data, nothing of it is run',
        },
      })
      .example('$0 list flower.db', 'One key a line, unprintable bytes as \\xNN')
      .example('$0 list --as auto some.db', 'With the beginning of each value'),
  async ({ file, json, as }) => {
    const source = await openDatabaseFile(file);
    try {
      const walk = await openFileForReading(source);
      const out = new Output();
      if (json) await out.add(`{"version":${REPORT_VERSION},"files":[{"path":${jsonText(file)},"keys":[`);
      let separator = '\n';
      const line = (key: Uint8Array, keySize: number, valueSize: number, value?: Uint8Array): string => {
        const shown = as === undefined ? undefined : valueOf(value, as);
        if (!json) {
          const preview = shown === undefined ? '' : `  ${startOf(shown)}`;
          return `${String(valueSize).padStart(10)}  ${escapeStart(key, SHOWN_KEY)}${preview}\n`;
        }
        // No need of `jsonText`: the entry has only numbers, and letters of base64.
        const entry = JSON.stringify({ key: Buffer.from(key).toString('base64'), keySize, valueSize });
        const text = separator + (shown === undefined ? entry : `${entry.slice(0, -1)},"value":${shown}}`);
        separator = ',\n';
        return text;
      };
      const keyOf = async ({ source: from, offsets, keySizes }: RecordBatch, i: number) =>
        json
          ? readKey(from, offsets[i], keySizes[i])
          : from.read(offsets[i], Math.min(keySizes[i], SHOWN_KEY + 1));
      const loss = { records: 0, incomplete: false };
      for await (const batch of keptRecords(walk, { loss, part: as === undefined ? 'key' : 'whole' })) {
        const { count, bytes, starts, keySizes, dataSizes } = batch;
        for (let i = 0; i < count; i++) {
          const start = starts[i];
          const key = start < 0 ? await keyOf(batch, i) : bytes.subarray(start, start + keySizes[i]);
          const value = as === undefined ? undefined : await valueIn(batch, i);
          const written = out.add(line(key, keySizes[i], dataSizes[i], value));
          if (written !== undefined) await written;
        }
      }
      if (json) await out.add('\n]}]}\n');
      await out.flush();
      const changed = await tellIfChanged(file, source);
      const lost = lossText(loss);
      if (changed || lost === undefined) return EXIT.ok;
      tell(
        `${file}: damaged: ${lost}, so not every key is listed. Run: gdbm-doctor repair ${shellPath(file)}`,
      );
      return EXIT.damaged;
    } finally {
      await source.close();
    }
  },
);

/** Bytes of a value that is shown in a list, at most. */
const SHOWN_VALUE = 1 << 20;
/** Characters of a value on the line of its key. */
const SHOWN_START = 160;

/** A value; undefined if it is too large for a list. */
async function valueIn(
  { source, bytes, starts, offsets, keySizes, dataSizes }: RecordBatch,
  i: number,
): Promise<Uint8Array | undefined> {
  if (dataSizes[i] > SHOWN_VALUE) return undefined;
  if (starts[i] < 0) return source.read(offsets[i] + keySizes[i], dataSizes[i]);
  const start = starts[i] + keySizes[i];
  return bytes.subarray(start, start + dataSizes[i]);
}

/** A value as JSON on one line; `null` if it is too large, or of another form. */
function valueOf(value: Uint8Array | undefined, form: ValueForm | 'auto'): string {
  if (value === undefined) return 'null';
  try {
    return valueJson(value, form === 'auto' ? readAny(value) : readValue(value, form));
  } catch (error) {
    if (error instanceof OtherFormError) return 'null';
    throw error;
  }
}

function startOf(text: string): string {
  return text.length <= SHOWN_START ? text : `${text.slice(0, SHOWN_START)}…`;
}
