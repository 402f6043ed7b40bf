import assert from 'node:assert/strict';
import test from 'node:test';
import { checkAvailChain } from '../../src/check/avail.js';
import { examineBuckets } from '../../src/check/bucket.js';
import { owns } from '../../src/database/survey.js';
import { openProved, openSearched, searchedProved } from '../../src/examine.js';
import type { Opened } from '../../src/examine.js';
import { elementStruct } from '../../src/format/bucket.js';
import { offsetSize } from '../../src/format/format.js';
import { placesNow } from '../../src/database/database.js';
import { takePicture } from '../../src/report/picture.js';
import { findOld } from '../../src/salvage/old.js';
import { memorySource } from '../../src/source/source.js';
import { smallDatabases, whateverTheDamage } from '../read/walked.js';
import { modelsNamed } from '../torture/combine.js';
import { SWEEP } from '../tools/effort.js';
import { damagedCopy } from '../torture/judge.js';

/** A claim as text, so that lists of them can be sorted and compared. */
const named = (kind: string, offset: number, length: number) => `${offset}+${length} ${kind}`;

/** All that claims bytes, told bucket by bucket of what an examination and a salvage give. */
async function slowly({ db, survey }: Opened): Promise<string[]> {
  const { geometry, directory, format, headerLost, source } = db;
  const claims: string[] = [];
  const claim = (kind: string, at: number, bytes: number) => {
    for (const { offset, length } of placesNow(db, at, bytes)) {
      if (length > 0) claims.push(named(kind, offset, length));
    }
  };
  claim(headerLost ? 'damaged' : 'header', 0, geometry.blockSize);
  if (geometry.directory !== undefined) {
    const leads = survey.sites.some(({ origin }) => origin === 'directory');
    const size = directory.length * offsetSize(format.layout);
    claim(leads ? 'directory' : 'damaged', geometry.directory.offset, size);
  }
  const { blocks } = await checkAvailChain(db, ({ av_adr, av_size }) => claim('free', av_adr, av_size));
  for (const { offset, bytes } of blocks.slice(1)) claim('avail', offset, bytes);
  for await (const { site, records, rejected, free } of examineBuckets(db, survey)) {
    const { offset, state, origin, elements, firstSlot } = site;
    const proved = records.length > 0 || origin === 'scan' || owns(site, firstSlot);
    if (elements !== undefined) {
      for (const at of elements) claim('bucket', at, elementStruct(format.layout).size);
    } else if (state === 'sound' && proved) claim('bucket', offset, geometry.bucketSize);
    else if (state === 'malformed' || state === 'wiped') claim('damaged', offset, geometry.bucketSize);
    for (const { av_adr, av_size } of free) claim('free', av_adr, av_size);
    for (const { offset: at, keySize, dataSize } of records) claim('record', at, keySize + dataSize);
    for (const { reason, offset: at, keySize, dataSize } of rejected) {
      const inside = at > 0 && keySize >= 0 && dataSize >= 0 && at + keySize + dataSize <= source.size;
      if ((reason === 'key' || reason === 'hash') && inside) claim('damaged', at, keySize + dataSize);
    }
  }
  for (const { confidence, offset, keySize, dataSize } of await findOld(db, survey)) {
    if (confidence !== 'trace') claim('deleted', offset, keySize + dataSize);
  }
  return claims.sort();
}

/** The claims of a picture, read twice, because they are read from the buckets each time. */
async function told({ db, survey, checked }: Opened): Promise<string[]> {
  const { claims } = await takePicture(db, survey, checked);
  const lists: string[][] = [];
  for (let n = 0; n < 2; n++) {
    const list: string[] = [];
    await claims((kind, offset, length) => {
      if (length > 0) list.push(named(kind, offset, length));
    });
    lists.push(list.sort());
  }
  assert.deepEqual(lists[0], lists[1]);
  return lists[0];
}

/** The claims that show; an element of a bucket in force that is also told of by a superseded one shows once. */
const shown = (claims: readonly string[]) => [...new Set(claims)];

const databases = smallDatabases('claims');

test('whatever the damage, a picture has each structure, record and old record, at its place in the file', () =>
  whateverTheDamage(databases, 100, async (bytes) => {
    const found = await openSearched(memorySource(bytes));
    if (found === undefined) return;
    assert.deepEqual(shown(await told(found)), shown(await slowly(found)));
  }));

test('so it has where a directory entry is wrong and half of the directory is lost', async () => {
  // Elements of one bucket without its head are partly in force and partly old.
  const models = modelsNamed(['directory entries wrong', 'half of the directory lost']);
  for (const [name, intact] of databases) {
    for (let seed = 0; seed < (SWEEP ? 12 : 2); seed++) {
      const found = await openSearched(memorySource(damagedCopy(intact, models, seed).bytes));
      if (found === undefined) continue;
      assert.deepEqual(shown(await told(found)), shown(await slowly(found)), `${name}, ${seed}`);
    }
  }
});

for (const damage of ['header block lost', 'avail tables of buckets wrong']) {
  test(`what is proved although something is wrong is drawn as one that was examined: ${damage}`, async () => {
    let proofs = 0;
    for (const [name, intact] of databases) {
      for (let seed = 0; seed < (SWEEP ? 6 : 2); seed++) {
        const bytes = damagedCopy(intact, modelsNamed([damage]), seed).bytes;
        const proved = await openProved(memorySource(bytes));
        if (proved === undefined) continue;
        proofs++;
        const [short, long] = [await searchedProved(proved), (await openSearched(memorySource(bytes)))!];
        assert.deepEqual(await told(short), await told(long), `${name}, ${seed}`);
        const { marks, ...counts } = short.survey.examination!;
        const { marks: others, ...examined } = long.survey.examination!;
        assert.deepEqual([marks.kept, marks.sites], [others.kept, others.sites], `${name}, ${seed}`);
        // Lists of a proof, which hold what `told` has compared.
        const lists = { runs: 0, inOrder: undefined };
        assert.deepEqual({ ...counts, ...lists }, { ...examined, ...lists }, `${name}, ${seed}`);
      }
    }
    assert.ok(proofs > 0);
  });
}
