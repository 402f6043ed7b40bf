import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { LIBGDBM_MESSAGES } from '../../src/check/libgdbm.js';
import type { ErrorEntry } from '../../src/report/errors/entry.js';
import { ERROR_INDEX, findErrors } from '../../src/report/errors/find.js';
import { assertAccepted } from '../deploy/accepted.js';
import { BIN, cli, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { PYTHON, testWith } from '../tools/needs.js';
import { Random } from '../tools/random.js';

const PAGE = fixture('../docs/errors.md');
const ENTRIES = ERROR_INDEX.flatMap(({ entries }) => entries);

function entryText({ messages, from, meaning, cause, commands, expect }: ErrorEntry): string {
  const others = messages.length > 1 ? `Also: ${messages.slice(1).map(code).join(', ')}.\n\n` : '';
  const toDo = commands.length === 0 ? '' : `\`\`\`sh\n${commands.join('\n')}\n\`\`\`\n\n`;
  return `### ${code(messages[0])}\n\n${others}From: ${from}. ${meaning}\n\n**Cause.** ${cause}\n\n${toDo}**Expect.** ${expect}\n\n`;
}

function code(text: string): string {
  return `\`${text}\``;
}

/** The page as the table says it; UPDATE_DOCS=1 writes it. */
function page(): string {
  const sections = ERROR_INDEX.map(
    ({ title, entries }) => `## ${title}\n\n${entries.map(entryText).join('')}`,
  );
  return `# Error messages

What the messages about GDBM databases mean, and the command that mends it. \`gdbm-doctor doctor --error "TEXT"\` finds the
entry; TEXT may be a whole traceback, and \`--error -\` reads a log from stdin. FILE is the database: behind TEXT its name is put
into the commands. \`…\` stands for a part that changes.

${sections.join('').trimEnd()}
`;
}

test('docs/errors.md is what the table of error messages gives', async () => {
  if (process.env['UPDATE_DOCS'] === '1') await writeFile(PAGE, page());
  assert.equal(await readFile(PAGE, 'utf8'), page());
});

const lettersOf = (text: string) => text.replaceAll(/[^A-Za-z\d]/g, '').length;

test('every message leads to its own entry, alone and at the end of a traceback', () => {
  for (const entry of ENTRIES) {
    for (const message of entry.messages) {
      const real = message.replaceAll('…', '/data/x.db');
      for (const text of [
        real,
        `Traceback (most recent call last):\n  File "a.py", line 1\n_gdbm.error: ${real}: 'x'\n`,
      ]) {
        const found = findErrors(text);
        assert.ok(found.isExact, text);
        if (entry.isGeneral !== true)
          assert.ok(lettersOf(found.entries[0].message) >= lettersOf(message), text);
        if (entry.isGeneral !== true || text === real)
          assert.equal(found.entries[0].meaning, entry.meaning, text);
      }
    }
  }
});

test('case, quotes, colours, entities and line breaks anywhere in a message do not matter', () => {
  const random = new Random(20261201);
  const noises: ((text: string) => string)[] = [
    (text) => text.toUpperCase(),
    (text) => text.replaceAll("'", '’').replaceAll(' ', '\u00a0'),
    (text) => text.replaceAll("'", '&#39;'),
    (text) => `\x1b[31m${text}\x1b[0m`,
    (text) => text.replaceAll(' ', '\n    '),
    (text) => {
      const at = 1 + random.below(text.length - 1);
      return `${text.slice(0, at)}\n${text.slice(at)}`;
    },
    (text) => `flower-1  | 2026-12-01T00:00:00Z ERROR ${text}, and more`,
  ];
  for (const entry of ENTRIES) {
    for (const message of entry.messages.filter((one) => !one.includes('…'))) {
      for (const noise of noises) {
        const text = noise(message);
        assert.equal(findErrors(text).entries[0].meaning, entry.meaning, text);
      }
    }
  }
});

test('a text that is about something else finds nothing', () => {
  for (const text of [
    '',
    '…',
    "ValueError: could not convert string to float: 'x'",
    'TypeError: expected str, bytes or os.PathLike object, not NoneType',
    'redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.',
    'errno 111',
    'FirstFlagMustBe',
  ]) {
    assert.deepEqual(findErrors(text), { entries: [], isExact: false }, text);
  }
});

test('a message with other words in it finds the nearest, and says that it is not the same', () => {
  const { entries, isExact } = findErrors('gdbm: the database file needs some recovery');
  assert.equal(isExact, false);
  assert.equal(entries[0].messages[0], 'Database needs recovery');
});

test('every message that a check predicts has its entry', () => {
  for (const message of LIBGDBM_MESSAGES) assert.ok(findErrors(message).isExact, message);
});

test('every command of ours in the table is accepted', async () => {
  for (const { commands } of ENTRIES) {
    for (const command of commands.flatMap((one) => one.split(/ \| | \|\| | > /))) {
      const words = command.split(' ');
      if (words[0] === 'gdbm-doctor') await assertAccepted(words.slice(1), command);
    }
  }
});

test('the messages of the README are in the index, with the command that stands there', async () => {
  const text = await readFile(fixture('../README.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([^`]+)`[^|]*\| (.*?) *\|$/gm)].filter(([, , answer]) =>
    answer.includes('gdbm-doctor'),
  );
  assert.ok(rows.length >= 10, String(rows.length));
  for (const [, message, answer] of rows) {
    const found = findErrors(message);
    assert.ok(found.isExact, message);
    const [, command] = /`(gdbm-doctor [a-z]+)/.exec(answer)!;
    assert.ok(
      found.entries[0].commands.some((one) => one.includes(command)),
      `${message}: ${command}`,
    );
  }
});

testWith('libgdbm', 'every message of the real libgdbm is found', () => {
  const script = `
import ctypes
lib = ctypes.CDLL('libgdbm.so.6')
lib.gdbm_strerror.restype = ctypes.c_char_p
for number in range(64):
    print(lib.gdbm_strerror(number).decode())`;
  const { stdout } = spawnSync(PYTHON, ['-c', script], { env: { ...process.env, LC_ALL: 'C' } });
  const messages = new Set(stdout.toString().trimEnd().split('\n'));
  assert.ok(messages.size > 25, String(messages.size));
  for (const message of messages) assert.ok(findErrors(message).isExact, message);
});

testWith('python', 'the messages that the real Python shows lead to the entry for their cause', () => {
  const script = fileURLToPath(new URL('../tools/provoked.py', import.meta.url));
  const { stdout, stderr } = spawnSync(PYTHON, [script], { env: { ...process.env, LC_ALL: 'C' } });
  const provoked = stdout.toString().split('\0').slice(0, -1);
  assert.equal(stderr.toString(), '');
  assert.ok(provoked.length > 20);
  for (const one of provoked) {
    const [expected, traceback] = one.split('\x01');
    assert.equal(findErrors(traceback).entries[0]?.messages[0], expected, traceback);
  }
});

test('doctor --error explains a message, with the name of the database in its commands', async () => {
  const { code, stdout } = await cli([
    'doctor',
    '--error',
    '_gdbm.error: Database needs recovery',
    '/data/a b.db',
  ]);
  assert.equal(code, 0);
  assert.match(stdout, /^Database needs recovery\n/);
  assert.match(stdout, /to do +gdbm-doctor repair '\/data\/a b\.db'\n/);
  assert.doesNotMatch(stdout, /FILE/);
  const unnamed = await cli(['doctor', '--error', 'Database needs recovery']);
  assert.match(unnamed.stdout, /repair FILE\n[^]*FILE is the database/);
  const json = await cli(['doctor', '--json', '--error', 'Bad magic number', 'x.db']);
  const { errors } = JSON.parse(json.stdout) as { errors: ErrorEntry[] };
  assert.deepEqual(errors[0].commands, ['gdbm-doctor doctor x.db', 'gdbm-doctor repair x.db']);
});

test('doctor --error - reads a log from stdin, and ends with 1 where it knows nothing in it', async () => {
  const log = Buffer.from(`${'nothing '.repeat(300_000)}\ndbm.error: db type could not be determined\n`);
  const known = await run(process.execPath, [BIN, 'doctor', '--error', '-'], {}, [log]);
  assert.equal(known.code, 0);
  assert.match(known.stdout, /^db type could not be determined\n/);
  const unknown = await run(process.execPath, [BIN, 'doctor', '--error', '-'], {}, [Buffer.from('hello')]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stdout, /^No message that is known/);
  assert.equal((await cli(['doctor'])).code, 2);
});
