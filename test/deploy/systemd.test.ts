import assert from 'node:assert/strict';
import test from 'node:test';
import { NOT_STARTED } from '../../src/service/guard.js';
import { assertAccepted } from './accepted.js';
import { textOf } from './files.js';
import { argumentsOf } from './lines.js';

/** The settings of a unit: section to name to values. */
async function unit(name: string): Promise<Record<string, Record<string, string[]>>> {
  const sections: Record<string, Record<string, string[]>> = {};
  let section: Record<string, string[]> | undefined;
  for (const line of (await textOf(name)).replaceAll(/\\\n\s*/g, '').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const heading = /^\[(\w+)\]$/.exec(line);
    if (heading !== null) {
      section = sections[heading[1]] = {};
      continue;
    }
    const setting = /^(\w+)=(.*)$/.exec(line);
    assert.ok(setting !== null && section !== undefined, line);
    (section[setting[1]] ??= []).push(setting[2]);
  }
  return sections;
}

test('celery-beat.service: the line is accepted, and guards the database that beat is given', async () => {
  const { Service } = await unit('celery-beat.service');
  const words = Service['ExecStart'][0].split(/\s+/);
  assert.ok(words[0].startsWith('/'));
  const args = argumentsOf(words);
  assert.ok(args);
  await assertAccepted(args, 'celery-beat.service');
  assert.ok(words.includes(`--schedule=${args[1]}`));
});

test('celery-beat.service: beat is stopped by its guard, has time to save, and may write where its files are', async () => {
  const { Unit, Service, Install } = await unit('celery-beat.service');
  assert.ok(Unit['Description'] && Install['WantedBy']);
  assert.deepEqual(
    ['KillMode', 'TimeoutStopSec', 'MemoryMax', 'User', 'StateDirectory', 'RestartPreventExitStatus'].map(
      (name) => Service[name]?.join(),
    ),
    ['mixed', '60', '256M', 'celery', 'celery', String(NOT_STARTED)],
  );
  for (const [path] of Service['ExecStart'][0].matchAll(/\/var\/\S+/g)) {
    assert.ok(path.startsWith('/var/lib/celery/'), path);
  }
});
