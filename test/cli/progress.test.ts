import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { Bar } from '../../src/cli/progress.js';
import { BIN, run } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

const shareIn = (line: string) => Number(/(\d+) %/.exec(line)?.[1]);

test('one bar shows the phase, the share of all of the work and the time left', () => {
  const bar = new Bar('repairing', 0);
  const first = bar.line(['looking at the buckets', 50, 100], 5000, 100);
  assert.match(first, /^looking at the buckets {2}[█▏▎▍▌▋▊▉░]{24} +58 % {2}4 s left$/);
  assert.equal(shareIn(bar.line(['comparing it', 100, 100], 9000, 100)), 100);
  const soon = new Bar('reading', 0).line(['reading', 1, 1000], 2100, 100);
  assert.doesNotMatch(soon, /left/, 'no guess from the first bytes');
});

test('a bar never goes back, and fits every terminal, whatever the work reports', () => {
  const size = fc.oneof(fc.nat(), fc.constantFrom(0, 1, 2 ** 53));
  const step = fc.constantFrom(
    'looking for moved bytes',
    'examining elements',
    'writing the fresh file',
    'x',
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(step, size, size), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 200 }),
      fc.constantFrom('passing' as const, 'reading' as const, 'repairing' as const, 'salvaging' as const),
      (reports, columns, work) => {
        const bar = new Bar(work, 0);
        let before = 0;
        for (const [n, one] of reports.entries()) {
          const text = bar.line(one, n * 1000, columns);
          assert.ok(text.length < columns || text === '');
          assert.doesNotMatch(text, /NaN|Infinity|-\d/);
          const share = shareIn(text);
          // A narrow terminal cuts it off.
          if (columns < 60) continue;
          assert.ok(share >= before && share <= 100, text);
          before = share;
        }
      },
    ),
  );
});

testWith(['strace', 'script'], 'on a terminal a long command shows one bar, and wipes it', async (t) => {
  const folder = await temporaryFolder(t);
  const lines = Array.from({ length: 3000 }, (_, n) => {
    const key = Buffer.from(`key ${n}`).toString('base64');
    return `{"key":"${key}","value":"${'QUFB'.repeat(300)}"}\n`;
  });
  await writeFile(join(folder, 'lines'), lines.join(''));
  const path = join(folder, 'a.db');
  assert.equal((await run(process.execPath, [BIN, 'load', join(folder, 'lines'), path])).code, 0);
  // A disk that takes its time.
  const slow = 'strace -f -qq -o /dev/null -e trace=pread64 -e inject=pread64:delay_enter=60000';
  for (const command of [`list ${path}`, `check ${path}`, `repair --dry-run ${path}`]) {
    const { stdout } = await run('script', [
      '-qec',
      `${slow} ${process.execPath} ${BIN} ${command}`,
      '/dev/null',
    ]);
    const shown = stdout.split('\r\x1b[K');
    assert.ok(shown.length > 2, `${command}: ${stdout}`);
    for (const one of shown.slice(1, -1)) assert.match(one, /^[a-z ]+ {2}\S{24} +\d+ %/, command);
    assert.doesNotMatch(shown.at(-1)!, /[█░]/, command);
  }
});
