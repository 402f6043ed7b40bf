import type { RecordBatch } from '../read/batch.js';
import { keptRecords } from '../read/records.js';
import { readKey } from '../exchange/dump.js';
import { escapeStart, jsonText, shellPath } from '../report/escape.js';
import { REPORT_VERSION } from '../report/json.js';
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
      .options({ json })
      .example('$0 list flower.db', 'One key a line, unprintable bytes as \\xNN'),
  async ({ file, json }) => {
    const source = await openDatabaseFile(file);
    try {
      const walk = await openFileForReading(source);
      const out = new Output();
      if (json) await out.add(`{"version":${REPORT_VERSION},"files":[{"path":${jsonText(file)},"keys":[`);
      let separator = '\n';
      const line = (key: Uint8Array, keySize: number, valueSize: number): string => {
        if (!json) return `${String(valueSize).padStart(10)}  ${escapeStart(key, SHOWN_KEY)}\n`;
        // No need of `jsonText`: the entry has only numbers, and letters of base64.
        const entry = JSON.stringify({ key: Buffer.from(key).toString('base64'), keySize, valueSize });
        const text = separator + entry;
        separator = ',\n';
        return text;
      };
      const keyOf = async ({ source: from, offsets, keySizes }: RecordBatch, i: number) =>
        json
          ? readKey(from, offsets[i], keySizes[i])
          : from.read(offsets[i], Math.min(keySizes[i], SHOWN_KEY + 1));
      const loss = { records: 0, incomplete: false };
      for await (const batch of keptRecords(walk, { loss, part: 'key' })) {
        const { count, bytes, starts, keySizes, dataSizes } = batch;
        for (let i = 0; i < count; i++) {
          const start = starts[i];
          const key = start < 0 ? await keyOf(batch, i) : bytes.subarray(start, start + keySizes[i]);
          const written = out.add(line(key, keySizes[i], dataSizes[i]));
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
