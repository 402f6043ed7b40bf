import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { escapeBytes, safeSentence } from '../../src/report/escape.js';
import { runs } from '../tools/effort.js';

/** Bytes as random ones are, and as text with hostile characters is. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }).map((text) => new Uint8Array(Buffer.from(text))),
  fc
    .array(
      fc.constantFrom('\x1b', '\\', '\\x1b', 'x', 'é', '\u202e', '\u2028', '\u{1f600}', '\ufeff', '\x9b'),
    )
    .map((parts) => new Uint8Array(Buffer.from(parts.join('')))),
);

test('what is shown of bytes has no character that drives a terminal', () => {
  fc.assert(
    fc.property(bytes, (input) => {
      assert.doesNotMatch(escapeBytes(input), /[\p{C}\p{Zl}\p{Zp}]/u);
    }),
    { seed: 1, numRuns: runs(2000) },
  );
});

test('what is shown of bytes tells them exactly: reading the escapes gives the bytes again', () => {
  const unescape = (text: string) =>
    Buffer.concat(
      [...text.matchAll(/\\x([0-9a-f]{2})|\\(\\)|[^\\]+/g)].map(([all, hex, backslash]) =>
        hex !== undefined ? Buffer.from(hex, 'hex') : Buffer.from(backslash ?? all),
      ),
    );
  fc.assert(
    fc.property(bytes, (input) => {
      assert.deepEqual(new Uint8Array(unescape(escapeBytes(input))), new Uint8Array(input));
    }),
    { seed: 2, numRuns: runs(2000) },
  );
});

test('readable text stays readable', () => {
  assert.equal(escapeBytes(Buffer.from('schlüssel-7 日本 😀')), 'schlüssel-7 日本 😀');
  assert.equal(escapeBytes(Buffer.from('a\\b\x00')), 'a\\\\b\\x00');
});

test('a sentence keeps its line ends and what was escaped in it, and loses its control characters', () => {
  assert.equal(safeSentence('one\ntwo \\x1b\x1b[2J\u2028'), 'one\ntwo \\x1b\\x1b[2J\\xe2\\x80\\xa8');
});
