import { availBlockStruct, availElementStruct, availTableOffset } from '../format/avail.js';
import { bucketStruct, elementStruct } from '../format/bucket.js';
import type { Format } from '../format/format.js';
import { extendedHeaderStruct, headerStruct } from '../format/header.js';
import { offsetSize } from '../format/format.js';
import type { Struct } from '../format/struct.js';
import { member } from '../format/struct.js';
import type { StructData } from './pagedata.js';

/** The structs of a format, as a page needs them to name the fields of any bytes that it shows. */
export function structData({ layout }: Format): Record<string, StructData> {
  const element = elementStruct(layout);
  const avail = availElementStruct(layout);
  const bucket = bucketStruct(layout);
  const own = member(bucket, 'bucket_avail');
  const table = Array.from({ length: own.size / avail.size }, (_, i) =>
    fieldsOf(avail).map(
      ([name, at, size]) => [`bucket_avail[${i}].${name}`, own.offset + i * avail.size + at, size] as const,
    ),
  );
  return {
    header: { fields: fieldsOf(headerStruct(layout)) },
    extended: { fields: fieldsOf(extendedHeaderStruct(layout)) },
    avail: {
      fields: fieldsOf(availBlockStruct(layout)),
      tableAt: availTableOffset(layout),
      stride: avail.size,
      row: fieldsOf(avail),
    },
    directory: {
      fields: [],
      tableAt: 0,
      stride: offsetSize(layout),
      row: [['bucket', 0, offsetSize(layout)]],
    },
    bucket: {
      fields: [...fieldsOf(bucket), ...table.flat()].sort((a, b) => a[1] - b[1]),
      tableAt: member(bucket, 'elements').offset,
      stride: element.size,
      row: fieldsOf(element),
    },
  };
}

/** A struct's numbers and bytes; tables are given apart. */
function fieldsOf({ members }: Struct): (readonly [string, number, number])[] {
  return members
    .filter(({ type }) => typeof type === 'string' || 'bytes' in type)
    .map(({ name, offset, size }) => [name, offset, size] as const);
}
