import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { pageAssets } from '../../bin/build.js';
import { LAYOUT_64 } from '../../src/format/format.js';
import { html, quoted } from '../../src/report/html/page.js';
import { jsonBlock } from '../../src/report/html/page.js';
import { launch, openReport } from '../tools/chromium.js';
import { cli } from '../tools/cli.js';
import { sample } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { MiniGdbm } from '../tools/minigdbm.js';
import { testWith } from '../tools/needs.js';
import { damagedDatabase } from '../tools/showcase.js';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';

const NEXT_BLOCK_LOW = fixture('../test/cases/next-block-8192.db');
let browser: Promise<Browser> | undefined;
/** The page in which the reports are opened, one after the other: another one would need another process. */
let tab: Promise<Page> | undefined;
after(async () => (await browser)?.close());

/** Reports by the bytes that they are of. */
const reports = new Map<Uint8Array, string>();
const damaged = damagedDatabase(3000);

async function reportOf(t: TestContext, bytes: Uint8Array): Promise<{ page: Page; said: string[] }> {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'some.db');
  const html = join(folder, 'some.html');
  await writeFile(file, bytes);
  const made = reports.get(bytes);
  if (made !== undefined) await writeFile(html, made);
  else {
    const { code, stderr } = await cli(['report', file, '--html', html]);
    assert.notEqual(code, null, stderr);
    reports.set(bytes, await readFile(html, 'utf8'));
  }
  tab ??= (await (browser ??= launch())).newPage();
  const page = await tab;
  await page.setViewportSize({ width: 1366, height: 768 });
  await page.emulateMedia({ colorScheme: null });
  return openReport(page, pathToFileURL(html).href);
}

const totals = (page: Page) =>
  page.evaluate<{ legend: number; map: number }>(`({
    legend: [...document.querySelectorAll('#legend button')].reduce((sum, one) => sum + Number(one.dataset.bytes), 0),
    map: Number(document.getElementById('map').dataset.total),
  })`);
const sight = (page: Page) =>
  page.evaluate<{ from: number; span: number; cursor: number }>(`(async () => {
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const { from, span, cursor } = document.getElementById('map').dataset;
    return { from: Number(from), span: Number(span), cursor: Number(cursor) };
  })()`);

test("the page's committed script and style are those of src/page/", async () => {
  const committed = await readFile(
    fileURLToPath(new URL('../../src/report/html/assets.ts', import.meta.url)),
    'utf8',
  );
  assert.equal(committed, await pageAssets(), 'run: npm run page');
});

test('a block of JSON holds nothing that a browser takes for markup', () => {
  const hostile = { key: '</script><!--<script>\u2028&lt;' };
  assert.doesNotMatch(jsonBlock(hostile), /[<>&\u2028\u2029]/);
  assert.deepEqual(JSON.parse(jsonBlock(hostile)), hostile);
});

test('what is put into a template is text, also in an attribute', () => {
  const hostile = `</p><script>"'&`;
  const made = html`<p title="${hostile}">${hostile}${[quoted(hostile)]}${null}${7}</p>`.text;
  const escaped = '&#60;/p&#62;&#60;script&#62;&#34;&#39;&#38;';
  assert.equal(made, `<p title="${escaped}">${escaped}<bdi class="quoted">${escaped}</bdi>7</p>`);
});

testWith('chromium', 'without JavaScript the page tells verdict, findings and statement', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'some.db');
  const report = join(folder, 'some.html');
  await writeFile(file, await readFile(NEXT_BLOCK_LOW));
  assert.equal((await cli(['report', file, '--html', report])).code, 1);
  const context = await (await (browser ??= launch())).newContext({ javaScriptEnabled: false });
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(pathToFileURL(report).href);
  const text = await page.locator('body').innerText();
  assert.match(text, /damaged/i);
  assert.match(text, /4,000 records can be proved; libgdbm says “Malformed avail_block”/);
  assert.match(text, /gdbm-doctor repair .*some\.db/);
  assert.match(text, /header-next-block-low/);
  assert.match(text, /found next_block 8192/);
  assert.match(text, /This explains .*4,000 record-beyond-next-block/);
  assert.match(text, /Made by\s+gdbm-doctor \d/);
  assert.doesNotMatch(text, /Nothing is wrong/);
  // No control that does nothing, no frame of what is not drawn.
  for (const one of await page.locator('button, canvas, input, select').all()) {
    assert.equal(await one.isVisible(), false);
  }
  await page.locator('.explained > summary').click();
  assert.ok(await page.locator('.explained .finding').first().isVisible());
});

testWith('chromium', 'deleted records are as many and as sure as salvage --deleted tells', async (t) => {
  const file = join(await temporaryFolder(t), 'some.db');
  await writeFile(file, damaged);
  const { stdout } = await cli(['salvage', '--deleted', file]);
  const listed = /^found: (.*)$/m
    .exec(stdout)![1]
    .split(', ')
    .filter((one) => !one.endsWith('unproved'));
  const { page } = await reportOf(t, damaged);
  const options = await page.locator('#provenance option').allInnerTexts();
  const shown = options.slice(1).map((option) => /^(.*) \((.*)\)$/.exec(option)!);
  assert.deepEqual(shown.map(([, name, count]) => `${count} ${name.replace(',', '')}`).sort(), listed.sort());
  assert.ok(shown.some(([, name]) => name === 'deleted, high'));
  // Each one that the page lists is in the list of the command, of the same confidence.
  await page.locator('#provenance').selectOption('deleted, high');
  while (await page.locator('#more').isVisible()) await page.locator('#more').click();
  const keys = await page.locator('#record-rows .quoted').allInnerTexts();
  assert.ok(keys.length > 0);
  for (const key of keys) assert.ok(stdout.includes(`${key} (confidence high`), key);
});

testWith('chromium', 'the filter says how many of all records it looks at', async (t) => {
  const all = await reportOf(t, await readFile(fixture('amd64.db')));
  assert.equal(await all.page.locator('#record-note').innerText(), '');
  const { page } = await reportOf(t, await readFile(NEXT_BLOCK_LOW));
  assert.match(await page.locator('#record-note').innerText(), /^1,000 of 4,000 listed/);
});

testWith('chromium', "the map's totals are the file's size, whatever is wrong with the file", async (t) => {
  const killed = await readFile(fixture('killed-shelve.db'));
  const headless = Uint8Array.from(killed);
  headless.fill(0xff, 0, 4096);
  const cases: Record<string, Uint8Array> = {
    damaged,
    killed,
    headless,
    'its beginning gone': damaged.slice(100),
    s390x: await readFile(fixture('s390x-numsync.db')),
    'no database': new TextEncoder().encode('only words'),
    empty: new Uint8Array(0),
  };
  for (const [name, bytes] of sample(Object.entries(cases), 4)) {
    const { page, said } = await reportOf(t, bytes);
    assert.deepEqual(await totals(page), { legend: bytes.length, map: bytes.length }, name);
    assert.deepEqual(said, [], name);
  }
});

testWith(
  'chromium',
  'a finding leads to its place, a filter to its records, keys move and zoom',
  async (t) => {
    const { page, said } = await reportOf(t, damaged);

    const jump = page.locator('.finding', { hasText: 'directory-entry-invalid' }).locator('.jump').first();
    const wanted = Number(await jump.getAttribute('data-offset'));
    await jump.click();
    const there = await sight(page);
    assert.equal(there.cursor, wanted);
    assert.ok(there.from <= wanted && wanted < there.from + there.span && there.span <= 5 * 4096);
    assert.match(await page.locator('#selected').innerText(), /Directory/);
    assert.match(await page.locator('#fields').innerText(), /slot\[\d+\]\.bucket\s+77\b/);

    await page.locator('#map').focus();
    await page.keyboard.press('0');
    const whole = await sight(page);
    assert.equal(whole.from, 0);
    await page.keyboard.press('+');
    const closer = await sight(page);
    assert.equal(closer.span, whole.span / 2);
    await page.keyboard.press('PageDown');
    assert.ok((await sight(page)).from > closer.from);
    await page.keyboard.press('Home');
    await page.keyboard.press('n');
    assert.equal((await sight(page)).cursor, 4096);
    await page.keyboard.press('ArrowRight');
    assert.ok((await sight(page)).cursor > 4096);
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('document.activeElement.id'), 'bytes');

    await page.locator('#filter').fill('order/0000');
    const keys = await page.locator('#record-rows .quoted').allInnerTexts();
    assert.ok(keys.length > 0 && keys.every((key) => key.includes('order/0000')), keys.join());
    await page.locator('#filter').fill('no such key');
    assert.equal(await page.locator('#record-rows tr.record').count(), 0);
    await page.locator('#filter').fill('');
    await page.locator('#provenance').selectOption('deleted, high');
    assert.deepEqual(
      [...new Set(await page.locator('#record-rows .tag').allInnerTexts())],
      ['deleted, high'],
    );

    await page.locator('#hex-offset').fill('0x10');
    await page.keyboard.press('Enter');
    assert.equal((await sight(page)).cursor, 16);
    await page.locator('#hex-offset').fill('99999999999');
    await page.keyboard.press('Enter');
    assert.match(await page.locator('#hex-wrong').innerText(), /Expected an offset/);
    assert.deepEqual(said, []);
  },
);

testWith('chromium', 'nothing from a file runs, loads or changes the page', async (t) => {
  const hostile = [
    '</script><script>document.title="owned"</script>',
    '<!--<script>',
    ']]></style><style>*{display:none}</style>',
    '<img src=x onerror="document.title=\'owned\'">',
    '" onmouseover="document.title=\'owned\'" x="',
    "javascript:document.title='owned'",
    '<svg onload=document.title="owned">',
    '<iframe srcdoc="<script>parent.document.title=1</script>">',
    '<base href="https://example.invalid/"><link rel=stylesheet href=x.css>',
    'url(https://example.invalid/x.png)',
    '{{constructor.constructor("document.title=1")()}}',
    '\u202eevil\u202c\u2066x\u2069',
    '\u2028\u2029\u0000\u001b[2J',
    'a\u0301'.repeat(60),
    '\ufeff\u200b\u200d',
    '<'.repeat(200),
    '\\u003cscript\\u003e',
    '__proto__',
    '',
  ];
  const db = new MiniGdbm({
    format: { byteOrder: 'little', layout: LAYOUT_64, variant: 'standard' },
    blockSize: 4096,
  });
  const text = (value: string) => new TextEncoder().encode(value);
  hostile.forEach((one, i) => db.store(text(`${one}#${i}`), text(hostile[(i + 1) % hostile.length])));
  for (let i = 0; i < 40; i++) db.store(Uint8Array.from([0xff, 0xfe, i]), text(hostile[i % hostile.length]));
  const { page, said } = await reportOf(t, db.bytes());
  const title = await page.title();
  await page.locator('#more').click();
  assert.equal(await page.locator('#record-rows tr.record').count(), hostile.length + 40);
  for (const one of await page.locator('#record-rows .open').all()) await one.click();
  const shown = (await page.locator('#record-rows .quoted').allInnerTexts()).join('\n');
  assert.ok(shown.includes('</script><script>document.title="owned"</script>#0'), shown);
  assert.ok(shown.includes('\\xe2\\x80\\xae'), 'what turns the direction of text is escaped');
  await page.mouse.move(300, 300);
  assert.equal(await page.title(), title);
  const [scripts, others] = await page.evaluate<[number, number]>(
    `[document.querySelectorAll('script').length, document.querySelectorAll('img, svg, iframe, base, link, [onerror], [onload]').length]`,
  );
  assert.equal(scripts, 2);
  assert.equal(others, 0);
  assert.deepEqual(said, []);
});

testWith('chromium', 'the page fits a phone, in light and dark', async (t) => {
  const { page, said } = await reportOf(t, damaged);
  for (const width of [360, 390, 768, 1366, 2560]) {
    await page.setViewportSize({ width, height: 800 });
    const widest = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(widest <= width, `${widest} of ${width}`);
  }
  const colour = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await colour();
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await colour();
  assert.notEqual(dark, light);
  await page.locator('#theme').click();
  assert.equal(await colour(), light);
  assert.deepEqual(said, []);
});

testWith('chromium', 'what can be used has a name, and a style of the page cannot be added to', async (t) => {
  const { page } = await reportOf(t, damaged);
  const nameless = await page.evaluate<
    string[]
  >(`[...document.querySelectorAll('button, input, select, canvas, [tabindex]')]
    .filter((one) => !one.textContent.trim() && !one.ariaLabel && !one.labels?.length && !one.hasAttribute('aria-labelledby') && one.ariaHidden !== 'true')
    .map((one) => one.outerHTML)`);
  assert.deepEqual(nameless, []);
  const ran = await page.evaluate<boolean>(`(() => {
    const script = document.createElement('script');
    script.textContent = 'window.ran = true';
    document.body.append(script);
    return window.ran === true;
  })()`);
  assert.equal(ran, false);
});

test('a report takes no other file away', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'some.db');
  await writeFile(file, await readFile(fixture('amd64.db')));
  const other = join(folder, 'other');
  await writeFile(other, 'mine');
  for (const path of [file, other]) {
    const { code, stderr } = await cli(['report', file, '--html', path]);
    assert.equal(code, 2);
    assert.match(stderr, /expected no file or an older report/);
  }
  assert.equal(await readFile(other, 'utf8'), 'mine');
  const html = join(folder, 'r.html');
  assert.equal((await cli(['report', file, '--html', html])).code, 0);
  assert.equal((await cli(['report', file, '--html', html, '--hash'])).code, 0);
  assert.match(await readFile(html, 'utf8'), /SHA-256 before<\/dt>\s*<dd><bdi class="quoted">[0-9a-f]{64}</);
});
