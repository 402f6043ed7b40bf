import { stat } from 'node:fs/promises';
import { checkDatabase } from '../check/check.js';
import { openProved, openSearched } from '../examine.js';
import { copyInto, requireSound, whyTooLarge } from '../exchange/load.js';
import type { WantedFormat } from '../exchange/wanted.js';
import { targetFor } from '../exchange/target.js';
import { PART_BATCH } from '../exchange/batchreader.js';
import { walkRecords } from '../exchange/walk.js';
import { describeFormat } from '../format/format.js';
import type { PutOptions } from '../put.js';
import { putFile, readBack } from '../put.js';
import { RefusedError } from '../store/errors.js';
import { safeSentence } from '../report/escape.js';
import { shellPath } from '../report/shellword.js';
import { EXIT } from './exit.js';
import { openDatabaseFile } from './file.js';
import { collectGarbage } from './heap.js';
import { making } from './put.js';
import { printReport, tell } from './terminal.js';

export interface ConvertArguments extends Omit<PutOptions, 'signal'>, WantedFormat {
  readonly file: string;
  readonly output: string;
}

/** Writes a database as another kind of machine would have written it. */
export async function convertCommand(args: ConvertArguments): Promise<number> {
  const { file, output } = args;
  return making(file, async (signal) => {
    const source = await openDatabaseFile(file);
    try {
      const proved = await openProved(source);
      const found = proved === undefined ? await openSearched(source) : undefined;
      const opened = proved ?? found;
      if (opened === undefined) return await source.refuse();
      collectGarbage();
      const { db } = opened;
      const checked = proved?.checked ?? (await checkDatabase(db, found!.survey));
      if (checked.verdict !== 'healthy') {
        tell(
          `${file}: expected a sound database, found a damaged one; nothing was written. Run: gdbm-doctor repair ${shellPath(file)}`,
        );
        return EXIT.damaged;
      }
      const told = checked.format!.hashChar;
      const target = targetFor(args, {
        format: db.format,
        // Where no key tells, all are found by either.
        hashChar: told === 'undetermined' ? 'signed' : told,
        blockSize: db.geometry.blockSize,
        numsync: db.extended?.numsync,
      });
      const tooLarge = whyTooLarge(target, checked.records.bytes);
      if (tooLarge !== undefined) throw new RefusedError('io', `${file}: ${tooLarge}; nothing was written.`);
      const before = await stat(file);
      const { backup, notes } = await putFile(output, { ...args, signal }, async (fresh) => {
        const built = await copyInto(walkRecords({ db, found }, undefined, PART_BATCH), fresh, target);
        collectGarbage();
        await fresh.whileSyncing(async () => requireSound(await readBack(fresh, signal), built));
        const after = await stat(file);
        if (
          built.records !== checked.records.count ||
          after.mtimeMs !== before.mtimeMs ||
          after.size !== before.size
        ) {
          throw new RefusedError(
            'changed',
            `${file}: expected it at rest, found that a program wrote to it; try again.`,
          );
        }
        return before;
      });
      for (const note of notes) tell(note);
      const kept = backup === undefined ? '' : `; as it was: ${backup}`;
      const kind = `${describeFormat(target.spec.format)}, hash of ${target.hashChar} char`;
      await printReport(safeSentence(`${output}: ${checked.records.count} records, ${kind}${kept}`) + '\n');
      return EXIT.ok;
    } finally {
      await source.close();
    }
  });
}
