import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { examplesIn, holdExamples, makeStage } from './examples.js';

const run = promisify(execFile);
const root = fixture('..');
const modules = fixture('../node_modules');
const TSC = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));

/** A user's folder with the files that `npm pack` packs, and the packages that they need. */
async function userFolder(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  const installed = join(folder, 'node_modules');
  const packing = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const [{ files }] = JSON.parse((await run('npm', packing, { cwd: root })).stdout) as {
    files: { path: string }[];
  }[];
  for (const { path } of files) await cp(join(root, path), join(installed, 'gdbm-doctor', path));
  for (const name of await readdir(modules)) {
    if (!name.startsWith('.')) await symlink(join(modules, name), join(installed, name));
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
}

/** Compiles TypeScript files of a user, with all checks, also of the package's declarations. */
async function compile(folder: string, files: Record<string, string>, options: object): Promise<void> {
  await mkdir(join(folder, 'src'), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, 'src', name), text);
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: 'ES2022',
    module: 'NodeNext',
    noEmit: true,
    // TypeScript's own declarations are not ours to check.
    skipDefaultLibCheck: true,
    ...options,
  };
  const config = { compilerOptions, files: Object.keys(files).map((name) => `src/${name}`) };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  await run(process.execPath, [TSC, '-p', folder]).catch((error: unknown) => {
    throw new Error((error as { stdout: string }).stdout);
  });
}

const IN_NODE = `
import type { Change, CheckOptions, Database, Diagnosis, RepairResult, Report, SalvagedRecord, Source, Written } from 'gdbm-doctor';
import { check, create, diagnose, diff, dump, GdbmError, hashKey, load, memorySink, open, repair, salvage, snapshots } from 'gdbm-doctor';

export async function use(path: string, signal: AbortSignal): Promise<string[]> {
  const options: CheckOptions = { signal, profile: 'auto', machine: 'arm64', onProgress: (step, done, all) => void [step, done / all] };
  const report: Report = await check(path, options);
  const texts: string[] = report.findings.map(({ code, places }) => code + places.length);
  const own: Source = { size: 0, read: async (_offset, length) => new Uint8Array(length) };
  for (const input of [path, new Uint8Array(0), new Blob([]), own]) {
    const db: Database = await open(input, { signal });
    const value: Uint8Array | undefined = await db.get('key');
    for await (const [key, one] of db) texts.push(key.length + one.length + String(value));
    for await (const piece of dump(db, 'ascii')) texts.push(String(piece.length));
    const change: Change | void = (await diff(db, db).next()).value;
    if (change) texts.push(change.how, String(change.before));
    await db.close();
  }
  const result: RepairResult = await repair(path, { wait: 1, include: ['stale'], maxLoss: { share: 0.5 } });
  texts.push(result.action, result.before.verdict, String(result.betterCopy?.time.getTime()));
  const records: SalvagedRecord[] = [];
  for await (const record of salvage(path, { carve: true, expectKeys: ['events'] })) records.push(record);
  const writer = await create('b.db', { replace: true, blockSize: 512 });
  await writer.add('key', new Uint8Array(1));
  const written: Written = await writer.finish();
  await load(process.stdin, memorySink(), { variant: 'numsync' });
  const { taken } = await snapshots(path, { dir: 'copies' }).take({ keep: 3, signal });
  const diagnosis: Diagnosis = await diagnose(path);
  try {
    texts.push(taken?.id ?? '', diagnosis.problems[0].advice, String(written.size + hashKey('key', 'unsigned')));
  } catch (error) {
    if (error instanceof GdbmError && error.code === 'LOCKED') throw error.cause;
  }
  return texts;
}

export async function dispose(path: string): Promise<number> {
  await using db = await open(path);
  return db.size;
}
`;

const IN_BROWSER = `
import type { Report } from 'gdbm-doctor/core';
import { check, create, dump, memorySink, open } from 'gdbm-doctor/core';

export async function use(file: File): Promise<Report> {
  const db = await open(file);
  const parts: BlobPart[] = [];
  for await (const piece of dump(db, 'csv')) parts.push(piece as Uint8Array<ArrayBuffer>);
  const sink = memorySink();
  const writer = await create(sink, { machine: 'amd64' });
  await writer.add('parts', String(parts.length));
  await writer.finish();
  return check(sink.bytes());
}
`;

test('a program of a user compiles against the packed declarations, strictly, in Node and in a browser', async (t) => {
  const folder = await userFolder(t);
  const examples = [...(await examplesIn('docs/api.md')), ...(await examplesIn('README.md'))];
  const files = Object.fromEntries(examples.map(({ code }, n) => [`example-${n}.ts`, code]));
  await compile(folder, { ...files, 'use.ts': IN_NODE }, { lib: ['ES2022'], types: ['node'] });
  await compile(folder, { 'use.ts': IN_BROWSER }, { lib: ['ES2022', 'DOM'], types: [] });
});

test('the packed package has only its two entries', async (t) => {
  const folder = await userFolder(t);
  await writeFile(
    join(folder, 'use.mjs'),
    `for (const name of ['', '/core', '/dist/examine.js', '/package.json']) {
      const found = await import('gdbm-doctor' + name, name.endsWith('json') ? { with: { type: 'json' } } : {}).catch(({ code }) => ({ [code]: 0 }));
      console.log(Object.keys(found).sort().join(' '));
    }`,
  );
  const { stdout } = await run(process.execPath, [join(folder, 'use.mjs')]);
  const core = ['check', 'create', 'diff', 'dump', 'hashKey', 'load', 'memorySink', 'open', 'salvage'];
  const node = [...core, 'diagnose', 'repair', 'snapshots'].sort();
  assert.deepEqual(stdout.trimEnd().split('\n'), [
    ['GdbmError', ...node].join(' '),
    ['GdbmError', ...core].join(' '),
    'ERR_PACKAGE_PATH_NOT_EXPORTED',
    'default',
  ]);
});

testWith(
  ['nodes', 'flock'],
  'all of the packed package works with each version of Node that it names',
  async (t) => {
    const nodes = process.env['GDBM_DOCTOR_NODES']!.split(':');
    const examples = [...(await examplesIn('docs/api.md')), ...(await examplesIn('README.md'))];
    for (const node of nodes) {
      const stage = await userFolder(t);
      await makeStage(stage, node);
      await holdExamples(examples, stage, await temporaryFolder(t), node);
      const bin = join(stage, 'node_modules', 'gdbm-doctor', 'bin', 'gdbm-doctor.js');
      const { stdout } = await run(node, [bin, 'check', 'tasks.db'], { cwd: stage });
      assert.match(stdout, /^tasks\.db: healthy/);
    }
  },
);
