import { base64Length, encodeBase64 } from './base64.js';
import type { LengthForm } from './binaryreader.js';
import { encodeLength } from './binaryreader.js';
import type { DumpWriter, OutputBuffer } from './output.js';

/**
 * Writes what `gdbm_dump -H binary` writes, the third line of it too: it tells readers which form this is, and is that
 * of the version whose form it was measured with.
 */
export function binaryWriter(form: LengthForm): DumpWriter {
  return {
    head(out) {
      out.text(
        '!\r\n! GDBM FLAT FILE DUMP -- THIS IS NOT A TEXT FILE\r\n! GDBM version 1.23. 04/02/2022\r\n!\r\n',
      );
    },
    begin(out, _which, size) {
      out.reserve(8);
      out.used = encodeLength(form, size, out.bytes, out.used);
    },
    piece(out, bytes, from, to) {
      out.copy(bytes, from, to);
    },
    end() {},
    tail() {},
  };
}

const utf8Bytes = new TextEncoder();
/** What stands around the fields of a line of JSON, as bytes: a text would be encoded anew for each record. */
const BEFORE_KEY = utf8Bytes.encode('{"key":"');
const BEHIND_KEY = utf8Bytes.encode('",');
const BEFORE_VALUE = utf8Bytes.encode('"value":"');
const BEHIND_VALUE = utf8Bytes.encode('"}\n');

/** Writes a line of JSON for each record, `{"key":base64,"value":base64}`. */
export function ndjsonWriter(): DumpWriter {
  return {
    head() {},
    begin(out, which) {
      out.short(which === 'key' ? BEFORE_KEY : BEFORE_VALUE);
    },
    piece: base64,
    end(out, which) {
      out.short(which === 'key' ? BEHIND_KEY : BEHIND_VALUE);
    },
    tail() {},
  };
}

function base64(out: OutputBuffer, bytes: Uint8Array, from: number, to: number): void {
  out.reserve(base64Length(to - from));
  out.used = encodeBase64(out.viewOf(bytes), from, to, out.view, out.used);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Writes comma-separated values (RFC 4180) with a line of names. A field that is text stands as it is. Any other is
 * `base64:` and its base64: what is not UTF-8, has control characters, is larger than a piece, or begins with `base64:`
 * itself. A text that a spreadsheet would take for a formula gets an apostrophe before it, and so does one that begins
 * with an apostrophe; so the first one is always to be taken away.
 */
export function csvWriter(): DumpWriter {
  let begun = false;
  return {
    head(out) {
      out.text('key,value\r\n');
    },
    begin() {
      begun = false;
    },
    piece(out, bytes, from, to, whole) {
      const text = whole ? textOf(bytes.subarray(from, to)) : undefined;
      if (text !== undefined) {
        const safe = isFormula(text) || text.startsWith("'") ? `'${text}` : text;
        out.text(/[",\r\n]/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe);
        return;
      }
      if (!begun) out.text('base64:');
      begun = true;
      base64(out, bytes, from, to);
    },
    end(out, which) {
      out.text(which === 'key' ? ',' : '\r\n');
    },
    tail() {},
  };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(bytes);
    // eslint-disable-next-line no-control-regex
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufeff]/.test(text) ||
      text.startsWith('base64:')
      ? undefined
      : text;
  } catch {
    return undefined;
  }
}

/** Spreadsheets compute what begins so, and may run programs or fetch pages by it; a plain number is none. */
function isFormula(text: string): boolean {
  return /^[\s]*[=+\-@\uff0b\uff0d\uff1d\uff20]/.test(text) && !/^[+-]?\d+(\.\d+)?$/.test(text);
}
