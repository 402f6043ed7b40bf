import { machinesOf } from '../../format/format.js';
import { layoutOf } from '../../format/layout.js';
import type { VolumeProblem } from '../problem.js';
import { problem } from '../problem.js';
import { shellPath } from '../shellword.js';
import type { DatabaseFacts, MachineFacts, VolumeFacts } from '../volumefacts.js';

/** Whether the file was made by a machine of another kind than this one. The first difference says it. */
export function judgeMachine({ realPath, machine, database }: VolumeFacts): VolumeProblem[] {
  if (database === undefined) return [];
  const { byteOrder, offsetBits, alignment, hashChar } = database;
  const path = shellPath(realPath);
  const move =
    (machine.name === undefined
      ? ''
      : `Write it as this machine has it: gdbm-doctor repair --for ${machine.name} ${path}; `) +
    `under a new name: gdbm-doctor convert ${kindOf(machine)} ${path} NEW; ` +
    `or where it was made: gdbm_dump ${path} OUT, and here: gdbm_load OUT NEW`;
  if (byteOrder !== machine.byteOrder) {
    return [
      problem(
        'foreign-byte-order',
        `Expected a ${machine.byteOrder}-endian file on this machine (${machine.arch}), found a ${byteOrder}-endian one, ` +
          `made by ${makers(database)}: libgdbm here does not open it.`,
        move,
      ),
    ];
  }
  const layout = (bits: number, bytes: number | undefined) =>
    `${bits}-bit offsets${bits === 64 && bytes !== undefined ? ` aligned to ${bytes} bytes` : ''}`;
  const aligned = alignment === undefined || offsetBits === 32 || alignment === machine.alignment;
  if (machine.alignment !== undefined && (offsetBits !== 64 || !aligned)) {
    return [
      problem(
        'foreign-layout',
        `Expected ${layout(64, machine.alignment)} on this machine (${machine.arch}), found ` +
          `${layout(offsetBits, alignment)}, made by ${makers(database)}: libgdbm here does not open it or misreads it.`,
        move,
      ),
    ];
  }
  if (hashChar === 'undetermined' || machine.hashChar === undefined || hashChar === machine.hashChar)
    return [];
  return [
    problem(
      'foreign-hash',
      `Expected keys hashed with ${machine.hashChar} char on this machine (${machine.arch}), found ${hashChar} char ` +
        `(${hashChar === 'signed' ? 'x86' : 'ARM, s390x, POWER and RISC-V'}): libgdbm here opens it, and does not find ` +
        `keys with bytes of 0x80 and more.`,
      move,
    ),
  ];
}

/** The options that make `convert` write what this machine reads. */
function kindOf({ name, byteOrder, alignment, hashChar }: MachineFacts): string {
  if (name !== undefined) return `--for ${name}`;
  return [
    `--byte-order ${byteOrder} --offset 64`,
    ...(alignment === undefined ? [] : [`--alignment ${alignment}`]),
    ...(hashChar === undefined ? [] : [`--hash-char ${hashChar}`]),
  ].join(' ');
}

function makers({ byteOrder, offsetBits, alignment }: DatabaseFacts): string {
  const layout = layoutOf(offsetBits, offsetBits === 32 ? 4 : (alignment ?? 8));
  return machinesOf({ byteOrder, layout, variant: 'standard' });
}
