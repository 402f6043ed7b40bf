import { escapeStart } from '../report/escape.js';
import { REPORT_VERSION } from '../report/json.js';
import { visitKeys } from '../salvage/read.js';
import { salvage } from '../salvage/salvage.js';
import type { ExitCode } from './exit.js';
import { EXIT } from './exit.js';
import { withDatabase } from './file.js';
import { Output } from './terminal.js';

export interface ListArguments {
  readonly file: string;
  readonly json: boolean;
}

/** A key longer than this is shown by its beginning. */
const SHOWN_KEY = 1024;

/** Lists keys with the sizes of their values, one a line, in order of their hashes. */
export async function listCommand({ file, json }: ListArguments): Promise<ExitCode> {
  return withDatabase(file, async ({ source }, { db, survey }) => {
    const out = new Output();
    // Written as it goes, so that a list of any length needs no memory of its length.
    if (json) await out.add(`{"version":${REPORT_VERSION},"files":[{"path":${JSON.stringify(file)},"keys":[`);
    let separator = '\n';
    const lineOf = (key: Uint8Array, dataSize: number): string => {
      if (!json) return `${String(dataSize).padStart(10)}  ${escapeStart(key, SHOWN_KEY)}\n`;
      const entry = { key: Buffer.from(key).toString('base64'), keySize: key.length, valueSize: dataSize };
      const line = `${separator}${JSON.stringify(entry)}`;
      separator = ',\n';
      return line;
    };
    await visitKeys(source, salvage(db, survey), ({ dataSize }, key) => out.add(lineOf(key, dataSize)));
    if (json) await out.add('\n]}]}\n');
    await out.flush();
    return EXIT.ok;
  });
}
