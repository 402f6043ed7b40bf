/** Screenshots of reports to look at: npm run screenshots [-- FOLDER]. Needs Debian's chromium. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { launch, openReport } from '../tools/chromium.js';
import { cliProcess } from '../tools/cli.js';
import { fixture } from '../tools/fixtures.js';
import { damagedDatabase } from '../tools/showcase.js';

const SIZES = { phone: [390, 844], laptop: [1366, 768], wide: [2560, 1440] } as const;

const folder = resolve(process.argv[2] ?? 'demo-output/screenshots');
await mkdir(folder, { recursive: true });
const work = await mkdtemp(join(tmpdir(), 'shots-'));
// The page shows the path as it was given.
process.chdir(work);
const damaged = 'orders.db';
await writeFile(damaged, damagedDatabase());
const files: Record<string, string> = {
  killed: fixture('killed-shelve.db'),
  damaged,
  healthy: fixture('amd64.db'),
};
const browser = await launch();
for (const [name, file] of Object.entries(files)) {
  const html = join(work, `${name}.html`);
  await cliProcess(['report', file, '--html', html]);
  for (const [size, [width, height]] of Object.entries(SIZES)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme });
      await openReport(page, pathToFileURL(html).href);
      await page.waitForTimeout(100);
      const base = join(folder, `${name}-${size}-${colorScheme}`);
      await page.screenshot({ path: `${base}.png` });
      await page.screenshot({ path: `${base}-full.png`, fullPage: true });
      await page.close();
    }
  }
}
// docs/report.png, which the README shows.
const shown = await browser.newPage({ viewport: { width: 1280, height: 1060 }, colorScheme: 'light' });
await openReport(shown, pathToFileURL(join(work, 'damaged.html')).href);
await shown.evaluate(`document.getElementById('map').scrollIntoView({ block: 'center' })`);
await shown.locator('#map').click({ position: { x: 300, y: 160 } });
await shown.evaluate('scrollTo(0, 0)');
await shown.waitForTimeout(200);
await shown.screenshot({ path: join(folder, 'report.png') });
await browser.close();
process.chdir('/');
await rm(work, { recursive: true });
process.stdout.write(`screenshots in ${folder}\n`);
