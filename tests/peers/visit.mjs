#!/usr/bin/env node
// A person with a browser, without either: opens the authorization URL given as the only argument, signs
// in, consents, and follows the redirect to the client's callback. Made to stand in $BROWSER.
//
// Owns: cookies, redirects, the first form of a page.
// Refuses to know: which provider it talks to; scripts and styles.
// Limits: it fills every text field with the same name, and presses the first form's button. stdout
// stays empty; what went wrong is written to the file that VISIT_LOG names, and the exit status is 1.
//
// With VISIT_CODE it is a person on another device (RFC 8628): no client waits for a callback, the code is typed
// where a page asks for it, and the visit ends at the first page without a form. With VISIT_PRESS it ends after the
// button of that name, on the first page that has it. The heading of the last page and the line below it are then
// written to the file that VISIT_SAW names.

import { appendFileSync } from 'node:fs';

const LOGIN = 'somebody';
const MAX_STEPS = 20;
const CODE = process.env.VISIT_CODE;

class CookieJar {
  #cookies = new Map();

  keep(url, response) {
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const [name, value] = splitOnce(pair);
      const settings = new Map(attributes.map(splitOnce).map(([key, text]) => [key.toLowerCase(), text]));
      const path = settings.get('path') ?? '/';
      const gone = new Date(settings.get('expires') ?? Infinity) < new Date();
      const key = [url.origin, path, name].join(' ');
      if (gone) this.#cookies.delete(key);
      else this.#cookies.set(key, { origin: url.origin, path, name, value });
    }
  }

  header(url) {
    return [...this.#cookies.values()]
      .filter(({ origin, path }) => origin === url.origin && covers(path, url.pathname))
      .sort((a, b) => b.path.length - a.path.length)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }
}

function splitOnce(pair) {
  const at = pair.indexOf('=');
  return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
}

/** Path match of RFC 6265, section 5.1.4. */
function covers(cookiePath, path) {
  const folder = cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`;
  return path === cookiePath || path.startsWith(folder);
}

const NAMED = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

function attributes(tag) {
  const found = tag.matchAll(/([a-z-]+)="([^"]*)"/gi);
  return Object.fromEntries([...found].map(([, name, value]) => (
    [name.toLowerCase(), value.replace(/&(amp|lt|gt|quot|#39);/g, (_, entity) => NAMED[entity])]
  )));
}

const typed = (name) => (CODE && name === 'user_code' ? CODE : LOGIN);

/** The button that VISIT_PRESS names, where the page has it; others send no field. */
function buttonToPress(html) {
  const buttons = [...html.matchAll(/<button\b[^>]*>/gi)].map(([tag]) => attributes(tag));
  return buttons.find(({ name }) => name && name === process.env.VISIT_PRESS);
}

/** What a person reads first: the heading, and the line below it. */
function read(html) {
  const [, heading = '', line = ''] = /<h1>(.*?)<\/h1>\s*(?:<p\b[^>]*>(.*?)<\/p>)?/is.exec(html) ?? [];
  return `${heading}: ${line}`;
}

/** The request that pressing the first form's button would send; undefined when the page has no form. */
function fillFirstForm(page, html) {
  const [, opening, inside] = /(<form\b[^>]*>)(.*?)<\/form>/is.exec(html) ?? [];
  if (!opening) return undefined;
  const fields = [...inside.matchAll(/<input\b[^>]*>/gi)].map(([tag]) => attributes(tag));
  const body = new URLSearchParams();
  for (const { type = 'text', name, value } of fields) {
    if (name) body.append(name, type.toLowerCase() === 'hidden' ? value ?? '' : typed(name));
  }
  const button = buttonToPress(html);
  if (button) body.append(button.name, button.value);
  return { url: new URL(attributes(opening).action ?? '', page), method: 'POST', body, isLast: Boolean(button) };
}

/** What a browser would do next; undefined when the page is the last one. */
async function next(request, response, home) {
  const location = response.headers.get('location');
  if (response.status >= 300 && response.status < 400 && location) {
    return { url: new URL(location, request.url), method: 'GET' };
  }
  const html = await response.text();
  if (!response.ok) throw new Error(`${request.url.origin}${request.url.pathname} answered ${response.status}: ${html.slice(0, 500)}`);
  const following = request.isLast ? undefined : fillFirstForm(request.url, html);
  if (CODE && !following && process.env.VISIT_SAW) appendFileSync(process.env.VISIT_SAW, read(html));
  // A form of any other origin is not the provider's: the client's page is where a person stops.
  return request.url.origin === home ? following : undefined;
}

async function visit(start) {
  const jar = new CookieJar();
  let request = { url: new URL(start), method: 'GET' };
  const home = request.url.origin;
  for (let step = 0; step < MAX_STEPS && request; step += 1) {
    const headers = { accept: 'text/html', cookie: jar.header(request.url) };
    const response = await fetch(request.url, { ...request, headers, redirect: 'manual' });
    jar.keep(request.url, response);
    const following = await next(request, response, home);
    if (!following && !CODE && request.url.origin === home) throw new Error(`the visit ended at ${request.url.pathname}, before the callback`);
    request = following;
  }
  if (request) throw new Error(`still redirected after ${MAX_STEPS} steps`);
}

try {
  await visit(process.argv[2]);
} catch (error) {
  const cause = error.cause ? ` (${error.cause})` : '';
  if (process.env.VISIT_LOG) appendFileSync(process.env.VISIT_LOG, `${error.stack}${cause}\n`);
  process.exitCode = 1;
}
