import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cli, run } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { PYTHON, testWith } from '../tools/needs.js';

const line = (key: string, value: Uint8Array | string) =>
  `{"key":"${Buffer.from(key).toString('base64')}","value":"${Buffer.from(value).toString('base64')}"}\n`;

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(args);
  assert.equal(code, 0, stderr);
  return stdout;
}

testWith('flower', 'events of a Flower are shown as a table and as data', async (t) => {
  const folder = await temporaryFolder(t);
  const [lines, path] = [join(folder, 'lines'), join(folder, 'flower.db')];
  const script = fileURLToPath(new URL('../pickle/state.py', import.meta.url));
  const made = await run(`${process.env['GDBM_DOCTOR_FLOWER']}/bin/python`, [script, 'make', '3']);
  for (const [n, state] of made.stdout.trimEnd().split('\n').entries()) {
    await writeFile(lines, line('events', Buffer.from(state, 'base64')));
    await done('load', ...(n > 0 ? ['--no-lock', '--replace'] : []), lines, path);
    const table = await done('get', path, 'events', '--as', 'table');
    assert.match(
      table,
      /^1 worker\nWORKER +LAST SEEN +PROCESSED\nworker@host +2023-11-14 22:13:2\d +3\n\n3 tasks\n/,
    );
    const task =
      /^SUCCESS +proj\.add +task-2 +worker@host +2023-11-14 22:13:22 +2023-11-14 22:13:22 +2023-11-14 22:13:22 +0\.5$/m;
    assert.match(table, task);
    const data = JSON.parse(await done('get', path, 'events', '--as', 'pickle')) as { $class: string };
    assert.equal(data.$class, 'flower.events.EventsState');
  }
});

testWith('python', 'get, list and dump show a pickle, JSON, a text and bytes as what they are', async (t) => {
  const folder = await temporaryFolder(t);
  const [lines, path] = [join(folder, 'lines'), join(folder, 'x.db')];
  const { stdout } = await run(PYTHON, [
    '-c',
    'import pickle, sys; sys.stdout.write(pickle.dumps({"a": (1, None)}).hex())',
  ]);
  const values: Record<string, Uint8Array | string> = {
    pickle: Buffer.from(stdout, 'hex'),
    json: '{"n": 12345678901234567890}',
    text: 'two\nlines \u202e',
    bytes: '\x1b[31m',
    large: Buffer.concat([Buffer.from('"'), Buffer.alloc(300_000, 'x'), Buffer.from('"')]),
  };
  await writeFile(
    lines,
    Object.entries(values)
      .map(([key, value]) => line(key, value))
      .join(''),
  );
  await done('load', lines, path);
  const shown: Record<string, [form: string, text: string]> = {
    pickle: ['pickle', '{\n  "a": {\n    "$tuple": [\n      1,\n      null\n    ]\n  }\n}\n'],
    json: ['json', '{\n  "n": 12345678901234567890\n}\n'],
    text: ['text', 'two\nlines \\xe2\\x80\\xae\n'],
    bytes: ['hex', '00000000  1b 5b 33 31 6d                                   .[31m\n'],
  };
  for (const [key, [form, text]] of Object.entries(shown)) {
    assert.equal(await done('get', path, key, '--as', form), text);
  }
  assert.equal(await done('get', path, 'bytes'), '\x1b[31m');
  assert.match((await cli(['get', path, 'pickle', '--as', 'json'])).stderr, /Try: --as pickle, --as hex\./);
  for (const form of ['pickle', 'json', 'table']) {
    const { code, stdout, stderr } = await cli(['get', path, 'bytes', '--as', form]);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, new RegExp(`the value of "bytes" cannot be shown as ${form}: .*--as hex`));
    assert.ok(!stderr.includes(`--as ${form}`), stderr);
  }
  const data: Record<string, string> = {
    pickle: '{"a":{"$tuple":[1,null]}}',
    json: '{"n":12345678901234567890}',
    text: '"two\\nlines \\u202e"',
    bytes: '{"$bytes":"G1szMW0="}',
    large: `"\\"${'x'.repeat(300_000)}\\""`,
  };
  const dumped = (await done('dump', path, '--format', 'json')).trimEnd().split('\n').sort();
  assert.deepEqual(
    dumped,
    Object.entries(data)
      .map(([key, text]) => `{"name":"${key}","data":${text}}`)
      .sort(),
  );
  const refused = join(folder, 'refused');
  await writeFile(refused, `${dumped.join('\n')}\n`);
  assert.equal((await cli(['load', refused, join(folder, 'y.db')])).code, 2);
  const listed = await done('list', path, '--as', 'auto');
  for (const key of ['pickle', 'json', 'text', 'bytes'])
    assert.ok(listed.includes(`  ${key}  ${data[key]}\n`), listed);
  const { files } = JSON.parse(await done('list', path, '--as', 'auto', '--json')) as {
    files: { keys: { key: string; value: unknown }[] }[];
  };
  const one = files[0].keys.find(({ key }) => key === Buffer.from('pickle').toString('base64'));
  assert.deepEqual(one?.value, { a: { $tuple: [1, null] } });
});
