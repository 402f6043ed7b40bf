import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { wrappedText } from '../../src/report/wrap.js';
import { BIN, cli, joined, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

/** A sound database, the same with bytes overwritten in several places, one that a crash left, and what is none. */
async function files(t: TestContext): Promise<Record<string, string>> {
  const folder = await temporaryFolder(t);
  const paths = Object.fromEntries(
    ['sound', 'crashed', 'cut', 'headless', 'gone', 'text'].map((name) => [name, join(folder, `${name}.db`)]),
  );
  await copyFile(fixture('amd64.db'), paths['sound']);
  const crashed = await readFile(fixture('killed-shelve.db'));
  await writeFile(paths['crashed'], crashed);
  await writeFile(paths['cut'], Buffer.from(crashed).fill(0xff, 0x8000, 0x9000));
  await writeFile(paths['headless'], Buffer.from(crashed).fill(0, 0, 0x3000));
  await writeFile(paths['gone'], '');
  await writeFile(paths['text'], 'no database at all\n'.repeat(300));
  return paths;
}

/** Words that only somebody who knows the format understands. */
const TERMS = /\b(hash(es)?|buckets?|directory|offsets?|uncovered|not proved|unaccounted|avail|element)\b/;

test('a report fits 80 columns and uses no term of the format unless findings are asked for', async (t) => {
  for (const [name, path] of Object.entries(await files(t))) {
    const output = `${path}.out`;
    for (const args of [
      ['check', path],
      ['repair', '--no-lock', '--dry-run', path],
      ['repair', '--no-lock', '-o', output, path],
    ]) {
      const told = `${name}: ${args[0]}`;
      const { stdout } = await cli(args);
      const lines = stdout.trimEnd().split('\n');
      for (const line of lines) {
        // A command to paste and a path are never broken.
        const isCommand = line.includes('gdbm-doctor ') || line.includes(path);
        assert.ok(line.length <= 80 || isCommand, `${told}: ${line}`);
        // The codes of findings lead to their explanation.
        if (!/^ {2}wrong /.test(line) && !isCommand) assert.doesNotMatch(line, TERMS, `${told}: ${line}`);
      }
    }
    const detailed = await cli(['check', '--findings', path]);
    for (const line of detailed.stdout.split('\n')) {
      assert.ok(line.length <= 80 || line.includes(path), `${name}: ${line}`);
    }
  }
});

test('a check of a damaged file says how many records there are and are missing, then the command', async (t) => {
  const { cut } = await files(t);
  const { stdout } = await cli(['check', cut]);
  assert.match(
    joined(stdout),
    /: DAMAGED records 379 that a repair keeps missing 17 of 396 records .*To do: gdbm-doctor repair \S+ $/,
  );
  assert.match((await cli(['check', '--all', cut])).stdout, /unaccounted [^]*findings [^]*at offset/);
});

testWith('flock', 'a repair ends with what to do now; its findings are those of the old file', async (t) => {
  const { cut, crashed } = await files(t);
  const repaired = await cli(['repair', crashed]);
  assert.equal(repaired.code, 0);
  assert.match(joined(repaired.stdout), /: REPAIRED kept 396 records, byte for byte missing no record /);
  assert.ok(
    joined(repaired.stdout).endsWith(
      `Start your program now. The old file is ${crashed}.~1~; delete it when you are content. `,
    ),
    repaired.stdout,
  );
  const { stdout } = await cli(['repair', '--findings', cut]);
  assert.match(stdout, /: REPAIRED, but records are missing\n[^]*Found in the old file:\n[^]*key-hash/);
});

testWith('flock', 'the old file is named as the user named the file', async (t) => {
  const { crashed } = await files(t);
  const inside = ['-c', 'cd "$0" && exec "$@"', dirname(crashed), process.execPath, BIN];
  const { stdout } = await run('sh', [...inside, 'repair', 'crashed.db']);
  assert.ok(joined(stdout).includes('The old file is crashed.db.~1~; delete it'), stdout);
});

testWith(
  'flock',
  'several files are repaired one after the other, and the last line sums them up',
  async (t) => {
    const { crashed, cut, sound, text } = await files(t);
    const checked = await cli(['check', crashed, cut, sound, text]);
    assert.equal(checked.code, 2);
    assert.match(checked.stdout, /\n4 files: 2 damaged, 1 healthy, 1 not GDBM\n$/);
    const refused = await cli(['repair', '-o', `${cut}.out`, crashed, cut]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /expected one file with --output/);
    const none = `${cut}.none`;
    const repaired = await cli(['repair', crashed, none, cut, sound]);
    assert.equal(repaired.code, 2, 'as the worst of them');
    assert.match(repaired.stdout, /\n4 files: 2 repaired, 1 could not be repaired, 1 healthy\n$/);
    assert.match(repaired.stderr, /none: expected a file, found none/);
    assert.equal((await cli(['check', crashed, cut])).code, 0);
    const json = await cli(['repair', '--json', crashed, none, sound]);
    const { files: reports } = JSON.parse(json.stdout) as { files: { path: string }[] };
    assert.deepEqual(
      reports.map(({ path }) => path),
      [crashed, none, sound],
    );
  },
);

test('-q has a line for each file that is not healthy, and none for one that is', async (t) => {
  const { crashed, sound, text } = await files(t);
  assert.equal((await cli(['check', '-q', sound])).stdout, '');
  const { stdout } = await cli(['check', '-q', crashed, sound, text]);
  assert.equal(stdout, `${crashed}: DAMAGED\n${text}: NOT A GDBM DATABASE\n`);
  const { stdout: repaired } = await cli(['repair', '--no-lock', '--quiet', crashed, sound]);
  assert.equal(repaired, `${crashed}: REPAIRED\n`);
});

test('a report keeps every word at every width, and breaks no command', () => {
  const word = fc.stringMatching(/^[a-z0-9.:;,]{1,30}$/);
  const sentence = fc.array(word, { minLength: 1, maxLength: 40 }).map((words) => words.join(' '));
  fc.assert(
    fc.property(
      sentence,
      fc.integer({ min: 20, max: 100 }),
      fc.constantFrom('', '  ', '    '),
      (text, width, indent) => {
        const line = indent + text;
        const wrapped = wrappedText([line], width);
        assert.equal(joined(wrapped).trim(), text);
        for (const one of wrapped.trimEnd().split('\n')) {
          assert.ok(one.startsWith(indent));
          assert.ok(one.length <= width || !one.trim().includes(' '), one);
        }
        const command = "gdbm-doctor repair --for amd64 'a file with spaces.db'";
        const withCommand = wrappedText([`${line} ${command}`], width);
        assert.ok(withCommand.includes(command), withCommand);
      },
    ),
  );
});
