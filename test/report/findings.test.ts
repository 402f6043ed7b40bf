import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { FINDING_CODES } from '../../src/check/finding.js';
import { fixture } from '../tools/fixtures.js';

const PAGE = fixture('../docs/findings.md');

/** The page as the code says it; UPDATE_DOCS=1 writes it. */
function page(): string {
  const rows = Object.entries(FINDING_CODES).map(
    ([code, [severity, consequence]]) => `| \`${code}\` | ${severity} | ${consequence} |\n`,
  );
  return `# Findings

What \`check\` can find, by code. The codes are stable. **error**: data or opening is at risk, and the file is damaged.
**warning**: libgdbm copes. **note**: worth knowing, nothing to do.

Findings of one code are one entry with a count and the first places (\`check --all\` and \`--json\` have 100 of each). What
another finding explains stands under that one: a \`next_block\` that is too low is one entry, with the records and the free
space behind it as its consequences. A field that is known to be wrong is not used to judge others.

A repair corrects nothing in place. It writes the records that can be proved into a fresh file, whose header, directory,
buckets and free space are made anew (only where the header alone is wrong, it mends the header of a copy). So what is wrong
with a structure, such as a \`bucket-count\`, is gone after it and costs no record by itself; findings about elements and
keys are records that are lost unless another copy of them is proved, and \`repair --dry-run\` counts those. Values stay as
they are: those that their program cannot load are set aside whole.

| code | severity | what follows from it |
| --- | --- | --- |
${rows.join('')}`;
}

test('every finding is explained in docs/findings.md', async () => {
  if (process.env['UPDATE_DOCS'] === '1') await writeFile(PAGE, page());
  assert.equal(await readFile(PAGE, 'utf8'), page());
});
