import { escapeStart } from '../report/escape.js';
import { REPORT_VERSION } from '../report/json.js';
import { jsonText } from '../report/jsontext.js';
import type { WalkedBatch } from '../exchange/batch.js';
import { keptRecords } from '../exchange/keptwalk.js';
import { readKey } from '../exchange/record.js';
import type { Source } from '../source/source.js';
import { shellPath } from '../report/shellword.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { tellIfChanged } from './atrest.js';
import { openDatabaseFile, openFileForWalk } from './file.js';
import { lossText } from './loss.js';
import { Output, tell } from './terminal.js';

export interface ListArguments {
  readonly file: string;
  readonly json: boolean;
}

/** A key longer than this is shown by its beginning. */
const SHOWN_KEY = 1024;

/** Lists keys with the sizes of their values, one a line, in the order of a walk. */
export async function listCommand({ file, json }: ListArguments): Promise<ExitCode> {
  const source = await openDatabaseFile(file);
  try {
    const walk = await openFileForWalk(source);
    const out = new Output();
    // Written as it goes, so that a list of any length needs no memory of its length.
    if (json) await out.add(`{"version":${REPORT_VERSION},"files":[{"path":${jsonText(file)},"keys":[`);
    let separator = '\n';
    const lineOf = (key: Uint8Array, keySize: number, dataSize: number): string => {
      if (!json) return `${String(dataSize).padStart(10)}  ${escapeStart(key, SHOWN_KEY)}\n`;
      const entry = { key: Buffer.from(key).toString('base64'), keySize, valueSize: dataSize };
      // Of letters and numbers alone.
      const line = `${separator}${JSON.stringify(entry)}`;
      separator = ',\n';
      return line;
    };
    // Of a long key no more is read than is shown.
    const large = (from: Source, offset: number, size: number) =>
      json ? readKey(from, offset, size) : from.read(offset, Math.min(size, SHOWN_KEY + 1));
    const put = async ({ source, count, bytes, starts, offsets, keySizes, dataSizes }: WalkedBatch) => {
      for (let i = 0; i < count; i++) {
        const [start, keySize] = [starts[i], keySizes[i]];
        const key =
          start < 0 ? await large(source, offsets[i], keySize) : bytes.subarray(start, start + keySize);
        const full = out.add(lineOf(key, keySize, dataSizes[i]));
        if (full !== undefined) await full;
      }
    };
    const loss = { records: 0, incomplete: false };
    for await (const batch of keptRecords(walk, loss)) await put(batch);
    if (json) await out.add('\n]}]}\n');
    await out.flush();
    const changed = await tellIfChanged(file, source);
    const lost = lossText(loss);
    if (changed || lost === undefined) return EXIT.ok;
    tell(`${file}: damaged: ${lost}, so not every key is listed. Run: gdbm-doctor repair ${shellPath(file)}`);
    return EXIT.damaged;
  } finally {
    await source.close();
  }
}
