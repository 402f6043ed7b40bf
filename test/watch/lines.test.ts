import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { logLine, healthText, isHealthy, metricsText, newStatus } from '../../src/service/outlets.js';

const TIME = new Date('2026-11-24T05:00:00.123Z');

test('a text line is one line without control characters for any message', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (message) => {
      const line = logLine({ level: 'info', event: 'x', message }, 'text', TIME);
      assert.match(line, /^2026-11-24T05:00:00\.123Z gdbm-doctor info: /);
      assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029]/u);
    }),
    { seed: 20261124 },
  );
});

test('a JSON line parses to its event', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer(), (message, records) => {
      const line = logLine({ level: 'error', event: 'x', message, details: { records } }, 'json', TIME);
      assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029]/u);
      const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
      assert.equal(time, TIME.toISOString());
      assert.deepEqual(rest, { level: 'error', event: 'x', message, records });
    }),
    { seed: 20261124 },
  );
});

test('a JSON line escapes control characters', () => {
  const line = logLine({ level: 'info', event: 'x', message: 'a\x7f\x9b31m\u2028' }, 'json', TIME);
  assert.ok(line.includes('"a\\u007f\\u009b31m\\u2028"'), line);
});

test('metrics are in the text format for any file name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (path) => {
      for (const line of metricsText([newStatus(path)])
        .trimEnd()
        .split('\n')) {
        if (line.startsWith('#')) assert.match(line, /^# (HELP|TYPE) gdbm_doctor_[a-z_]+ /);
        else assert.match(line, /^gdbm_doctor_[a-z_]+\{db="(?:[^"\\\n]|\\["\\n])*"\} -?[\d.]+$/);
      }
    }),
    { seed: 20261124 },
  );
});

test('a database without a look is not healthy', () => {
  const status = newStatus('x');
  assert.equal(isHealthy(status), false);
  assert.equal(healthText([status]), 'unhealthy: not looked at yet\n');
  assert.match(metricsText([status]), /^gdbm_doctor_healthy\{db="x"\} 0$/m);
});
