import { execFileSync } from 'node:child_process';
import { arch } from 'node:os';
import type { Format } from '../../src/format/format.js';
import type { Trial } from './judge.js';
import type { Intact } from './intact.js';
import { shortfalls } from './floors.js';
import { recoverByGdbmtool } from './gdbmtool.js';
import { tallyOf } from './judgerows.js';
import { Lookups } from './lookedup.js';
import type { Row } from './rows.js';
import { damagedCopies, DATABASES, floorOf, ROWS } from './rows.js';
import { scoreOf } from './score.js';
import { RUNS, SEED, seedFor } from './settings.js';
import { Tally } from './tally.js';

type Kind = Row['databases'];

/** The databases of each kind, each made once. */
class Databases {
  readonly #minis = new Map<Kind, Intact[]>();
  readonly #reals = new Map<Kind, Promise<Intact[]>>();

  minis(kind: Kind): Intact[] {
    const made = this.#minis.get(kind) ?? DATABASES[kind].minis(seedFor('table'));
    this.#minis.set(kind, made);
    return made;
  }

  reals(kind: Kind): Promise<Intact[]> {
    const made = this.#reals.get(kind) ?? DATABASES[kind].reals(seedFor('table'));
    this.#reals.set(kind, made);
    return made;
  }
}

/** The text of docs/torture.md, with the results of both programs, and the rows that are below their floor. */
export async function makePage(): Promise<{ text: string; below: string[] }> {
  const databases = new Databases();
  const lookups = new Lookups();
  const [ours, theirs, minisTotal] = [new Tally(), new Tally(), new Tally()];
  const formats = databases.minis('usual').map(({ format }) => format);
  const real = [
    '| damage | still there | `gdbm-doctor repair` brought back | `gdbmtool recover` brought back |',
    '| --- | --: | --- | --- |',
  ];
  const every = [
    `| damage | ${formats.map(shortName).join(' | ')} | all |`,
    `| --- |${' --: |'.repeat(formats.length)} --- |`,
  ];
  const below: string[] = [];
  for (const row of ROWS) {
    const reals = await databases.reals(row.databases);
    const mine = await tallyOf(row, reals, lookups);
    const other = await gdbmtoolsTally(row, reals);
    ours.include(mine);
    theirs.include(other);
    real.push(`| ${row.name} | ${mine.survival} | ${outcomeCell(mine)} | ${outcomeCell(other)} |`);

    const all = new Tally();
    const cells: string[] = [];
    for (const intact of databases.minis(row.databases)) {
      const tally = await tallyOf(row, [intact], lookups);
      all.include(tally);
      cells.push(tally.recall);
    }
    minisTotal.include(all);
    every.push(`| ${row.name} | ${cells.join(' | ')} | ${outcomeCell(all)} |`);

    all.include(mine);
    const found = shortfalls(all, floorOf(row), row.changesBytes === true);
    if (found.length > 0) below.push(`${row.name}: ${found.join('; ')}`);
    process.stderr.write(`${row.name}\n`);
  }
  lookups.close();
  real.push(`| **all** | ${ours.survival} | ${outcomeCell(ours)} | ${outcomeCell(theirs)} |`);
  every.push(`| **all** |${' |'.repeat(formats.length)} ${outcomeCell(minisTotal)} |`);
  return { text: textOf(real.join('\n'), every.join('\n')), below };
}

async function gdbmtoolsTally(row: Row, reals: readonly Intact[]): Promise<Tally> {
  const tally = new Tally();
  for (const { intact, damaged } of damagedCopies(row, reals, RUNS)) {
    const { contents } = await recoverByGdbmtool(damaged.bytes);
    const trial: Pick<Trial, 'score' | 'refused' | 'unsound'> = {
      score: scoreOf(intact, damaged, contents),
      refused: contents === undefined,
      unsound: undefined,
    };
    tally.add(intact.records.size, trial);
  }
  return tally;
}

/** The share of records that came back, and remarks if there are any. */
function outcomeCell({ recall, lost, wrong, inventions, refused, trials, worse }: Tally): string {
  const rest = [
    lost > 0 && `${lost} lost`,
    wrong > 0 && `${wrong} wrong`,
    inventions !== '0' && `${inventions} invented`,
    worse > 0 && `${worse} missed`,
    refused > 0 && `refused ${refused} of ${trials}`,
  ].filter((one) => one !== false);
  return rest.length === 0 ? `**${recall}**` : `${recall}: ${rest.join(', ')}`;
}

function shortName({ layout, byteOrder, variant }: Format): string {
  const packed = layout.offsetBits === 64 && layout.alignment === 4 ? ' packed' : '';
  return `${layout.offsetBits}${packed} ${byteOrder}${variant === 'numsync' ? ' numsync' : ''}`;
}

function textOf(real: string, every: string): string {
  const version = execFileSync('gdbmtool', ['--version'], { encoding: 'utf8' }).split('\n')[0];
  return `# What comes back

The share of a damaged database that \`gdbm-doctor repair\` brings back, beside \`gdbmtool recover force\` of the real
library. Made on ${arch()} with ${version} by

\`\`\`sh
npm run torture -- --seed ${SEED} --runs ${RUNS} --write
\`\`\`

Another seed damages other places. Some rows alone, in seconds: \`npm run torture -- --rows 'sectors|swapped'\`; with
\`--of CHECKOUT\` the repair of another checkout is judged on the same files. Each row has a floor
(\`test/torture/floors.ts\`); the command fails and names the rows that are below theirs.

## How to read it

A row is a kind of damage. A trial is a sound database that was damaged so, at places drawn from the seed. A record is
**still there** if its bucket element, its key and its value are whole somewhere in the damaged file: at their places,
moved, or, where pages of older states have come back, with the element in an older bucket. Before an encoding is undone
the bytes before it count.

A cell gives the share of these records that came back with their value, in **bold** if there is nothing else to say:

- **lost**: records that are still there and are not in the result.
- **wrong**: records that are still there and came back with another value.
- **invented**: keys that were not in the database in the end, deleted ones among them. In parentheses those that nothing
  in the file tells from real ones: a deleted record whose bucket is gone, so that an older one is used, or a whole record
  of the other file where two are mixed.
- **missed**: records that a lookup by libgdbm finds in the damaged file and the repaired one lacks.
- **refused**: trials without a result. Where nothing is left, there is nothing to bring back.

A record whose own value was overwritten counts as neither: the format has no checksum of values. Where the blocks of two
files are mixed, the header and a part of the directory are the first file's; otherwise it would be the second file, with
blocks of the first.

## Files of the real library

Databases of 560 to 1,500 records, with JSON values and with values of 0 bytes to 100 KB, blocks of 512 and of 4,096 bytes,
updates and deletions; for the rows of page versions they grew in five steps, and for those of inner databases one value is a
whole database. ${RUNS} damaged copies of each for each row.

${real}

## Every format

Databases of the project's own writer, in each layout (width of offsets in bits, \`packed\` if they are aligned to 4 bytes)
and byte order, standard and numsync; ${RUNS} damaged copies of each for each row. The last column is all of them together.

${every}
`;
}
