import assert from 'node:assert/strict';
import test from 'node:test';
import { shellPath, shellWord } from '../../src/report/escape.js';
import { run } from '../tools/cli.js';

test('a plain path is unchanged, others are quoted, hidden characters are shown', () => {
  assert.equal(shellWord('/data/flower.db'), '/data/flower.db');
  assert.equal(shellPath('-rf'), './-rf');
  assert.equal(shellWord('--json'), '--json');
  assert.equal(shellWord('/größe'), "'/größe'");
  assert.equal(shellWord('/a\u202eb'), "$'/a\\xe2\\x80\\xaeb'");
});

test('a shell reads the word as the path', async () => {
  for (const path of ["/it's $HOME `x`", '/back\\slash "q"', '/a b;c&d', '/*?[x]', '/ümlaut']) {
    assert.equal((await run('sh', ['-c', `printf %s ${shellWord(path)}`])).stdout, path);
  }
});
