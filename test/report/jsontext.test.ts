import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { jsonText } from '../../src/report/escape.js';

/** Texts with what a terminal, or a reader of lines, takes for something else than text. */
const anyText = fc.string({
  unit: fc.oneof(fc.constantFrom('\u001b', '\u007f', '\u009b', '\u2028', '\u2029', '"', '\\'), fc.string()),
});

test('JSON says what it was made of, and has nothing in it that a terminal obeys', () => {
  fc.assert(
    fc.property(
      fc.dictionary(anyText, fc.oneof(anyText, fc.array(anyText), fc.integer())),
      fc.constantFrom(undefined, 2),
      (value, indent) => {
        const text = jsonText(value, indent);
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
        // eslint-disable-next-line no-control-regex -- they are what is looked for
        assert.doesNotMatch(text.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
        if (indent === undefined) assert.ok(!text.includes('\n'));
      },
    ),
    { seed: 20261129 },
  );
});
