import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { BucketSite, SiteState } from '../../src/database/site.js';
import { AlikeSites, changedSite } from '../../src/database/site.js';

/** A few numbers of each field, so that many are alike in some and different in others. */
const small = fc.oneof(fc.constantFrom(0, 1, 2, 31, 32), fc.integer({ min: -1, max: 9 }));

const anySite: fc.Arbitrary<BucketSite> = fc
  .record({
    origin: fc.constantFrom('directory' as const, 'scan' as const),
    offset: fc.nat().map((n) => n * 4096),
    firstSlot: small,
    slots: small,
    bits: small,
    count: fc.oneof(small, fc.integer()),
    availCount: small,
    used: small,
    ownFirst: small,
    ownSlots: small,
    state: fc.constantFrom<SiteState[]>('sound', 'malformed', 'wiped', 'headless'),
    inPlace: fc.boolean(),
  })
  .map(({ inPlace, ...site }) =>
    inPlace
      ? { ...site, state: 'sound', ownFirst: site.firstSlot, ownSlots: site.slots, count: site.used }
      : site,
  );

const NAMES = [
  'origin',
  'offset',
  'firstSlot',
  'slots',
  'bits',
  'count',
  'availCount',
  'used',
  'ownFirst',
  'ownSlots',
  'state',
  'elements',
] as const satisfies readonly (keyof BucketSite)[];

test('a bucket that is held by what it has in common with others is the same bucket', () => {
  let alike = 0;
  fc.assert(
    fc.property(fc.array(anySite, { maxLength: 200, size: 'max' }), (sites) => {
      const held = new AlikeSites();
      const slim = sites.map((site) => held.slim(site));
      for (const [n, site] of sites.entries()) {
        for (const name of NAMES) assert.deepEqual(slim[n][name], site[name], name);
        if (slim[n] !== site) alike++;
      }
    }),
  );
  assert.ok(alike > 1000, `${alike} held by others`);
});

test('a bucket of which something else is known keeps all the rest', () =>
  fc.assert(
    fc.property(anySite, fc.array(fc.nat(), { maxLength: 3 }), (site, elements) => {
      const held = new AlikeSites();
      // The second one of a kind is held by the first.
      for (const one of [held.slim(site), held.slim(site)]) {
        assert.deepEqual(changedSite(one, { state: 'outdated' }), { ...site, state: 'outdated' });
        assert.deepEqual(changedSite(one, { elements }), { ...site, elements });
        assert.deepEqual(changedSite(changedSite(one, { elements }), {}), { ...site, elements });
      }
    }),
  ));
