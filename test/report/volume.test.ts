import assert from 'node:assert/strict';
import test from 'node:test';
import { Chalk } from 'chalk';
import { volumeReport } from '../../src/report/volume.js';
import { judge } from '../../src/service/diagnose.js';
import type { VolumeFacts } from '../../src/service/facts.js';
import { FOLDER, place } from '../service/facts.js';

const PLAIN = new Chalk({ level: 0 });

function diagnosis(changes: Partial<VolumeFacts> = {}) {
  const facts = place(changes);
  return { path: facts.path, problems: judge(facts), facts };
}

test('the report says the problem, the one line to do about it, and what was seen and what was not', () => {
  const report = volumeReport(
    diagnosis({
      folder: { ...FOLDER, uid: 0, gid: 0, write: 'EACCES' },
      unseen: ['Who holds the file could not be seen: there is no /proc.'],
    }),
    PLAIN,
  );
  assert.match(report, /^\/data\/flower\.db: 1 error about its place\n {2}error folder-not-writable\n/);
  assert.match(report, /\n {4}To do: docker exec -u 0 --privileged 3f2a9c01d2e4 chown 1000:1000 \/data\n/);
  assert.match(report, /\n {2}mount {8}\/data, ext4 of \/dev\/sda1, read-write\n/);
  assert.match(report, /\n {2}not seen {5}Who holds the file could not be seen/);
  for (const line of report.split('\n')) assert.ok(line.length <= 100, line);
});

test('a sound place is one line and its facts', () => {
  assert.match(
    volumeReport(diagnosis(), PLAIN),
    /^\/data\/flower\.db: nothing is wrong with its place\n {2}run as/,
  );
});
