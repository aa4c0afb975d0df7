#!/usr/bin/env node
// A person with a browser: opens the authorization URL given as the only argument in Chromium, signs in,
// consents, and stays until the client's own page is shown. Made to stand in $BROWSER.
//
// Owns: the browser, what is typed and pressed.
// Refuses to know: which provider it talks to.
// Limits: it fills every field with the same word, and presses the last button of the first form: pages of
// consent have "cancel" before "allow". With VISIT_PRESS=cancel it cancels where a page lets it, unless it must
// sign in first. stdout stays empty; the heading of the client's page is written to the
// file that VISIT_SAW names, and what went wrong to the one that VISIT_LOG names, with exit status 1.

import { appendFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const LOGIN = 'somebody';
const MAX_PAGES = 6;
const PATIENCE = 60_000;
const FIELDS = ['text', 'password', 'email'].map((type) => `input[type=${type}]`).concat('input:not([type])');

// No request may leave this machine, whatever a page or the browser itself wants.
const FLAGS = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
];

/** What cancels, or else the last button of the form: a person who wants to refuse signs in first where they must. */
async function toPress(page, form) {
  const cancel = page.locator('input[value=Cancel]').or(page.getByRole('link', { name: 'Cancel' })).first();
  const refuses = process.env.VISIT_PRESS === 'cancel' && await cancel.count() > 0;
  return refuses ? cancel : form.locator('button, input[type=submit]').last();
}

async function submitFirstForm(page) {
  const form = page.locator('form').first();
  for (const field of await form.locator(FIELDS.join(', ')).all()) {
    if (await field.isVisible()) await field.fill(LOGIN);
  }
  const button = await toPress(page, form);
  await Promise.all([
    page.waitForEvent('load', { timeout: PATIENCE }),
    button.click(),
  ]);
}

async function visit(browser, start) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(start, { waitUntil: 'load' });
  const home = new URL(start).origin;
  for (let count = 0; new URL(page.url()).origin === home; count += 1) {
    if (count === MAX_PAGES) throw new Error(`still at ${new URL(page.url()).pathname} after ${MAX_PAGES} pages`);
    if (await page.locator('form').count() === 0) {
      throw new Error(`the visit ended before the callback: ${(await page.locator('body').innerText()).slice(0, 500)}`);
    }
    await submitFirstForm(page);
  }
  const heading = await page.locator('h1').first().innerText();
  if (process.env.VISIT_SAW) appendFileSync(process.env.VISIT_SAW, heading);
}

let browser;
try {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
  await visit(browser, process.argv[2]);
} catch (error) {
  if (process.env.VISIT_LOG) appendFileSync(process.env.VISIT_LOG, `${error.stack}\n`);
  process.exitCode = 1;
} finally {
  await browser?.close();
}
