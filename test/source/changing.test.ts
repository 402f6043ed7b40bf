import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { check, openProved, openSearched, searchedProved } from '../../src/examine.js';
import { diff, noCounts } from '../../src/exchange/diff.js';
import { LAYOUT_64 } from '../../src/format/format.js';
import { AreaTotals, paint } from '../../src/report/map.js';
import { takePicture } from '../../src/report/picture.js';
import { open } from '../../src/examine.js';
import { allRecords } from '../../src/read/records.js';
import { findOld } from '../../src/salvage/old.js';
import { readSalvaged } from '../../src/salvage/read.js';
import { salvage } from '../../src/salvage/salvage.js';
import { memorySource, requireRange, SourceError } from '../../src/source/source.js';
import type { Source } from '../../src/source/source.js';
import { SWEEP } from '../tools/effort.js';
import { MiniGdbm } from '../tools/minigdbm.js';

/*
 * A program goes on writing while its database is read. What comes of it may be anything that is said of a damaged file, or
 * that the file is not at rest; but never a mistake of ours, and it comes to an end.
 */

/** The file after every few changes: records come, change and go, and buckets split. */
function states(): Uint8Array[] {
  const format = { byteOrder: 'little', layout: LAYOUT_64, variant: 'standard' } as const;
  const db = new MiniGdbm({ format, blockSize: 512 });
  const text = (value: string) => new TextEncoder().encode(value);
  const taken: Uint8Array[] = [];
  let random = 1;
  const below = (limit: number) => (random = (random * 48271) % 0x7fffffff) % limit;
  for (let i = 0; i < 1500; i++) {
    const key = text(`key/${String(below(400)).padStart(4, '0')}`);
    if (below(4) === 0) db.delete(key);
    else db.store(key, text('v'.repeat(below(200))));
    if (i >= 300 && i % 20 === 0) taken.push(db.bytes().slice());
  }
  return taken;
}

const STATES = states();
const RUNS = SWEEP ? 150 : 40;

/** A file that is in the next state after so many reads, in turns. */
function changingSource(first: number, reads: readonly number[]): Source {
  let state = first;
  let turn = 0;
  let left = reads[0];
  const { length: size } = STATES[first];
  const source: Source = {
    size,
    read(offset, length) {
      requireRange(source, offset, length);
      if (left-- === 0) {
        state = Math.min(state + 1, STATES.length - 1);
        left = reads[++turn % reads.length];
      }
      // A copy, as of a file: what was read before stays.
      return Promise.resolve(STATES[state].slice(offset, offset + length));
    },
  };
  return source;
}

const USES: Readonly<Record<string, (source: Source) => Promise<unknown>>> = {
  check,
  async walk(source) {
    const database = await open(source);
    if (database === undefined) return;
    for await (const batch of allRecords(database)) void batch;
  },
  async 'comparison with the file at rest'(source) {
    const [a, b] = [await open(source), await open(memorySource(STATES[20]))];
    if (a === undefined) return;
    for await (const one of diff(a, b!, noCounts())) void one;
    for await (const one of diff(b!, a, noCounts())) void one;
  },
  async salvage(source) {
    const found = await openSearched(source, undefined, { old: true });
    if (found === undefined) return;
    const { db, survey } = found;
    for await (const one of readSalvaged(db.source, salvage(db, survey), 'whole')) void one;
    await findOld(db, survey);
  },
  async picture(source) {
    const proved = await openProved(source);
    const found = proved === undefined ? await openSearched(source) : await searchedProved(proved);
    if (found === undefined) return;
    const { claims } = await takePicture(found.db, found.survey, found.checked);
    await paint(claims, source.size, new AreaTotals().visit, { held: 100 });
  },
};

for (const [name, use] of Object.entries(USES)) {
  test(`of a file that changes while it is read: ${name}`, async () => {
    let ended = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(STATES.length - 1),
        // A salvage makes some hundred reads: in half of the runs the file changes often, in half of them hardly ever.
        fc.oneof(...[60, 5000].map((max) => fc.array(fc.nat(max), { minLength: 1, maxLength: 8 }))),
        async (first, reads) => {
          try {
            await use(changingSource(first, reads));
            ended++;
          } catch (error) {
            if (!(error instanceof SourceError)) throw error;
            refused++;
          }
        },
      ),
      { numRuns: RUNS },
    );
    assert.ok(ended + refused >= RUNS && ended > 0);
  });
}
