import type { DumpWriter } from './dump.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Writes comma-separated values (RFC 4180) with a line of names. A field that is text stands as it is. Any other is
 * `base64:` and its base64: what is not UTF-8, has control characters, is larger than a piece, or begins with
 * `base64:` itself. A text that a spreadsheet would take for a formula gets an apostrophe before it, and so does one
 * that begins with an apostrophe; so the first one is always to be taken away.
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
      out.base64(bytes, from, to);
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

/**
 * Spreadsheets compute text with such a beginning, which may run programs or fetch pages; a plain number is no
 * formula.
 */
function isFormula(text: string): boolean {
  return /^[\s]*[=+\-@\uff0b\uff0d\uff1d\uff20]/.test(text) && !/^[+-]?\d+(\.\d+)?$/.test(text);
}
