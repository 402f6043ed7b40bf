import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { identifyOther } from '../../src/database/identify.js';
import { check } from '../../src/examine.js';
import { repair } from '../../src/repair.js';
import { memorySource } from '../../src/source/source.js';
import { anyRecords, build, specFor } from '../build/build.js';
import { anyFormat } from '../format/formats.js';
import { cli, joined } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import type { Tool } from '../tools/needs.js';
import { testWith } from '../tools/needs.js';

/** Runs a line in a shell in a folder. */
function shell(line: string, folder: string): void {
  const { status, stderr } = spawnSync('sh', ['-c', line], {
    cwd: folder,
    env: { ...process.env, GNUPGHOME: join(folder, 'gnupg') },
  });
  assert.equal(status, 0, `${line}: ${stderr.toString()}`);
}

/** Ways to pack a file by real programs, with what a check calls the result. */
const PACKED: readonly (readonly [tools: readonly Tool[], pack: string, what: RegExp])[] = [
  [['gzip'], 'gzip -c', /a gzip-compressed file/],
  [['bzip2'], 'bzip2 -c', /a bzip2-compressed file/],
  [['xz'], 'xz -c', /an xz-compressed file/],
  [['zstd'], 'zstd -c', /a zstd-compressed file/],
  [['lz4'], 'lz4 -c', /an lz4-compressed file/],
  [
    ['python'],
    "python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))'",
    /zlib/,
  ],
  [['base64'], 'base64', /a GDBM database as base64 text/],
  [['base64'], 'base64 -w 0', /a GDBM database as base64 text/],
  [['base64'], "base64 | sed 's/$/\\r/'", /a GDBM database as base64 text/],
  [['gzip', 'base64'], 'gzip -c | base64', /a gzip-compressed file as base64 text/],
  [['xxd'], 'xxd', /a GDBM database as hexadecimal text/],
  [['xxd'], 'xxd -p', /a GDBM database as hexadecimal text/],
  [['xxd'], 'xxd -u -c 32', /a GDBM database as hexadecimal text/],
  [
    ['perl'],
    `perl -e 'local $/; print "begin 644 tasks.db\\n", pack("u", <STDIN>), "\\\`\\nend\\n"'`,
    /a GDBM database as uuencoded text/,
  ],
  [['base64'], '(echo begin-base64 644 tasks.db; base64; echo ====)', /a GDBM database as uuencoded text/],
  [['openssl'], 'openssl enc -aes-256-cbc -pbkdf2 -pass pass:x', /encrypted with openssl/],
  [['openssl'], 'openssl enc -aes-256-cbc -pbkdf2 -pass pass:x -base64', /encrypted with openssl/],
  [['gpg'], 'gpg --batch --pinentry-mode loopback --passphrase x -c', /encrypted with gpg/],
  [['gpg'], 'gpg --batch --pinentry-mode loopback --passphrase x -c --armor', /encrypted with gpg/],
];

for (const [tools, pack, what] of PACKED) {
  testWith(tools, `${pack}: check names it, and the line that it gives undoes it`, async (t) => {
    const folder = await temporaryFolder(t);
    await mkdir(join(folder, 'gnupg'), { mode: 0o700 });
    const database = await readFile(fixture('amd64.db'));
    await writeFile(join(folder, 'original'), database);
    const path = join(folder, "it's a copy.db");
    shell(`cat original | ${pack} > packed && mv packed "it's a copy.db"`, folder);
    const before = await readFile(path);
    const { code, stdout } = await cli(['check', path]);
    assert.equal(code, 2, stdout);
    assert.match(joined(stdout), what);
    const [, line] = /^ +To do: (.*\.decoded)$/m.exec(stdout)!;
    const withPassword = line
      .replace('-pbkdf2', '-pbkdf2 -pass pass:x')
      .replace('gpg -d', 'gpg --batch --pinentry-mode loopback --passphrase x -d');
    shell(withPassword, folder);
    assert.deepEqual(await readFile(`${path}.decoded`), database);
    for (const command of ['repair', 'list', 'salvage']) {
      const refused = await cli([command, path]);
      assert.equal(refused.code, 2, command);
      assert.match(joined(refused.stdout + refused.stderr), what, command);
    }
    assert.deepEqual(await readFile(path), before);
  });
}

test('a packed database of any format is never called a damaged one, and a repair leaves it', async (t: TestContext) => {
  const folder = await temporaryFolder(t);
  const packers: readonly [kind: string, pack: (bytes: Uint8Array) => Uint8Array][] = [
    ['gzip', (bytes) => gzipSync(bytes)],
    ['gzip', (bytes) => gzipSync(bytes, { level: 0 })],
    ['zlib', (bytes) => deflateSync(bytes)],
    ['unknown', (bytes) => brotliCompressSync(bytes)],
    ['base64', (bytes) => Buffer.from(Buffer.from(bytes).toString('base64'))],
    ['hex', (bytes) => Buffer.from(Buffer.from(bytes).toString('hex').toUpperCase())],
    ['hex', hexDump],
    ['uuencode', uuencoded],
    [
      'uuencode',
      (bytes) => Buffer.from(`begin-base64 644 x\n${Buffer.from(bytes).toString('base64')}\n====\n`),
    ],
  ];
  await fc.assert(
    fc.asyncProperty(
      anyFormat,
      anyRecords(40),
      fc.constantFrom(...packers),
      async (format, records, [kind, pack]) => {
        const { bytes } = await build(records, specFor(format));
        assert.equal((await check(memorySource(bytes))).verdict, 'healthy');
        const packed = pack(bytes);
        const { verdict, other } = await check(memorySource(packed));
        assert.deepEqual([verdict, other?.kind], ['not-gdbm', kind]);
        const path = join(folder, 'packed');
        await writeFile(path, packed);
        assert.equal((await repair(path, { lock: false })).action, 'refused');
        assert.deepEqual(await readFile(path), Buffer.from(packed));
      },
    ),
    { numRuns: 60 },
  );
});

test('text that is no encoded database is a text file', () => {
  const random = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) % 251));
  for (const text of [
    random.toString('base64'),
    random.toString('hex'),
    'begin 644 x\n',
    'begin',
    '00000000: \n',
  ]) {
    assert.equal(identifyOther(Buffer.from(text)).kind, 'text');
  }
});

test('a file that age encrypted is named with the line that decrypts it', () => {
  for (const head of ['age-encryption.org/v1\n-> X25519 ', '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl']) {
    const { kind, advice } = identifyOther(Buffer.from(head));
    assert.equal(kind, 'age');
    assert.match(advice, /^age -d < FILE > FILE\.decoded {2}# decrypt it first/);
  }
});

/** As `xxd` writes it. */
function hexDump(bytes: Uint8Array): Buffer {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const hex = Buffer.from(bytes.subarray(at, at + 16)).toString('hex');
    lines.push(
      `${at.toString(16).padStart(8, '0')}: ${hex.replaceAll(/(.{4})/g, '$1 ').padEnd(40)} ................\n`,
    );
  }
  return Buffer.from(lines.join(''));
}

function uuencoded(bytes: Uint8Array): Buffer {
  const digit = (value: number) => String.fromCharCode(value === 0 ? 96 : 32 + value);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 45) {
    const part = bytes.subarray(at, at + 45);
    let line = digit(part.length);
    for (let i = 0; i < part.length; i += 3) {
      const group = (part[i] << 16) | ((part[i + 1] ?? 0) << 8) | (part[i + 2] ?? 0);
      for (const shift of [18, 12, 6, 0]) line += digit((group >> shift) & 63);
    }
    lines.push(`${line}\n`);
  }
  return Buffer.from(`begin 644 tasks.db\n${lines.join('')}${digit(0)}\nend\n`);
}
