import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { SiteIndex } from '../../src/database/siteindex.js';

const anyOffset = fc.oneof(
  fc.nat(40),
  fc.nat(5000),
  fc.nat().map((n) => n * 4096),
);

test('an index of buckets has of each offset the last one that was added, of however many', () =>
  fc.assert(
    fc.property(
      fc.array(anyOffset, { maxLength: 2000, size: 'max' }),
      fc.array(anyOffset),
      (offsets, others) => {
        const index = new SiteIndex(offsets.map((offset) => ({ offset })));
        const map = new Map<number, number>();
        for (const [site, offset] of offsets.entries()) {
          index.add(site);
          map.set(offset, site);
        }
        for (const offset of [...offsets, ...others]) assert.equal(index.get(offset), map.get(offset));
      },
    ),
  ));
