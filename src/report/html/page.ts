import type { PageData } from '../../picture/pagedata.js';
import { BODY, SCRIPT, SCRIPT_HASH, STYLE, STYLE_HASH } from './assets.js';

/** Nothing is loaded, and of scripts and styles only ours run; a form goes nowhere. */
const POLICY = [
  "default-src 'none'",
  `script-src '${SCRIPT_HASH}'`,
  `style-src '${STYLE_HASH}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/**
 * A report as one HTML page that needs no other file and no network. What comes from the database's file stands in a block
 * of JSON, from which the script makes text nodes only.
 */
export function htmlPage(data: PageData): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(`${data.path}: ${data.verdict}`)}</title>
<style>${STYLE}</style>
</head>
<body>
<noscript><p>${escapeHtml(`${data.path}: ${data.verdict}. ${data.headline} ${data.advice.text}`)} This page needs JavaScript to show more; its own script is all that it runs.</p></noscript>
${BODY}
<script type="application/json" id="data">${jsonBlock(data)}</script>
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

function escapeHtml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
