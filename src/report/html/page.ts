import type { Page, PageWords } from './pagedata.js';
import { SCRIPT, SCRIPT_HASH, STYLE, STYLE_HASH } from './assets.js';
import { pageBody, html } from './body.js';
import type { CheckResult } from '../../check/check.js';
import { lostRecords } from '../../check/losses.js';
import type { ProfileResult } from '../../profile/inspect.js';
import { escapeText, number, shellPath } from '../escape.js';
import { insideText, isLoss, lossText, libgdbmText } from '../sentences.js';
import type { Statement } from '../statement.js';
import { isMendable } from '../../profile/leaveout.js';
import type { MachineName } from '../../format/machines.js';
import { foreignText, formatText, recordsText } from '../text.js';

/** Nothing is loaded, and of scripts and styles only ours run; a form goes nowhere. */
const POLICY = [
  "default-src 'none'",
  `script-src '${SCRIPT_HASH}'`,
  `style-src '${STYLE_HASH}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/**
 * A report as one HTML page that needs no other file and no network. What is told in words stands in the page itself; what
 * its script draws stands in a block of JSON, of which the script makes text nodes only.
 */
export function htmlPage(page: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
${html`<title>${page.path}: ${page.verdict}</title>`.text}
<style>${STYLE}</style>
</head>
<body>
${pageBody(page).text}
<script type="application/json" id="data">${jsonBlock(page.data)}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

/** JSON in which nothing can end the block that it stands in, or begin another one. */
export function jsonBlock(data: unknown): string {
  return JSON.stringify(data).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The sentences of a page: how bad it is, what to do first, and the facts. */
export function pageWords(
  path: string,
  result: CheckResult,
  profile: ProfileResult | undefined,
  { evidence, ...statement }: Statement,
  machine?: MachineName,
): PageWords {
  const own = evidence?.find((one) => one.path === path);
  const { verdict } = result;
  return {
    statement: {
      ...statement,
      options: statement.options.map(escapeText),
      ...(own && { evidence: { before: own.before, after: own.after } }),
    },
    path: escapeText(path),
    verdict,
    headline: headlineOf(result),
    advice: adviceOf(path, result, profile, machine),
    facts: factsOf(result, profile),
  };
}

function headlineOf(result: CheckResult): string {
  const { verdict, size, records, doubtful, libgdbm, other } = result;
  if (verdict === 'not-gdbm') return `This is ${other?.what ?? 'no GDBM database'}.`;
  if (size === 0) return 'The file is empty.';
  const count = `${number(records.count)} record${records.count === 1 ? '' : 's'}`;
  if (verdict === 'healthy') return `All is well: ${count}, each where a lookup finds it.`;
  if (verdict === 'foreign') return `${count}, ${foreignText(result, undefined)}.`;
  const says = libgdbm === null ? 'libgdbm opens it all the same' : `libgdbm says “${libgdbm}”`;
  const lost = lostRecords(result);
  if (!isLoss(lost)) return `${count} can be proved; ${says}.`;
  return `Lost: ${lossText(lost, records.count - (doubtful?.size ?? 0))}. ${count} can be proved; ${says}.`;
}

function adviceOf(
  path: string,
  result: CheckResult,
  profile: ProfileResult | undefined,
  machine: MachineName | undefined,
): PageWords['advice'] {
  const { verdict, records, other, size, image } = result;
  if (verdict === 'not-gdbm') return { text: other?.advice ?? '', command: null };
  if (verdict === 'healthy') return { text: 'There is nothing to do.', command: null };
  if (verdict === 'foreign') {
    return {
      text: 'Nothing is wrong with it. To use it here, write it as this machine has it; the file as it was stays beside the new one.',
      command: `gdbm-doctor repair${machine === undefined ? '' : ` --for ${machine}`} ${shellPath(path)}`,
    };
  }
  if (result.unrepairable !== undefined) {
    return { text: result.unrepairable, command: `gdbm-doctor snapshots ${shellPath(path)}` };
  }
  if (!isMendable(result, profile)) {
    return {
      text: 'The structure is sound; what is wrong is inside of records, which a snapshot may have whole. A repair can only set aside what the program cannot load.',
      command: `gdbm-doctor snapshots ${shellPath(path)}`,
    };
  }
  const lost = Object.values(records.rejected).reduce((sum, n) => sum + n, 0);
  const missing = lost > 0 || records.uncovered > 0 || size === 0;
  return {
    text: missing
      ? 'Look first at what a repair would keep and what is lost: this writes nothing. The repair itself keeps the file as it was beside the new one.'
      : 'A repair brings back every record that can be proved, and keeps the file as it was beside the new one.',
    command: `gdbm-doctor repair ${missing ? '--dry-run ' : ''}${image === undefined ? '' : '-o OUT '}${shellPath(path)}`,
  };
}

function factsOf(result: CheckResult, profile: ProfileResult | undefined): [string, string][] {
  const { format, size, records } = result;
  const facts: [string, string][] = [['Size', `${number(size)} bytes`]];
  if (format === undefined) return facts;
  facts.push(['Records', recordsText(result)], ['libgdbm', libgdbmText(result)]);
  if (records.uncovered > 0)
    facts.push(['Hashes without a bucket', `${(records.uncovered * 100).toFixed(2)} %`]);
  if (profile !== undefined && profile.name !== 'none') facts.push(['Inside', insideText(profile)]);
  facts.push(['Format', formatText(format)]);
  return facts;
}
