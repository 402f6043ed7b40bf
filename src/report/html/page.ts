import type { Page } from '../../picture/pagedata.js';
import { SCRIPT, SCRIPT_HASH, STYLE, STYLE_HASH } from './assets.js';
import { pageBody } from './body.js';
import { html } from './markup.js';

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
