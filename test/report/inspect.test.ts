import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { cli, run } from '../tools/cli.js';
import { fixture, fixtureRecords } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { damagedDatabase } from '../tools/showcase.js';

interface View {
  structure: string;
  offset: number | null;
  size: number;
  fields: { name: string; offset: number | null; value: number | string; meaning?: string }[];
  rows?: Record<string, number | string>[];
}

const FILE = fixture('amd64.db');

async function inspect(file: string, ...args: string[]): Promise<View[]> {
  const { stdout, stderr } = await cli(['inspect', file, ...args, '--json']);
  assert.equal(stderr, '');
  return (JSON.parse(stdout) as { files: { structures: View[] }[] }).files[0].structures;
}

const valueOf = ({ fields }: View, name: string) => fields.find((field) => field.name === name)?.value;

async function gdbmtool(...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await run('gdbmtool', ['-r', FILE, ...command]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The elements that gdbmtool lists of the bucket of a slot: index, hash (−1 where free), sizes, pointer, home. */
async function elementsOf(slot: number): Promise<number[][]> {
  const text = await gdbmtool('bucket', String(slot));
  return [...text.matchAll(/^ +(\d+) +([0-9a-f]{1,8}) +(-?\d+) +(-?\d+) +(-?\d+) +(-?\d+)/gm)].map(
    ([, i, hash, ...rest]) => [Number(i), parseInt(hash, 16) | 0, ...rest.map(Number)],
  );
}

testWith('gdbmtool', 'hash, directory, header and count are what gdbmtool says', async () => {
  for (const key of ['hello', 'key-1', 'a', 'some longer key with spaces']) {
    const [view] = await inspect(FILE, 'hash', key);
    const said = /hash value = ([0-9a-f]+)/.exec(await gdbmtool('hash', key))![1];
    assert.equal(valueOf(view, 'hash'), parseInt(said, 16), key);
  }
  const [directory] = await inspect(FILE, 'dir');
  const entries = [...(await gdbmtool('dir')).matchAll(/^\s+(\d+):\s+[0-9a-f]{8}\s+(\d+)$/gm)];
  assert.ok(entries.length >= 8);
  for (const [, slot, bucket] of entries) {
    const row = directory.rows!.find(({ slots }) => {
      const [first, last] = String(slots).split('-').map(Number);
      return first <= Number(slot) && Number(slot) <= last;
    });
    assert.equal(row?.['bucket'], Number(bucket), `slot ${slot}`);
  }
  const [count] = await inspect(FILE, 'count');
  assert.equal(valueOf(count, 'count'), Number(/There are (\d+) items/.exec(await gdbmtool('count'))![1]));
  const [header] = await inspect(FILE);
  const said = await gdbmtool('header');
  const names = {
    dir: 'directory start',
    dir_size: 'directory size',
    dir_bits: 'directory depth',
    block_size: 'block size',
    bucket_size: 'bucket size',
    bucket_elems: 'bucket elems',
    next_block: 'next block',
  };
  for (const [name, theirs] of Object.entries(names)) {
    assert.equal(valueOf(header, name), Number(new RegExp(`${theirs}\\s+= (\\d+)`).exec(said)![1]), name);
  }
});

testWith('gdbmtool', 'buckets, collisions and free space are what gdbmtool lists', async () => {
  const [directory] = await inspect(FILE, 'directory');
  let displaced = 0;
  let inUse = 0;
  for (const { slots } of directory.rows!) {
    const slot = String(slots).split('-')[0];
    const [bucket, avail] = await inspect(FILE, 'bucket', slot);
    const used = (await elementsOf(Number(slot))).filter(([, hash]) => hash !== -1);
    assert.deepEqual(
      bucket.rows!.map((row) =>
        ['element', 'hash', 'key_size', 'data_size', 'data_pointer', 'home'].map((name) => row[name]),
      ),
      used,
    );
    inUse += used.length;
    displaced += used.filter(([i, , , , , home]) => i !== home).length;
    const listed = (await gdbmtool('bucket', slot)).split('Avail count')[1] ?? '';
    const theirs = [...listed.matchAll(/^\s+(\d+)\s+(\d+)$/gm)].map(([, adr, size]) => [
      Number(adr),
      Number(size),
    ]);
    assert.deepEqual(
      avail.rows!.map((row) => [row['av_adr'], row['av_size']]),
      theirs,
    );
  }
  const [collisions] = await inspect(FILE, 'collisions');
  assert.equal(valueOf(collisions, 'in use'), inUse);
  assert.equal(valueOf(collisions, 'displaced'), displaced);
  const [avail] = await inspect(FILE, 'avail');
  const said = await gdbmtool('avail');
  assert.equal(valueOf(avail, 'size'), Number(/size\s+= (\d+)/.exec(said)![1]));
  assert.equal(valueOf(avail, 'count'), Number(/count\s*= (\d+)/.exec(said)![1]));
});

test('record leads to the place of key and value, and at tells the same from there', async () => {
  const bytes = await readFile(FILE);
  for (const [key, value] of (await fixtureRecords()).slice(0, 12)) {
    const [keyBytes, valueBytes] = [key, value].map((text) => Buffer.from(text, 'base64'));
    const views = await inspect(FILE, 'record', '--key-encoding=hex', keyBytes.toString('hex'));
    const view = views.find((one) => valueOf(one, 'found') === 'yes')!;
    const at = view.fields.find(({ name }) => name === 'key')!.offset!;
    assert.deepEqual(bytes.subarray(at, at + keyBytes.length), keyBytes);
    assert.deepEqual(
      bytes.subarray(at + keyBytes.length, at + keyBytes.length + valueBytes.length),
      valueBytes,
    );
    const steps = view.rows!;
    assert.equal(steps.at(-1)!['verdict'], 'found');
    assert.equal(steps[0]['element'], valueOf(view, 'home'));
    if (valueBytes.length === 0) continue;
    const [what] = await inspect(FILE, 'at', `0x${(at + keyBytes.length).toString(16)}`);
    const record = what.rows!.find((row) => row['what'] === 'record')!;
    assert.equal(record['offset'], at);
    assert.match(String(record['why']), /^byte 0 of its value; live, element \d+ of the bucket at \d+$/);
  }
  const [missing] = await inspect(FILE, 'record', 'no such key');
  assert.equal(valueOf(missing, 'found'), 'no');
});

test('map accounts for each byte once, in a damaged file too', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'orders.db');
  const bytes = damagedDatabase(1500);
  await writeFile(file, bytes);
  const [map] = await inspect(file, 'map', '--all');
  let end = 0;
  const sums: Record<string, number> = {};
  for (const row of map.rows!) {
    assert.equal(row['offset'], end);
    end += Number(row['bytes']);
    sums[row['kind']] = (sums[row['kind']] ?? 0) + Number(row['bytes']);
  }
  assert.equal(end, bytes.length);
  for (const [kind, sum] of Object.entries(sums)) assert.equal(valueOf(map, kind), sum, kind);
  assert.ok(sums['damaged'] > 4096 && sums['deleted'] > 0 && sums['overlapping'] > 0, JSON.stringify(sums));
  // The same as text, where numbers end below each other, and with what says how it was made.
  const text = await cli(['inspect', file, 'map', '--all']);
  const lines = text.stdout.trimEnd().split('\n');
  const head = lines.findIndex((line) => line.trim().startsWith('offset'));
  assert.match(lines[head], /^ +offset +bytes {2}kind$/);
  assert.deepEqual(
    lines.slice(head + 1).map((line) => line.trim().split(/\s+/)),
    map.rows!.map((row) => [String(row['offset']), String(row['bytes']), row['kind']]),
  );
  for (const line of lines.slice(head + 1)) assert.equal(line.search(/[a-z]/), lines[head].indexOf('kind'));
  const { stdout } = await cli(['inspect', file, 'map', '--all', '--json', '--hash']);
  const { statement } = JSON.parse(stdout) as {
    statement: { evidence: { before: string; after: string }[] };
  };
  assert.equal(statement.evidence[0].before, createHash('sha256').update(bytes).digest('hex'));
  const damaged = map.rows!.find((row) => row['kind'] === 'damaged')!;
  const [what] = await inspect(file, 'at', String(damaged['offset']));
  assert.match(JSON.stringify(what.rows), /malformed|wiped|key/);
});

test('a line that makes no sense is refused before the file is read', async () => {
  for (const args of [
    ['at'],
    ['at', 'x'],
    ['at', '-5'],
    ['record'],
    ['hash'],
    ['header', '5'],
    ['at', '99999999999'],
  ]) {
    const { code, stdout, stderr } = await cli(['inspect', FILE, ...args]);
    assert.equal(code, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /^gdbm-doctor: ./);
  }
});
