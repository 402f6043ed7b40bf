import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import test from 'node:test';
import { assertAccepted } from './accepted.js';
import { deployed, textOf } from './files.js';
import { argumentsOf } from './lines.js';

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

const KNOWN = ['ARG', 'FROM', 'COPY', 'RUN', 'USER', 'ENV', 'ENTRYPOINT', 'CMD'];

async function instructions(): Promise<Instruction[]> {
  const text = (await textOf('Dockerfile')).replaceAll(/^#.*\n/gm, '').replaceAll(/\\\n/g, ' ');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const match = /^([A-Z]+) (\S.*)$/.exec(line);
      assert.ok(match !== null && KNOWN.includes(match[1]), line);
      return { name: match[1], rest: match[2] };
    });
}

/** The words of a RUN, or of the JSON form of a CMD. */
const wordsOf = (rest: string) => (rest.startsWith('[') ? (JSON.parse(rest) as string[]) : rest.split(/\s+/));

test('the Dockerfile starts from Flower, last, and leaves its command and its user', async () => {
  const all = await instructions();
  const args = new Map(
    all.filter(({ name }) => name === 'ARG').map(({ rest }) => rest.split('=') as [string, string]),
  );
  const bases = all.filter(({ name }) => name === 'FROM').map(({ rest }) => rest.split(' ')[0]);
  const images = bases.map((base) =>
    base.replace(/^\$\{(\w+)\}$/, (_, name: string) => args.get(name) ?? ''),
  );
  assert.match(images[0], /^node:24-alpine/);
  assert.match(images[1], /^mher\/flower:/);
  assert.equal(images.length, 2);
  assert.deepEqual(
    all.filter(({ name }) => ['CMD', 'ENTRYPOINT', 'USER'].includes(name)),
    [],
  );
});

test('what it copies from the repository is there, and is let through to the builder', async () => {
  const ignored = await textOf('Dockerfile.dockerignore');
  const copies = (await instructions()).filter(
    ({ name, rest }) => name === 'COPY' && !rest.includes('--from='),
  );
  assert.equal(copies.length, 2);
  for (const { rest } of copies) {
    const [source] = rest.split(' ').filter((word) => !word.startsWith('--'));
    await access(deployed(`../../${source}`));
    assert.ok(ignored.split('\n').includes(`!${source}`), source);
  }
});

test('its lines of ours are accepted', async () => {
  let found = 0;
  for (const { name, rest } of await instructions()) {
    if (!['RUN', 'CMD', 'ENTRYPOINT'].includes(name)) continue;
    const args = argumentsOf(wordsOf(rest));
    if (args === undefined) continue;
    found++;
    // Asked for by itself, yargs would print it here.
    if (args.join(' ') !== '--version') await assertAccepted(args, 'Dockerfile');
  }
  assert.equal(found, 1);
});
