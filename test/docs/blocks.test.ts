import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { parse } from 'yaml';
import { COMMANDS, nameOf } from '../../src/cli/main.js';
import { optionsOf, unknownOption } from '../../src/cli/optiontable.js';
import { BIN, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';

const ROOT = fixture('..');

interface Block {
  /** File and line. */
  readonly place: string;
  readonly language: string;
  readonly text: string;
}

async function documents(): Promise<string[]> {
  const docs = await readdir(join(ROOT, 'docs'), { recursive: true });
  const names = docs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name));
  return ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...names];
}

async function blocksOf(file: string): Promise<Block[]> {
  const text = await readFile(join(ROOT, file), 'utf8');
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(({ 1: language, 2: block, index }) => ({
    place: `${file}:${text.slice(0, index).split('\n').length}`,
    language,
    text: block,
  }));
}

const blocks = (await Promise.all((await documents()).map(blocksOf))).flat();

/** A folder with `flower.db`, which a crash left, and `cut.db`, the same with some bytes overwritten. */
async function stage(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  await copyFile(fixture('killed-shelve.db'), join(folder, 'flower.db'));
  const bytes = await readFile(fixture('killed-shelve.db'));
  await writeFile(join(folder, 'cut.db'), bytes.fill(0xff, 0x8000, 0x9000));
  return folder;
}

testWith('flock', 'what a document shows of a command is what it prints', async (t) => {
  const shown = blocks.filter(({ language }) => language === 'console');
  assert.ok(shown.length >= 6, `${shown.length} blocks`);
  for (const { place, text } of shown) {
    const folder = await stage(t);
    for (const part of text.split(/^\$ /m).filter((one) => one !== '')) {
      const [line, ...expected] = part.trimEnd().split('\n');
      const words = line.replace(/^npx /, '').split(' ').slice(1);
      const { stdout } = await run('sh', [
        '-c',
        'cd "$0" && exec "$@"',
        folder,
        process.execPath,
        BIN,
        ...words,
      ]);
      const lines = stdout.trimEnd().split('\n');
      // `…` stands for the rest.
      const end = expected.indexOf('…');
      if (end < 0) assert.deepEqual(lines, expected, place);
      else assert.deepEqual(lines.slice(0, end), expected.slice(0, end), place);
    }
  }
});

test('every command line in a document has a command and options that there are', async () => {
  const lines = blocks
    .filter(({ language }) => ['', 'sh', 'console', 'yaml'].includes(language))
    .flatMap(({ place, text }) => text.split('\n').map((line) => ({ place, line })));
  let tried = 0;
  for (const { place, line } of lines) {
    // Behind && and | there may be more; what stands behind # is a remark.
    for (const [, rest] of line
      .replace(/ +#.*/, '')
      .matchAll(/(?:^|[ $(])gdbm-doctor ((?:[^&|;'"]|'[^']*'|"[^"]*")+)/g)) {
      const words = rest
        .trim()
        .replaceAll(/'[^']*'|"[^"]*"/g, 'word')
        .split(/ +/);
      const listed = COMMANDS.find((one) => nameOf(one) === words[0]);
      // A log names the program, too.
      if (/^(warning|info|error):?$/.test(words[0])) continue;
      assert.ok(listed !== undefined, `${place}: ${line}`);
      const dashes = words.indexOf('--');
      const { command } = await listed.load();
      const own = dashes < 0 ? words.slice(1) : words.slice(1, dashes);
      assert.equal(unknownOption(own, optionsOf(command, listed.usage)), undefined, `${place}: ${line}`);
      tried++;
    }
  }
  assert.ok(tried > 60, `${tried} command lines`);
});

test('a link in a document leads to a file, and to a heading of it', async () => {
  for (const file of await documents()) {
    const text = (await readFile(join(ROOT, file), 'utf8')).replaceAll(/^```[^]*?^```$/gm, '');
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path, heading] = target.split('#');
      const linked = path === '' ? join(ROOT, file) : join(ROOT, dirname(file), path);
      const content = await readFile(linked, 'utf8').catch((error: NodeJS.ErrnoException) => {
        // A folder.
        if (error.code === 'EISDIR') return '';
        throw new Error(`${file} links to ${target}, which is not there`);
      });
      if (heading === undefined) continue;
      const anchors = [...content.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
        title
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
          .replaceAll(' ', '-'),
      );
      assert.ok(anchors.includes(heading), `${file}: #${heading} is none of ${anchors.join(', ')}`);
    }
  }
});

test('the README is short, and its figures are those that were measured', async () => {
  const text = await readFile(join(ROOT, 'README.md'), 'utf8');
  const lines = text.split('\n');
  assert.ok(lines.length <= 151, `${lines.length} lines`);
  const plain = text.replaceAll(/^```[^]*?^```$/gm, '');
  for (const paragraph of plain.split(/\n\n+/)) {
    if (/^([|#]|- |\d\. )/.test(paragraph)) continue;
    assert.ok(paragraph.trim().split('\n').length <= 4, paragraph);
  }
  const torture = await readFile(join(ROOT, 'docs/torture.md'), 'utf8');
  const benchmarks = await readFile(join(ROOT, 'docs/benchmarks.md'), 'utf8');
  const cells = (row: string) => row.split('|').map((cell) => cell.replaceAll('*', '').trim());
  // The first table is of the usual databases.
  const measured = new Map(
    torture
      .split('\n')
      .reverse()
      .map((row) => [cells(row)[1], cells(row)]),
  );
  let rows = 0;
  for (const row of plain.split('\n').filter((line) => /^\| .* %/.test(line))) {
    const [, name, ours, theirs] = cells(row);
    const found = measured.get(name);
    assert.ok(found, name);
    assert.equal(found[3].split(':')[0], ours, name);
    for (const figure of theirs.match(/[\d.]+/g) ?? [])
      assert.ok(found[4].includes(figure), `${name}: ${figure}`);
    rows++;
  }
  assert.ok(rows >= 5);
  for (const [what, row] of [
    ['check', /^\| `check`, 10⁶ records, the library’s file, beside.*$/m],
    ['repair', /^\| `repair -o`, 10⁶ records, the library’s file, beside.*$/m],
  ] as const) {
    const promised = plain.split('\n').find((line) => line.includes(`time and memory of a ${what}`)) ?? '';
    const found = row.exec(benchmarks)?.[0] ?? '';
    for (const figure of promised.match(/[\d.]+ (s|MiB)/g) ?? [])
      assert.ok(found.includes(figure), `${what}: ${figure}`);
  }
});

test('the Compose and Kubernetes lines of the README are whole', async () => {
  const compose = blocks.filter(({ place, language }) => place.startsWith('README') && language === 'yaml');
  const { services } = parse(compose[0].text) as { services: { flower: { entrypoint: string[] } } };
  const deployed = parse(await readFile(join(ROOT, 'docs/deploy/compose.guard.yaml'), 'utf8')) as {
    services: { flower: { image: string; entrypoint: string[] } };
  };
  assert.deepEqual(services.flower.entrypoint.slice(0, 2), deployed.services.flower.entrypoint.slice(0, 2));
  const [, overrides] = /--overrides='([^']*)'/.exec(blocks.map(({ text }) => text).join('\n')) ?? [];
  const { spec } = JSON.parse(overrides) as { spec: { containers: { command: string[] }[] } };
  assert.deepEqual(spec.containers[0].command.slice(2, 4), ['gdbm-doctor', 'repair']);
});
