import type { OtherFile } from './identify.js';
import { HEADER_BYTES, weighHeader } from './evidence.js';
import { weights } from '../weights.js';

type Kind = OtherFile['kind'];

/** Packed kinds that a file's first bytes tell for certain. Of the others a database whose beginning is lost may have the mark. */
export const CERTAIN_KINDS: readonly Kind[] = [
  'gzip',
  'bzip2',
  'xz',
  'zstd',
  'lz4',
  'age',
  'openssl',
  'base64',
  'uuencode',
  'hex',
];

/** A way to pack a file, with the filter that unpacks it. */
interface Packing {
  readonly kind: Kind;
  readonly what: string;
  readonly isPacked: (head: Uint8Array, text: string) => boolean;
  /** The verb of the advice. */
  readonly verb: 'decompress' | 'decrypt' | 'decode';
  /** A shell command that reads the packed file from stdin and writes the other one to stdout. */
  readonly filter: string;
  /** Options that the filter may need. */
  readonly note?: string;
}

const begins = (mark: string) => (_: Uint8Array, text: string) => text.startsWith(mark);

const PACKINGS: readonly Packing[] = [
  compressed('gzip', begins('\x1f\x8b'), 'gzip -dc'),
  compressed('bzip2', (_, text) => /^BZh[1-9]1AY&SY/.test(text), 'bzip2 -dc'),
  compressed('xz', begins('\xfd7zXZ\0'), 'xz -dc'),
  compressed('zstd', begins('\x28\xb5\x2f\xfd'), 'zstd -dc'),
  compressed('lz4', begins('\x04\x22\x4d\x18'), 'lz4 -dc'),
  // Method 8, a window of 32 KiB, no dictionary, and a checksum of both bytes.
  compressed(
    'zlib',
    ([first, second]) => first === 0x78 && (second & 0x20) === 0 && (first * 256 + second) % 31 === 0,
    "python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))'",
  ),
  encrypted(
    'age',
    (_, text) => /^(age-encryption\.org\/v1\n|-----BEGIN AGE ENCRYPTED FILE-----)/.test(text),
    'age -d',
    'with -i and the file of the key, unless it has a passphrase',
  ),
  encrypted(
    'openssl',
    begins('Salted__'),
    'openssl enc -d -aes-256-cbc -pbkdf2',
    'with the cipher and the options that it was encrypted with',
  ),
  encrypted(
    'openssl',
    begins('U2FsdGVkX1'),
    'openssl enc -d -base64 -aes-256-cbc -pbkdf2',
    'with the cipher and the options that it was encrypted with',
  ),
  encrypted('gpg', isGpg, 'gpg -d'),
];

function compressed(kind: Kind, isPacked: Packing['isPacked'], filter: string): Packing {
  const article = /^[lx]/.test(kind) ? 'an' : 'a';
  return { kind, what: `${article} ${kind}-compressed file`, isPacked, verb: 'decompress', filter };
}

function encrypted(kind: Kind, isPacked: Packing['isPacked'], filter: string, note?: string): Packing {
  return {
    kind,
    what: `a file encrypted with ${kind}`,
    isPacked,
    verb: 'decrypt',
    filter,
    ...(note && { note }),
  };
}

/** Armor, or a packet of a session key, of version 3 or 4, with a known algorithm: the first one of an encrypted message. */
function isGpg([tag, length, version, algorithm]: Uint8Array, text: string): boolean {
  if (text.startsWith('-----BEGIN PGP MESSAGE-----')) return true;
  if (tag === 0x8c) return length < 64 && version === 4 && algorithm >= 1 && algorithm <= 13;
  return tag === 0x85 && length < 8 && text.charCodeAt(3) === 3;
}

/** A way to write bytes as text. */
interface TextForm {
  readonly kind: Kind;
  readonly name: string;
  /** Shell commands of a pipe that reads the text from stdin and writes the bytes to stdout. */
  readonly filters: (text: string) => string[];
  /** The first bytes; undefined if the text is not of this form. */
  readonly decode: (text: string) => Uint8Array | undefined;
}

const TEXT_FORMS: readonly TextForm[] = [
  {
    kind: 'uuencode',
    name: 'uuencoded',
    // Few machines have uudecode.
    filters: (text) =>
      text.startsWith('begin-')
        ? ["sed '1d; /^====/d'", 'base64 -d']
        : [`perl -ne 'print unpack "u", $_ unless /^(begin|end)/'`],
    decode: (text) => {
      const base64 = /^begin-base64 [0-7]{3,4} [^\n]*\n/.exec(text);
      if (base64 !== null) return decodeBase64(text.slice(base64[0].length));
      const head = /^begin [0-7]{3,4} [^\n]*\n/.exec(text);
      return head === null ? undefined : decodeUu(text.slice(head[0].length));
    },
  },
  {
    kind: 'hex',
    name: 'hexadecimal',
    filters: (text) => {
      const perLine = decodeDump(text.slice(0, text.indexOf('\n') + 1))?.length;
      return [perLine === 16 ? 'xxd -r' : `xxd -r -c ${perLine}`];
    },
    decode: decodeDump,
  },
  { kind: 'hex', name: 'hexadecimal', filters: () => ['xxd -r -p'], decode: decodeHex },
  {
    kind: 'base64',
    name: 'base64',
    // It takes other characters than its own, such as carriage returns, only with -i.
    filters: (text) => [text.includes('\r') ? 'base64 -di' : 'base64 -d'],
    decode: decodeBase64,
  },
];

/**
 * Identifies a packed file by its first bytes. Text counts only if it has a GDBM database in it, or another packed file.
 *
 * @param head the first bytes, 4 KiB if there are so many
 */
export function identifyPacked(head: Uint8Array): OtherFile | undefined {
  const text = latin1(head);
  const packing = packingOf(head, text);
  if (packing !== undefined) return described(packing, [packing.filter]);
  for (const { kind, name, filters, decode } of TEXT_FORMS) {
    const bytes = decode(text);
    if (bytes === undefined) continue;
    const inner = packingOf(bytes, latin1(bytes));
    if (inner === undefined && !isDatabase(bytes)) continue;
    const what = `${inner?.what ?? 'a GDBM database'} as ${name} text`;
    const pipe = inner === undefined ? filters(text) : [...filters(text), inner.filter];
    return described({ ...inner, kind, what, verb: 'decode' }, pipe);
  }
  return undefined;
}

function packingOf(head: Uint8Array, text: string): Packing | undefined {
  return PACKINGS.find(({ isPacked }) => isPacked(head, text));
}

function described(
  { kind, what, verb, note }: Pick<Packing, 'kind' | 'what' | 'verb' | 'note'>,
  [first, ...others]: readonly string[],
): OtherFile {
  const pipe = others.map((filter) => ` | ${filter}`).join('');
  const options = note === undefined ? '' : `; ${note}`;
  return { kind, what, advice: `${first} < FILE${pipe} > FILE.decoded  # ${verb} it first${options}` };
}

function isDatabase(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_BYTES) return false;
  const fits = weighHeader(bytes.subarray(0, HEADER_BYTES), bytes.length).filter(
    ({ magicFits }) => magicFits,
  );
  return fits.some(({ score }) => score >= weights.reading.header);
}

function decodeBase64(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(/\s/g, '');
  if (!/^[A-Za-z0-9+/]+=*$/.test(digits)) return undefined;
  const whole = digits.replaceAll('=', '');
  return bytesOf(atob(whole.slice(0, whole.length - (whole.length % 4))));
}

function decodeHex(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(/\s/g, '');
  if (!/^[0-9a-f]+$/i.test(digits)) return undefined;
  return Uint8Array.from({ length: digits.length >> 1 }, (_, i) =>
    parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

/** Whole lines of an offset, of digits in groups, and of the same as text behind two spaces. */
function decodeDump(text: string): Uint8Array | undefined {
  if (!/^0{8}: /.test(text)) return undefined;
  const lines = text.slice(0, text.lastIndexOf('\n') + 1);
  return decodeHex(lines.replaceAll(/^[0-9a-f]{8}: ((?:[0-9a-f]+ )+) .*$/gim, '$1'));
}

/** Lines of a length and of groups of four characters, each of which is 32 and six bits. */
function decodeUu(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const line of text.split('\n').slice(0, -1)) {
    const bits = Array.from(line, (letter) => (letter.charCodeAt(0) - 32) & 63);
    const end = bytes.length + bits[0];
    for (let i = 1; i + 4 <= bits.length; i += 4) {
      const group = (bits[i] << 18) | (bits[i + 1] << 12) | (bits[i + 2] << 6) | bits[i + 3];
      bytes.push(group >> 16, (group >> 8) & 255, group & 255);
    }
    bytes.length = Math.min(bytes.length, end);
  }
  return Uint8Array.from(bytes);
}

/** Bytes as text with a letter each. */
export function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
