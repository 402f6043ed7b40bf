import type { Random } from '../tools/random.js';
import type { Damaged } from './damaged.js';
import type { Intact, Range } from './intact.js';
import type { Model } from './models.js';

/** Bytes of a page of the operating system, and of a sector. */
const PAGES = [4096, 512];

/** Pages of earlier states in a file that grew: a power cut between two writes, or a copy made while a program wrote. */
export const VERSIONS: readonly Model[] = [
  ...PAGES.flatMap((size) => [
    mixed(`last sync half written, pages of ${size} B`, (file, intact, random) => {
      const last = intact.earlier!.at(-1)!;
      age(file, pagesOf({ at: 0, length: file.bytes.length }, size), () => last, random, 1 / 2);
    }),
    ...[10, 50].map((percent) =>
      mixed(`${percent} % of the pages of ${size} B old`, (file, intact, random) => {
        const old = random.pick(intact.earlier!);
        age(file, pagesOf({ at: 0, length: file.bytes.length }, size), () => old, random, percent / 100);
      }),
    ),
    mixed(`pages of ${size} B of any version`, (file, intact, random) => {
      const versions = [...intact.earlier!, intact];
      age(file, pagesOf({ at: 0, length: file.bytes.length }, size), () => random.pick(versions), random);
    }),
  ]),
  mixed('header old', (file, { earlier, header }, random) => {
    age(file, [{ at: 0, length: header.block_size }], () => random.pick(earlier!), random);
  }),
  mixed('directory old', (file, { earlier, directory }, random) => {
    const old = random.pick(earlier!);
    age(file, pagesOf(directory, random.pick(PAGES)), () => old, random);
  }),
  mixed('header and directory old', (file, { earlier, directory, header }, random) => {
    const old = random.pick(earlier!);
    const pages = [directory, old.directory].flatMap((range) => pagesOf(range, random.pick(PAGES)));
    age(file, [{ at: 0, length: header.block_size }, ...pages], () => old, random);
  }),
  mixed('half of the buckets old', (file, { earlier, buckets, header }, random) => {
    const old = random.pick(earlier!);
    const pages = buckets.map((at) => ({ at, length: header.bucket_size }));
    age(file, pages, () => old, random, 1 / 2);
  }),
  mixed('the last buckets not written', (file, { earlier, buckets, header }, random) => {
    const last = earlier!.at(-1)!;
    const pages = buckets.map((at) => ({ at, length: header.bucket_size }));
    age(file, pages, () => last, random);
  }),
];

function mixed(name: string, damage: Model['damage']): Model {
  return { name, suits: ({ earlier }) => earlier !== undefined, damage };
}

/** The pages on which a range is. */
function pagesOf({ at, length }: Range, size: number): Range[] {
  const first = Math.floor(at / size);
  return Array.from({ length: Math.ceil((at + length) / size) - first }, (_, n) => {
    return { at: (first + n) * size, length: size };
  });
}

/** Gives each page, or a share of them, the bytes of an earlier version; zeroes where that version had not got so far. */
function age(
  file: Damaged,
  pages: readonly Range[],
  versionOf: () => Intact,
  random: Random,
  share = 1,
): void {
  for (const { at, length } of pages) {
    if (random.below(1 << 20) >= share * (1 << 20)) continue;
    const page = new Uint8Array(length);
    page.set(versionOf().bytes.subarray(at, at + length));
    file.write(at, page);
  }
}
