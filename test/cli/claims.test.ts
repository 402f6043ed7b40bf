import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile, readlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { KeyHasher } from '../../src/format/hash.js';
import { anyBucket, oneBucket } from '../check/onebucket.js';
import { BIN, cli, run } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { runMeasured } from '../tools/measured.js';
import { testWith } from '../tools/needs.js';
import { until } from '../tools/until.js';

/* Sizes that a file or a dump claims take no memory before the bytes are seen to be there; no wait for bytes is endless. */

/** MiB of the resident set at most, of which the engine itself takes some 40. */
const MOST = 88;
/** MiB for a long line, of which a reader that holds it takes several times the size. */
const LINE_LIMIT = 144;

test('a directory that is a hole in a sparse file takes no memory', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'sparse.db');
  // 2^22 entries take 32 MiB as numbers, and as much again for the finding of each.
  const bits = 22;
  const bytes = await readFile(fixture('amd64.db'));
  const end = bytes.length + 8 * 2 ** bits;
  bytes.writeBigInt64LE(BigInt(bytes.length), 8);
  bytes.writeInt32LE(8 * 2 ** bits, 16);
  bytes.writeInt32LE(bits, 20);
  bytes.writeBigInt64LE(BigInt(end + 512), 32);
  await writeFile(path, bytes);
  await truncate(path, end + 512);
  for (const [command, code] of [
    ['check', 1],
    ['list', 0],
  ] as const) {
    const ran = await runMeasured([command, path]);
    assert.equal(ran.code, code, ran.stderr);
    assert.ok(ran.peak <= MOST, `${command}: expected at most ${MOST} MiB, found ${ran.peak}`);
  }
  assert.equal((await cli(['list', path])).stdout.split('\n').length - 1, 102);
});

test('a key that is a hole in a sparse file is listed by its beginning, or refused', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'sparse.db');
  const size = 64 << 20;
  const s = oneBucket(4096, 4096);
  const [end, total] = [s.size, s.size + size + 4096];
  const hasher = new KeyHasher(size);
  const zeros = new Uint8Array(1 << 20);
  for (let n = 0; n < size; n += zeros.length) hasher.update(zeros);
  const hash = hasher.hash('signed');
  const bucket = s.bucket(anyBucket(s));
  bucket.setElement(hash % bucket.elements, {
    hash,
    key_start: new Uint8Array(4),
    data_pointer: end,
    key_size: size,
    data_size: 3,
  });
  bucket.setHead(0, 1);
  s.setOffset(s.headerAt('next_block'), total);
  await writeFile(path, s.bytes);
  await truncate(path, total);
  for (const [command, code, says] of [
    ['list', 0, /^ +3 {2}(\\x00)+…\n$/],
    ['list --json', 2, /the key at offset 16384 has 67108864 bytes, more than the 4194304/],
    ['dump --keys key*', 2, /the key at offset 16384/],
    ['salvage', 0, /^live .*… *$/m],
    ['salvage --json', 0, /"key":null,"keyStart":"AAAAAA=="/],
  ] as const) {
    const ran = await runMeasured([...command.split(' '), path]);
    assert.equal(ran.code, code, `${command}: ${ran.stderr}`);
    assert.match(code === 0 ? ran.stdout : ran.stderr, says, command);
    assert.ok(ran.peak <= MOST, `${command}: expected at most ${MOST} MiB, found ${ran.peak}`);
  }
});

/** Pieces of a dump: a line with a value of so many MiB of the same character. */
function* longLine(before: string, mebibytes: number, character: string, behind: string) {
  yield Buffer.from(before);
  const piece = Buffer.alloc(1 << 20, character);
  for (let n = 0; n < mebibytes; n++) yield piece;
  yield Buffer.from(behind);
}

test('a line of any length in a dump is loaded, or refused, in bounded memory', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'loaded.db');
  const load = async (what: string, dump: Iterable<Uint8Array>) => {
    const ran = await runMeasured(['load', '--replace', '--no-lock', '-', path], dump);
    assert.ok(ran.peak <= LINE_LIMIT, `${what}: expected at most ${LINE_LIMIT} MiB, found ${ran.peak}`);
    return ran;
  };
  const size = async () => /^ *(\d+) {2}key\n$/.exec((await cli(['list', path])).stdout)?.[1];
  // A reader that holds a line in memory takes several times its bytes.
  const most = 64;
  const json = await load('JSON', longLine('{"key":"a2V5","value":"', most, 'A', '"}\n'));
  assert.deepEqual([json.code, await size()], [0, `${(most << 20) * 0.75}`], json.stderr);
  const berkeley = 'VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n 6b6579\n ';
  const hex = await load('hexadecimal', longLine(berkeley, most, '0', '\nDATA=END\n'));
  assert.deepEqual([hex.code, await size()], [0, `${(most << 20) / 2}`], hex.stderr);
  for (const [what, before] of [
    ['a key in JSON', '{"key":"'],
    ['a key in hexadecimal', berkeley.slice(0, -7)],
    ['a key in ASCII', `# End of header\n#:len=${most << 20}\n`],
    ['no dump', '{'],
  ]) {
    const { code, stderr } = await load(what, longLine(before, most, 'A', '\n'));
    assert.equal(code, 2, what);
    assert.match(stderr, /^gdbm-doctor: -: line \d, column \d+: expected/, what);
  }
});

testWith('mkfifo', 'load of a pipe ends at a signal, also while nobody writes to it', async (t) => {
  const folder = await temporaryFolder(t);
  const fifo = join(folder, 'fifo');
  assert.equal((await run('mkfifo', [fifo])).code, 0);
  const out = join(folder, 'out.db');
  const isBegun = async () => (await readdir(folder)).some((name) => name.endsWith('.tmp'));
  const start = (dump: string, stdin: number | 'ignore') =>
    spawn(process.execPath, [BIN, 'load', dump, out], { stdio: [stdin, 'ignore', 'pipe'] });
  const stop = async (
    child: ReturnType<typeof start>,
    signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP',
    code: number,
  ) => {
    const said: Buffer[] = [];
    child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
    child.kill(signal);
    assert.deepEqual(await once(child, 'close'), [code, null]);
    assert.match(Buffer.concat(said).toString(), new RegExp(`stopped by ${signal}. Nothing was changed`));
    assert.deepEqual(await readdir(folder), ['fifo']);
  };

  const silent = start(fifo, 'ignore');
  await until('the pipe is open', async () => {
    const fds = `/proc/${silent.pid}/fd`;
    const targets = await Promise.all(
      (await readdir(fds)).map((fd) => readlink(join(fds, fd)).catch(() => '')),
    );
    return targets.includes(fifo);
  });
  await stop(silent, 'SIGHUP', 129);

  // Open for reading, too, so that it never waits and is never at its end.
  const pipe = await open(fifo, 'r+');
  t.after(() => pipe.close());
  await pipe.write('{"key":"a2V5","value":"dmFsdWU="}\n');
  const named = start(fifo, 'ignore');
  await until('the load has begun', isBegun);
  await stop(named, 'SIGINT', 130);

  await pipe.write('{"key":"a2V5","value":"dmFsdWU="}\n');
  const piped = start('-', pipe.fd);
  await until('the load has begun', isBegun);
  await stop(piped, 'SIGTERM', 143);
});
