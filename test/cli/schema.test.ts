import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { LOSS_REASONS } from '../../src/check/marks.js';
import { cli } from '../tools/cli.js';
import { DAMAGES, damageFile } from '../tools/damage.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

const schema = JSON.parse(await readFile(fixture('../docs/report.schema.json'), 'utf8')) as object;
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);

interface Report {
  version: number;
  files: Record<string, unknown>[];
}

async function report(args: string[]): Promise<Report> {
  const { stdout } = await cli(args);
  const document: unknown = JSON.parse(stdout);
  assert.ok(validate(document), `${args.join(' ')}: ${JSON.stringify(validate.errors)}`);
  return document as Report;
}

test('check --json keeps to the schema for every verdict', async (t) => {
  const folder = await temporaryFolder(t);
  const file = (name: string) => join(folder, name);
  await writeFile(file('empty'), '');
  await writeFile(file('text'), 'words');
  await writeFile(file('short'), (await readFile(fixture('amd64.db'))).subarray(0, 100));
  for (const [i, name] of Object.keys(DAMAGES).entries()) {
    await copyFile(fixture('amd64.db'), file(`damaged-${i}`));
    await damageFile(file(`damaged-${i}`), name);
  }
  const { files } = await report([
    'check',
    '--json',
    '--for',
    'amd64',
    ...['amd64.db', 'amd64-numsync.db', 'i386.db', 's390x.db', 'killed-shelve.db'].map(fixture),
    ...['empty', 'text', 'short', 'none'].map(file),
    ...Object.keys(DAMAGES).map((_, i) => file(`damaged-${i}`)),
  ]);
  const verdicts = files.map(({ verdict }) => verdict);
  assert.deepEqual(verdicts.slice(0, 9), [
    ...['healthy', 'healthy', 'foreign', 'foreign', 'damaged'],
    ...['damaged', 'not-gdbm', 'damaged', 'unreadable'],
  ]);
  assert.ok(verdicts.slice(9).every((verdict) => verdict === 'damaged'));
  const format = files[2]['format'] as Record<string, unknown>;
  const { byteOrder, offsetBits, alignment, variant, hashChar } = format;
  assert.deepEqual(
    [byteOrder, offsetBits, alignment, variant, hashChar],
    ['little', 64, 4, 'standard', 'signed'],
  );
});

test('each reason for which a record is lost is in the schema', () => {
  const { $defs } = schema as {
    $defs: { records: { properties: { rejected: { propertyNames: { enum: string[] } } } } };
  };
  assert.deepEqual($defs.records.properties.rejected.propertyNames.enum, [...LOSS_REASONS]);
});

test('doctor --json keeps to the schema for a sound, damaged or missing file', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'text'), 'words');
  for (const path of [
    ...['amd64.db', 'i386.db', 's390x.db', 'killed-shelve.db'].map(fixture),
    ...['text', 'none', join('none', 'none')].map((name) => join(folder, name)),
  ]) {
    const [file] = (await report(['doctor', '--json', path])).files;
    assert.ok('volume' in file && typeof file['next'] === 'string', path);
  }
});

testWith('flock', 'repair --json keeps to the schema for each action', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state.db');
  await copyFile(fixture('killed-shelve.db'), path);
  const repaired = (await report(['repair', '--json', path])).files[0];
  assert.equal(repaired['action'], 'repaired');
  assert.deepEqual([repaired['kept'], repaired['lost']], [396, 0]);
  assert.deepEqual([repaired['output'], repaired['backup']], [path, `${path}.~1~`]);
  assert.equal(repaired['libgdbm'], 'Database needs recovery');
  const again = (await report(['repair', '--json', path])).files[0];
  assert.deepEqual([again['action'], again['verdict'], again['backup']], ['none', 'healthy', null]);
  const refused = (await report(['repair', '--json', join(folder, 'none')])).files[0];
  assert.deepEqual([refused['action'], refused['verdict']], ['refused', 'unreadable']);
  const dry = (await report(['repair', '--json', '--dry-run', fixture('killed-shelve.db')])).files[0];
  assert.deepEqual([dry['action'], dry['output']], ['none', null]);
  const shelve = fixture('../test/cases/shelve-key-not-utf8.db');
  const aside = (await report(['repair', '--json', '-o', join(folder, 'fresh.db'), shelve])).files[0];
  assert.deepEqual(aside['setAside'], { records: 1, reasons: { 'key-not-text': 1 } });
  assert.equal(aside['quarantine'], `${join(folder, 'fresh.db')}.quarantine.~1~`);
});
