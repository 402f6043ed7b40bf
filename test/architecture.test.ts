import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import test from 'node:test';
import { fixture } from './tools/fixtures.js';

const src = fixture('../src');

/** The rooms that each room may use besides itself; the arrows point one way. */
const MAY_USE: Record<string, string[]> = {
  format: [],
  source: ['numbers.ts'],
  // The kinds of database by their first bytes need nothing else; the rest of the room reads files.
  dbm: ['format', 'source', 'read', 'write', 'exchange', 'report', 'store'],
  database: ['numbers.ts', 'weights.ts', 'format', 'source', 'dbm'],
  check: ['numbers.ts', 'weights.ts', 'format', 'source', 'database'],
  orphans: ['numbers.ts', 'weights.ts', 'format', 'source', 'database', 'check'],
  salvage: ['numbers.ts', 'weights.ts', 'format', 'source', 'database', 'check', 'orphans', 'pickle'],
  pickle: ['format', 'source'],
  profile: ['format', 'source', 'database', 'check', 'pickle', 'salvage', 'report'],
  read: ['numbers.ts', 'format', 'source', 'database', 'check', 'salvage', 'examine.ts'],
  write: [
    'read',
    'numbers.ts',
    'format',
    'source',
    'database',
    'check',
    'orphans',
    'salvage',
    'profile',
    'examine.ts',
  ],
  store: ['format', 'source', 'write'],
  service: ['format', 'source', 'database', 'check', 'profile', 'report', 'store', 'dbm', 'contents.ts'],
  // It runs in a reader's browser and knows of the rest only what its data looks like.
  page: ['report', 'numbers.ts'],
  exchange: ['numbers.ts', 'format', 'source', 'database', 'check', 'read', 'write', 'examine.ts'],
};
/** Files that may use the file system, the process and the terminal. */
const AT_THE_EDGE = [
  'source/file.ts',
  'dbm/which.ts',
  'dbm/check.ts',
  'dbm/sqlite.ts',
  'dbm/dict.ts',
  'dbm/records.ts',
  'dbm/make.ts',
  'store/',
  'service/',
  'cli/',
  'repair.ts',
  'repair/',
  'copies.ts',
  'index.ts',
  'api/checkedfile.ts',
  'api/files.ts',
  'api/repair.ts',
  'api/snapshots.ts',
  'api/diagnose.ts',
];

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

/** The text of a file without its docstrings, whose examples are no code of ours. */
function codeOf(file: string): string {
  return readFileSync(join(src, file), 'utf8').replace(/\/\*\*[^]*?\*\//g, '');
}

function importsOf(file: string): { specifier: string; typeOnly: boolean; later: boolean }[] {
  const text = codeOf(file);
  const found = [...text.matchAll(/(?:import|export)\s(type\s)?[^;]*?from\s'([^']+)'|import\('([^']+)'\)/g)];
  return found.map(([, type, from, dynamic]) => ({
    specifier: from ?? dynamic,
    typeOnly: type !== undefined,
    later: from === undefined,
  }));
}

/** The file of ours that an import leads to. */
function ours(file: string, specifier: string): string {
  return relative(src, resolve(dirname(join(src, file)), specifier)).replace(/\.js$/, '.ts');
}

test('rooms use only the rooms below them', () => {
  for (const file of files) {
    const room = file.split('/')[0];
    const allowed = MAY_USE[room];
    if (allowed === undefined || !file.includes('/')) continue;
    for (const { specifier } of importsOf(file).filter((one) => one.specifier.startsWith('.'))) {
      const to = ours(file, specifier).split('/')[0];
      assert.ok(to === room || allowed.includes(to), `${file} uses ${specifier}`);
    }
  }
});

test('only the edge knows of Node, so that the rest runs in a browser', () => {
  for (const file of files) {
    if (AT_THE_EDGE.some((edge) => file === edge || (edge.endsWith('/') && file.startsWith(edge)))) continue;
    for (const { specifier } of importsOf(file))
      assert.ok(!specifier.startsWith('node:'), `${file} uses ${specifier}`);
  }
});

test('nothing that the core needs at run time comes from the edge', () => {
  const reached = new Set<string>();
  const visit = (file: string) => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const { specifier, typeOnly } of importsOf(file)) {
      if (specifier.startsWith('.') && !typeOnly) visit(ours(file, specifier));
    }
  };
  visit('core.ts');
  assert.ok(reached.size > 20);
  for (const file of reached) {
    assert.ok(!AT_THE_EDGE.some((edge) => file.startsWith(edge)), `the core needs ${file}`);
  }
});

test('only one file writes to stdout, so that each failed write is noticed', () => {
  const writes = /stdout\.(write|end)|console\.|\.pipe\(process\.stdout|writeSync\(1\b/;
  const found = files.filter((file) => writes.test(codeOf(file)));
  assert.deepEqual(found, ['cli/terminal.ts']);
});

test('guard and watch, which keep running, do not load the rooms that only their looks need', () => {
  const held = new Set<string>();
  const visit = (file: string) => {
    if (held.has(file)) return;
    held.add(file);
    for (const { specifier, typeOnly, later } of importsOf(file)) {
      if (specifier.startsWith('.') && !typeOnly && !later) visit(ours(file, specifier));
    }
  };
  for (const file of ['cli/main.ts', 'cli/guard.ts', 'cli/watch.ts']) visit(file);
  assert.ok(held.size > 20);
  // Tables without imports, which the command line needs.
  for (const table of ['format/format.ts', 'format/machines.ts']) held.delete(table);
  const rooms = ['format', 'database', 'check', 'orphans', 'salvage', 'write', 'pickle'];
  for (const file of held) assert.ok(!rooms.includes(file.split('/')[0]), `they hold ${file}`);
});
