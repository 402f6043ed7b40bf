import { execFileSync } from 'node:child_process';
import { arch } from 'node:os';
import type { Format } from '../../src/format/format.js';
import { miniDatabases, realDatabase } from './databases.js';
import { recoverByGdbmtool } from './gdbmtool.js';
import { recover } from './recover.js';
import { damagedCopies, ROWS } from './rows.js';
import { scoreOf } from './score.js';
import { RUNS, SEED, seedFor } from './settings.js';
import { Tally } from './tally.js';

const REAL = { seed: seedFor('table'), records: 3000, huge: 3, maxValue: 8000 };

/** Both programs on every row's damage to the real library's files. */
async function sideBySide(): Promise<string[]> {
  const real = await Promise.all([512, 4096].map((blockSize) => realDatabase({ ...REAL, blockSize })));
  const lines = [
    '| damage | records still there | `gdbm-doctor repair` brought back | `gdbmtool recover` brought back |',
    '| --- | --: | --- | --- |',
  ];
  const totals = [new Tally(), new Tally()];
  for (const row of ROWS) {
    const tallies = [new Tally(), new Tally()];
    for (const { intact, damaged } of damagedCopies(row, real, RUNS)) {
      const outcomes = [await recover(damaged.bytes), await recoverByGdbmtool(damaged.bytes)];
      for (const [i, { contents }] of outcomes.entries()) {
        const score = scoreOf(intact, damaged, contents);
        for (const tally of [tallies[i], totals[i]]) {
          tally.add(intact.records.size, score, contents === undefined);
        }
      }
    }
    lines.push(sideBySideRow(row.name, tallies));
    process.stderr.write(`${row.name}\n`);
  }
  return [...lines, sideBySideRow('**all**', totals)];
}

function sideBySideRow(name: string, tallies: readonly Tally[]): string {
  return `| ${name} | ${tallies[0].survival} | ${tallies.map(outcomeCell).join(' | ')} |`;
}

/** The number of records that came back, and remarks if there are any. */
function outcomeCell({ recall, lost, wrong, inventions, refused, trials }: Tally): string {
  const rest = [
    lost > 0 && `${lost} lost`,
    wrong > 0 && `${wrong} wrong`,
    inventions !== '0' && `${inventions} invented`,
    refused > 0 && `refused ${refused} of ${trials}`,
  ].filter((one) => one !== false);
  return rest.length === 0 ? `**${recall}**` : `${recall}: ${rest.join(', ')}`;
}

/** The records that came back in each format, for each row. */
async function everyFormat(): Promise<string[]> {
  const databases = miniDatabases(seedFor('table'));
  const lines = [
    `| damage | ${databases.map(({ format }) => shortName(format)).join(' | ')} | all |`,
    `| --- |${' --: |'.repeat(databases.length)} --- |`,
  ];
  for (const row of ROWS) {
    const tallies = databases.map(() => new Tally());
    const total = new Tally();
    for (const [i, database] of databases.entries()) {
      for (const { intact, damaged } of damagedCopies(row, [database], RUNS)) {
        const { contents } = await recover(damaged.bytes);
        const score = scoreOf(intact, damaged, contents);
        for (const tally of [tallies[i], total]) {
          tally.add(intact.records.size, score, contents === undefined);
        }
      }
    }
    const recalls = tallies.map(({ recall }) => recall).join(' | ');
    lines.push(`| ${row.name} | ${recalls} | ${outcomeCell(total)} |`);
    process.stderr.write(`${row.name}, every format\n`);
  }
  return lines;
}

function shortName({ layout, byteOrder, variant }: Format): string {
  const packed = layout.offsetBits === 64 && layout.alignment === 4 ? ' packed' : '';
  return `${layout.offsetBits}${packed} ${byteOrder}${variant === 'numsync' ? ' numsync' : ''}`;
}

/** The text of docs/torture.md, with both programs' results. */
export async function page(): Promise<string> {
  const version = execFileSync('gdbmtool', ['--version'], { encoding: 'utf8' }).split('\n')[0];
  return `# What comes back

How much of a damaged database \`gdbm-doctor repair\` brings back, beside \`gdbmtool recover force\` of the real library.

Made by

\`\`\`sh
npm run torture -- --seed ${SEED} --runs ${RUNS} --write
\`\`\`

on ${arch()} with
${version}. Another seed looks at other damage.

## How to read it

Each row is a way in which files come to harm, and each trial a sound database that was damaged so, at places drawn by
the seed. From the sound file the suite (\`test/torture/\`) knows which records are physically **still there**: those of
which the bucket element, the key and the value are whole, at their places or, where the damage moved bytes, elsewhere.
A cell says how many of these came back with their right value; in **bold** if there is nothing else to say. Else:

- **lost**: still there, and not in the result.
- **wrong**: still there, and in the result with another value.
- **invented**: keys in the result that the database did not hold at last, deleted ones among them. In parentheses how
  many of them nothing in the file tells from real ones: a deleted record whose bucket is gone, so that an older
  one is used, or a whole record of the other file where the blocks of two are mixed.
- **refused**: trials that left no database that opens. Where nothing is left there is nothing to bring back.

A value whose own bytes were hit cannot be told from a right one by anything in the format; it counts as neither.
Not counted as still there is a record whose element and bytes moved apart while its key is there more than once: nothing
tells which of the places is meant. The last rows are bytes that are gone from behind the header, or were put in, by a copy
that skipped what it could not read or a block that was written twice; they are not among those that come together, as of two
places that move bytes only one is found. Where two files' blocks are mixed, the header and a part of the directory are the
first file's: else it would be the second one, with blocks of the first.

## Files of the real library

Two databases of ${REAL.records} records at first, with blocks of 512 and of 4096 bytes, updates, deletions and new records;
${RUNS} damaged copies of each for each row.

${(await sideBySide()).join('\n')}

## Every format

What \`repair\` brought back of databases by the project's own writer, in each layout (width of offsets in bits, \`packed\`
if they are aligned to 4 bytes) and byte order, standard and numsync; ${RUNS} damaged copies of each for each row. The last
column is all of them together, as in the first table.

${(await everyFormat()).join('\n')}
`;
}
