import type { Input } from './input.js';
import type { DumpHeader } from './record.js';

const HASH = 0x23;
/** Comments and fields are short. */
const LONGEST_LINE = 64 * 1024;
/** The fields that matter here, but the name of the file. */
const FIELDS = ['version', 'format', 'uid', 'user', 'gid', 'group', 'mode'];
const text = new TextDecoder();

/**
 * Reads the comments and fields that a dump of `gdbm_dump` begins with, to its `# End of header`.
 *
 * @throws DumpError
 */
export async function readAsciiHeader(input: Input): Promise<DumpHeader> {
  const fields = new Map<string, string>();
  for (;;) {
    if (!(await input.need(1)) || input.bytes[input.pos] !== HASH) {
      input.fail('a line that begins with "#", and "# End of header" before the data', input.whatIsHere());
    }
    const line = text.decode(await input.takeLine(LONGEST_LINE));
    if (/^#\s*End of header\s*$/.test(line)) break;
    if (line.startsWith('#:len=')) input.failLine(1, '"# End of header" before the data', '"#:len"');
    if (!line.startsWith('#:')) continue;
    // A file's name may hold anything, also commas.
    if (line.startsWith('#:file=')) fields.set('file', line.slice('#:file='.length));
    else for (const part of line.slice(2).split(',')) addField(fields, part);
  }
  const version = fields.get('version');
  if (version !== undefined && !/^[1-9]\d*(\.\d+)*$/.test(version)) {
    input.failLine(1, 'a version such as 1.1', `"${version.slice(0, 20)}"`);
  }
  const variant = fields.get('format');
  if (variant !== undefined && variant !== 'standard' && variant !== 'numsync') {
    input.failLine(1, '#:format=standard or numsync', `"${variant.slice(0, 20)}"`);
  }
  return {
    kind: 'ascii',
    file: fields.get('file'),
    uid: numberOf(fields.get('uid'), 10),
    user: fields.get('user'),
    gid: numberOf(fields.get('gid'), 10),
    group: fields.get('group'),
    mode: numberOf(fields.get('mode'), 8),
    variant,
  };
}

function addField(fields: Map<string, string>, part: string): void {
  const equals = part.indexOf('=');
  const name = part.slice(0, Math.max(0, equals)).trim();
  // Not all: a header can have lines without end.
  if (FIELDS.includes(name)) fields.set(name, part.slice(equals + 1).trim());
}

/** A number that was written badly says nothing: the data do not depend on it. */
function numberOf(written: string | undefined, radix: 8 | 10): number | undefined {
  const digits = radix === 8 ? /^[0-7]{1,5}$/ : /^\d{1,10}$/;
  return written !== undefined && digits.test(written) ? Number.parseInt(written, radix) : undefined;
}
