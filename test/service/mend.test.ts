import assert from 'node:assert/strict';
import test from 'node:test';
import type { Loss, Mending } from '../../src/service/mend.js';
import { isGain, mend } from '../../src/service/mend.js';
import type { Look } from '../../src/service/look.js';
import { bareLook } from '../../src/service/look.js';
import { playedMending } from '../tools/mending.js';

const BEST = { id: 'x', records: 100, path: 'x.db' };

function look(records: number, profile = 'none', verdict: Look['verdict'] = 'clean', usable = true): Look {
  return { ...bareLook('x', verdict, verdict), records, profile, usable };
}

const NOTHING: Loss = { records: 0, estimated: 0 };
const lost = (records: number, estimated: number | null = 0): Loss => ({ records, estimated });

/** A database, the loss of its repair, and whether a snapshot with 100 records takes its place. */
const CASES: readonly [string, Look, Loss | undefined, boolean][] = [
  ['a sound one that shrank', look(60), undefined, false],
  ['a sound one that is empty, of an unknown program', look(0), undefined, false],
  ['a sound one that is empty, of a shelve', look(0, 'shelve'), undefined, false],
  ['a sound one that Flower left empty', look(0, 'flower'), undefined, true],
  ['a repair that lost nothing', look(60), NOTHING, false],
  ['a repair that lost nothing and has one record', look(1), NOTHING, false],
  ['a repair that lost nothing of an empty queue', look(0), NOTHING, false],
  ['a repair that lost nothing of Flower’s, which has nothing', look(0, 'flower'), NOTHING, true],
  ['a repair that lost the difference to the snapshot', look(60), lost(40), true],
  ['a repair that lost some of what had shrunk before', look(60), lost(1), false],
  ['a repair that lost some and kept as many', look(100), lost(3), false],
  ['a repair that lost some of what had grown', look(150), lost(50), false],
  ['a repair that lost a part without a trace', look(50), lost(0, 30), true],
  ['a repair that lost a little of it without a trace', look(50), lost(0, 2), false],
  ['a repair with an unknown loss', look(50), lost(0, null), true],
  ['a repair that lost all that was left', look(0), lost(3), true],
  ['a repair of one state, which counts no records', look(2, 'flower'), lost(1), false],
  ['one that could not be mended', look(0, 'none', 'damaged', false), undefined, true],
  [
    'one whose values no repair changes',
    { ...look(60, 'shelve', 'damaged', false), loads: true },
    undefined,
    false,
  ],
  [
    'such a one whose repair lost the difference',
    { ...look(60, 'shelve', 'damaged', false), loads: true },
    lost(40),
    true,
  ],
  ['such a one of Flower’s', { ...look(2, 'flower', 'damaged', false), loads: true }, undefined, false],
  ['a missing one', look(0, 'none', 'missing', false), undefined, true],
  ['one that is written to', look(0, 'flower', 'changing', false), undefined, false],
  ['one that cannot be read', look(0, 'flower', 'unreadable', false), undefined, false],
  ['one of another kind', look(0, 'flower', 'not-checked', false), undefined, false],
];

for (const [what, found, loss, expected] of CASES) {
  test(`${what}: ${expected ? 'the snapshot' : 'no snapshot'}`, () => {
    assert.equal(isGain(BEST, found, loss), expected);
  });
}

test('a snapshot without records is no gain', () => {
  assert.equal(isGain({ records: 0 }, look(0, 'none', 'missing', false), undefined), false);
});

for (const [lostRecords, detail, expected] of [
  [0, { uncovered: 0, estimated: 0 }, 'repaired'],
  [70, { uncovered: 0, estimated: 0 }, 'restored'],
  [0, { uncovered: 0.7, estimated: 70 }, 'restored'],
] as const) {
  const what = `${lostRecords} lost and ${detail.uncovered * 100} % of the hashes without a bucket`;
  test(`a repair of a shrunk database with ${what}: ${expected}`, async () => {
    const answer = (file: object) => ({ code: 0, stdout: JSON.stringify({ files: [file] }), said: '' });
    const said: string[] = [];
    const mending: Mending = {
      path: 'x',
      profileOptions: [],
      folderOptions: [],
      bestSnapshot: async () => BEST,
      log: ({ message }) => void said.push(message),
      run: async ([command]) => {
        if (command === 'look') return { code: 0, stdout: JSON.stringify(look(30)), said: '' };
        if (command === 'restore') return answer({ action: 'restored' });
        return answer({
          action: 'repaired',
          kept: 30,
          lost: lostRecords,
          lostDetail: detail,
          backup: 'x.~1~',
        });
      },
    };
    assert.equal(await mend({ ...look(30, 'none', 'damaged', false), size: 1 }, mending, true), expected);
    const more = detail.estimated === 0 ? '' : `, and ${detail.estimated} without a trace`;
    const told = `x: repaired; 30 records kept, ${lostRecords} lost${more}. As it was: x.~1~`;
    assert.equal(said[0], told);
  });
}

for (const [code, event, told] of [
  ['no-space', 'repair-failed', 'x: not repaired: no space left'],
  ['locked', 'busy', 'x: left alone for now: no space left'],
] as const) {
  test(`a refused repair (${code}) is logged with its path once`, async () => {
    const error = { code, message: 'x: no space left' };
    const run = async ([command]: readonly string[]) =>
      command === 'look'
        ? { code: 1, stdout: JSON.stringify(look(0, 'none', 'damaged', false)), said: '' }
        : {
            code: 2,
            stdout: JSON.stringify({ files: [{ action: 'refused', reason: null, error }] }),
            said: '',
          };
    const logged: string[][] = [];
    const mending: Mending = {
      ...playedMending('x', run, []),
      log: (one) => void logged.push([one.event, one.message]),
    };
    await mend({ ...look(1, 'none', 'damaged', false), size: 1 }, mending, true);
    assert.deepEqual(logged, [[event, told]]);
  });
}

/** Mends a damaged database with a simulated repair; the commands that were run, and the records that were counted as lost. */
async function mended(
  report: object,
  options: Partial<Mending> = {},
): Promise<{ ran: string[][]; lost: number }> {
  const ran: string[][] = [];
  const counts = { lost: 0 };
  const run = async (args: readonly string[]) => {
    ran.push([...args]);
    const stdout = args[0] === 'look' ? JSON.stringify(look(30)) : JSON.stringify({ files: [report] });
    return { code: 0, stdout, said: '' };
  };
  const mending = { ...playedMending('x', run, []), counts, ...options };
  await mend({ ...look(30, 'none', 'damaged', false), size: 1 }, mending, true);
  return { ran, lost: counts.lost };
}

for (const [lostRecords, estimated, isApart] of [
  [0, 0, false],
  [3, 0, false],
  [10, 0, true],
  [0, 10, true],
  [0, null, true],
] as const) {
  const what = `${lostRecords} of ${30 + lostRecords} records, and ${estimated ?? 'an unknown number'} without a trace`;
  test(`a repair that lost ${what} is ${isApart ? 'no' : 'a'} good state, and its loss is counted`, async () => {
    const lostDetail = { uncovered: estimated === 0 ? 0 : 0.3, estimated };
    const { ran, lost } = await mended({ action: 'repaired', kept: 30, lost: lostRecords, lostDetail });
    const apart = ran.filter(([command, option]) => command === 'look' && option.startsWith('--poor='));
    assert.equal(apart.length, isApart ? 1 : 0);
    assert.equal(lost, lostRecords + (estimated ?? 0));
  });
}

test('what a repair adds, and the loss that it refuses, are the options of the guard', async () => {
  const { ran } = await mended({ action: 'none' }, { repairOptions: ['--include=stale', '--max-loss=1%'] });
  const [repair] = ran.filter(([command]) => command === 'repair');
  assert.ok(repair.includes('--include=stale') && repair.includes('--max-loss=1%'));
});
