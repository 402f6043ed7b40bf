import type { CheckResult } from '../../check/check.js';
import type { FindingGroup, FindingPlace } from '../../check/finding.js';
import { lostRecords } from '../../check/losses.js';
import type { MachineName } from '../../format/machines.js';
import type { ProfileResult } from '../../profile/inspect.js';
import { named, nextStep, repairCommand } from '../advice.js';
import { escapeText, number } from '../escape.js';
import type { Statement } from '../json.js';
import { count, factsOf, foreignText, isLoss, lossText } from '../sentences.js';
import { SCRIPT, SCRIPT_HASH, STYLE, STYLE_HASH } from './assets.js';
import type { Page, PageWords } from './pagedata.js';

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
export function htmlPage(page: Page, statement: Statement): string {
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
${pageBody(page, statement).text}
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
  machine?: MachineName,
): PageWords {
  const { verdict, format, size } = result;
  const facts: [string, string][] = [
    ['size', count(size, 'byte')],
    ...(format === undefined ? [] : factsOf(result, profile)),
  ];
  return {
    path: escapeText(path),
    verdict,
    headline: headlineOf(path, result),
    advice: adviceOf(path, result, profile, machine),
    facts: facts.map(([name, value]) => [
      name === 'libgdbm' ? name : name[0].toUpperCase() + name.slice(1),
      value,
    ]),
  };
}

function headlineOf(path: string, result: CheckResult): string {
  const { verdict, size, records, doubtful, libgdbm, other } = result;
  if (verdict === 'not-gdbm') return `This is ${named(other?.what ?? 'no GDBM database', path)}.`;
  if (size === 0) return 'The file is empty.';
  const found = count(records.count, 'record');
  if (verdict === 'healthy') return `All is well: ${found}, each where a lookup finds it.`;
  if (verdict === 'foreign') return `${found}, ${foreignText(result, undefined)}.`;
  const says = libgdbm === null ? 'libgdbm opens it all the same' : `libgdbm says “${libgdbm}”`;
  const lost = lostRecords(result);
  if (!isLoss(lost)) return `${found} can be proved; ${says}.`;
  return `Lost: ${lossText(lost, records.count - (doubtful?.size ?? 0))}. ${found} can be proved; ${says}.`;
}

function adviceOf(
  path: string,
  result: CheckResult,
  profile: ProfileResult | undefined,
  machine: MachineName | undefined,
): PageWords['advice'] {
  const { records, other, size, image, unrepairable = '' } = result;
  const { kind, command = null } = nextStep(path, result, profile, machine);
  if (kind !== 'repair') {
    const text = {
      other: named(other?.advice ?? '', path),
      nothing: 'There is nothing to do.',
      convert:
        'Nothing is wrong with it. To use it here, write it as this machine has it; the file as it was stays beside the new one.',
      unrepairable: named(unrepairable, path),
      values:
        'The structure is sound; what is wrong is inside of records, which a snapshot may have whole. A repair can only set aside what the program cannot load.',
    }[kind];
    return { text, command };
  }
  const lost = Object.values(records.rejected).reduce((sum, n) => sum + n, 0);
  const dryRun = lost > 0 || records.uncovered > 0 || size === 0;
  return {
    text: dryRun
      ? 'Look first at what a repair would keep and what is lost: this writes nothing. The repair itself keeps the file as it was beside the new one.'
      : 'A repair brings back every record that can be proved, and keeps the file as it was beside the new one.',
    command: repairCommand(path, { dryRun, elsewhere: image }),
  };
}

/** Markup that is safe to put into a page. */
class Markup {
  constructor(readonly text: string) {}
}

type Part = string | number | Markup | null | readonly Markup[];

/** Makes markup of a template: texts and numbers put into it are escaped, and null is nothing. */
export function html(literals: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(String.raw({ raw: literals }, ...parts.map(textOf)));
}

function textOf(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part));
  return part instanceof Markup ? part.text : part.map(({ text }) => text).join('');
}

function escapeHtml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Bytes of a file, escaped for people already; kept apart so that their direction and marks change nothing else. */
export function quoted(text: string): Markup {
  return html`<bdi class="quoted">${text}</bdi>`;
}

/** The body of a page: verdict, findings and statement to read as they are, and what the script fills. */
function pageBody(page: Page, statement: Statement): Markup {
  const { verdict, path, findings, summarised } = page;
  return html`<div class="page">
    <header class="top">
      <span class="tool">gdbm-doctor</span><span id="path">${quoted(path)}</span
      ><button id="theme" class="button" type="button" hidden>Dark</button>
    </header>
    <main>
      ${verdictSection(page)}
      <div class="grid main">
        <div class="grid scripted" hidden>${scriptedSections}</div>
        <div class="grid">
          <section id="findings" aria-labelledby="findings-title">
            <h2 id="findings-title">
              Findings
              <span class="count">${number(findings.reduce((sum, { count }) => sum + count, 0))}</span>
            </h2>
            ${
              findings.length > 0
                ? findings.map(findingArticle)
                : html`<p class="note">
                    ${verdict === 'healthy' ? 'Nothing is wrong.' : 'This is no database, and nothing else is known of it.'}
                  </p>`
            }
          </section>
          <section id="hash-space" class="scripted" aria-labelledby="hash-title" hidden>
            <h2 id="hash-title">Hash space</h2>
            <p id="hash-note" class="lead"></p>
            <div id="hashes" role="img"></div>
            <details id="open-box">
              <summary>Ranges without a bucket</summary>
              <ul id="open"></ul>
            </details>
          </section>
          <section id="made" aria-labelledby="made-title">
            <h2 id="made-title">How this report was made</h2>
            <dl id="statement">${statementRows(statement, page.size).map(row)}</dl>
            ${
              summarised.length === 0
                ? null
                : html`<h4>Where it is summarised</h4>
                    <ul id="summarised">
                      ${summarised.map((text) => html`<li>${text}</li>`)}
                    </ul>`
            }<noscript
              ><p class="note">
                The map, the bytes and the records need JavaScript; this page's own script is all that it
                runs.
              </p></noscript
            >
          </section>
        </div>
      </div>
    </main>
  </div>`;
}

function verdictSection({ verdict, headline, advice, facts }: Page): Markup {
  const mood = verdict === 'healthy' ? 'good' : 'bad';
  const badge = verdict === 'not-gdbm' ? 'Not a GDBM database' : verdict;
  const command =
    advice.command === null
      ? null
      : html`<div id="command" tabindex="0" role="region" aria-label="The command to run">
          <code>${advice.command}</code>
        </div>`;
  return html`<section id="verdict" class="${mood}" aria-labelledby="headline">
    <span id="badge" class="${mood}">${badge}</span>
    <h1 id="headline">${headline}</h1>
    <p id="advice">${advice.text}</p>
    ${command}
    <dl id="facts">${facts.map(row)}</dl>
  </section>`;
}

function row([name, value]: readonly [string, string]): Markup {
  return html`<div>
    <dt>${name}</dt>
    <dd>${quoted(value)}</dd>
  </div>`;
}

function statementRows(
  { tool, version, options, time, evidence = [] }: Statement,
  size: number,
): [string, string][] {
  return [
    ['Made by', `${tool} ${version}`],
    ['Options', options.map(escapeText).join(' ')],
    ['Time', time],
    ['Size', count(size, 'byte')],
    ...evidence.flatMap(({ before, after }): [string, string][] => [
      ['SHA-256 before', before],
      ['SHA-256 after', after],
    ]),
  ];
}

const MARKS = { error: '✕', warning: '!', note: 'i' } as const;
/** Places of a finding that are shown without a click. */
const FEW = 2;

/** One kind of finding with its places, and what it explains under it. */
function findingArticle({ code, severity, consequence, count, places, consequences }: FindingGroup): Markup {
  const rest = places.slice(FEW);
  const explained = consequences.map((one) => `${number(one.count)} ${one.code}`).join(', ');
  return html`<article class="finding ${severity}">
    <h3>
      <span class="mark" aria-hidden="true">${MARKS[severity]}</span
      ><span class="only-read">${severity}: </span>${code}${
        count > 1 ? html`<span class="count">× ${number(count)}</span>` : null
      }
    </h3>
    <p class="consequence">${consequence}</p>
    <ul>
      ${places.slice(0, FEW).map(placeItem)}
    </ul>
    ${
      rest.length === 0
        ? null
        : html`<details>
            <summary>
              ${number(count - FEW)}
              more${count > places.length ? `, the first ${number(rest.length)} listed` : ''}
            </summary>
            <ul>
              ${rest.map(placeItem)}
            </ul>
          </details>`
    }${
      consequences.length === 0
        ? null
        : html`<details class="explained">
            <summary>This explains ${explained}</summary>
            ${consequences.map(findingArticle)}
          </details>`
    }
  </article>`;
}

function placeItem({ offset, found, expected }: FindingPlace): Markup {
  const hex = `0x${(offset ?? 0).toString(16)}`;
  return html`<li>
    <p><span class="label">found </span>${quoted(found)}</p>
    <p><span class="label">expected </span>${quoted(expected)}</p>
    ${
      offset === null
        ? null
        : html`<p>
            <span class="label">at </span>${hex}
            <button
              type="button"
              class="link jump scripted"
              data-offset="${offset}"
              aria-label="Show ${hex} on the map"
              hidden
            >
              Show on the map
            </button>
          </p>`
    }
  </li>`;
}

/** The map, the bytes, the records and how they are spread: the script fills them. */
const scriptedSections = html`<section id="map-section" aria-labelledby="map-title">
    <h2 id="map-title">Map of the file</h2>
    <p class="lead">
      Read it like text, from left to right and from top to bottom. A triangle marks the place of a finding.
    </p>
    <div class="tools">
      <button id="in" class="button" type="button" aria-label="Zoom in">+</button
      ><button id="out" class="button" type="button" aria-label="Zoom out">−</button
      ><button id="whole" class="button" type="button">Whole file</button
      ><button id="previous" class="button" type="button" aria-label="Previous range">‹</button
      ><button id="next" class="button" type="button" aria-label="Next range">›</button
      ><span id="sight" class="end"></span>
    </div>
    <canvas
      id="strip"
      role="img"
      aria-label="The whole file in one line; the frame is the part in the map"
    ></canvas>
    <div class="map-box">
      <canvas id="map" tabindex="0" role="application"></canvas>
      <div id="tip" hidden></div>
    </div>
    <p id="selected" role="status"></p>
    <p class="keys">
      <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> move · <kbd>+</kbd> <kbd>−</kbd> zoom ·
      <kbd>0</kbd> whole file · <kbd>n</kbd> <kbd>p</kbd> next and previous range · <kbd>Enter</kbd> to the
      bytes
    </p>
    <div id="legend" role="group" aria-label="What bytes are; choose one to see it alone"></div>
    <p id="total"></p>
  </section>
  <section id="bytes" tabindex="-1" aria-labelledby="bytes-title">
    <h2 id="bytes-title">Bytes</h2>
    <p class="lead">At the place chosen on the map, with the fields of its structures named.</p>
    <div class="tools">
      <button id="hex-back" class="button" type="button" aria-label="Earlier bytes">‹</button
      ><button id="hex-on" class="button" type="button" aria-label="Later bytes">›</button>
      <form id="hex-go">
        <label class="only-read" for="hex-offset">File offset</label
        ><input id="hex-offset" autocomplete="off" spellcheck="false" /><button class="button">Go</button>
      </form>
      <span id="hex-wrong" role="alert"></span>
    </div>
    <p id="hex-note" class="note"></p>
    <div class="bytes-box">
      <div id="hex-rows" tabindex="0" role="region" aria-label="Bytes in hex"></div>
      <div class="scroll" tabindex="0" role="region" aria-label="Fields">
        <table class="fields">
          <tbody id="fields"></tbody>
        </table>
        <p id="fields-none" class="note">No structure that this page knows has a field here.</p>
      </div>
    </div>
  </section>
  <section id="records" aria-labelledby="records-title">
    <h2 id="records-title">Records</h2>
    <div class="tools">
      <label class="only-read" for="filter">Filter by key</label
      ><input id="filter" type="search" placeholder="Filter by key" autocomplete="off" /><label
        class="only-read"
        for="provenance"
        >How it was found</label
      ><select id="provenance"></select
      ><span id="record-count" class="end" role="status"></span>
    </div>
    <p id="record-note" class="note"></p>
    <table>
      <thead>
        <tr>
          <th scope="col">Key</th>
          <th scope="col">Found</th>
          <th scope="col" class="num">Value</th>
          <th scope="col" class="num">Place</th>
        </tr>
      </thead>
      <tbody id="record-rows"></tbody>
    </table>
    <p><button id="more" class="button" type="button">Show more</button></p>
  </section>
  <section id="spread" aria-labelledby="spread-title">
    <h2 id="spread-title">How it is spread</h2>
    <div class="charts">
      <div id="fill">
        <h3>Bucket fill</h3>
        <p id="fill-note" class="note"></p>
      </div>
      <div id="keys"><h3>Sizes of keys</h3></div>
      <div id="values"><h3>Sizes of values</h3></div>
    </div>
  </section>`;
