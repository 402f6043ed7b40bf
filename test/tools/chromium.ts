import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';

/** Debian's Chromium, which asks nothing of any network. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
}

/** Opens a report and collects everything that a browser complains of. */
export async function openReport(
  browser: Browser,
  url: string,
  page?: Page,
): Promise<{ page: Page; said: string[] }> {
  const opened = page ?? (await browser.newPage({ viewport: { width: 1366, height: 768 } }));
  const said: string[] = [];
  opened.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  opened.on('pageerror', (error) => said.push(String(error)));
  opened.on('request', (request) => {
    if (request.url() !== url) said.push(`request: ${request.url()}`);
  });
  opened.on('dialog', (dialog) => {
    said.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await opened.goto(url);
  await opened.waitForSelector('html[data-ready=yes]');
  return { page: opened, said };
}
