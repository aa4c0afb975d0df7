// Starts oidc-provider with an MCP resource server and a control endpoint beside it, each on a port of
// its own on 127.0.0.1, and prints one JSON line when all of them answer.
//
// Owns: the command line, the ports, the ready line, the end of the process.
// Refuses to know: OAuth (provider.mjs), MCP (resource.mjs), what tests ask for (../control.mjs).
//
//   server.mjs [--port N] [--issuer-path PATH] [--access-token-ttl SECONDS] [--dpop bound|nonce]
//     [--device-flow] [--until-stdin-closes]

import { createServer } from 'node:http';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import express from 'express';

// oidc-provider's notices are about production use, and some of them would go to stdout, which belongs to
// the ready line. Errors still reach stderr.
console.info = () => {};
console.warn = () => {};

const { buildProvider } = await import('./provider.mjs');
const { buildResource } = await import('./resource.mjs');
const { Control } = await import('../control.mjs');

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'access-token-ttl': { type: 'string', default: '3600' },
    'issuer-path': { type: 'string', default: '' },
    // `bound`: the MCP server takes tokens alone that are bound to a key; `nonce`: both servers demand nonces, too.
    dpop: { type: 'string', default: '' },
    'device-flow': { type: 'boolean', default: false },
    'until-stdin-closes': { type: 'boolean', default: false },
  },
});

async function listen(port) {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

// The reserved characters are the point: HTTP Basic must form-encode them first (RFC 6749, section 2.3.1).
const confidentialClient = (id) => ({ id, secret: `${randomBytes(16).toString('hex')}:%+/& ~` });

const authorization = await listen(Number(options.port));
const mcp = await listen(0);
const controls = await listen(0);

const issuer = `${authorization.origin}${options['issuer-path']}`;
const resource = `${mcp.origin}/mcp`;
const clients = {
  header: confidentialClient('service:header'),
  body: confidentialClient('service-body'),
};
/** The public half of a key that the tests sign with. */
function publicKey(name) {
  const { d, p, q, dp, dq, qi, ...key } = JSON.parse(
    readFileSync(new URL(`../../../src/jose/tests/keys/${name}.jwk`, import.meta.url), 'utf8'),
  );
  return { ...key, kid: `${name}-1` };
}

const signers = ['ec', 'rsa'].map((name) => ({ id: `service-${name}`, key: publicKey(name) }));
const resourceServer = confidentialClient('resource-server');

const control = new Control({ tokenEndpoint: `${issuer}/token`, accessTokenTtl: Number(options['access-token-ttl']) });
const { dpop, 'device-flow': deviceFlow } = options;
const provider = buildProvider({ issuer, resource, clients, signers, resourceServer, control, dpop, deviceFlow });

authorization.server.on('request', express().use(options['issuer-path'] || '/', provider.callback()));
mcp.server.on('request', buildResource({ issuer, resource, resourceServer, control, dpop }));
controls.server.on('request', control.handler());

if (options['until-stdin-closes']) {
  process.stdin.on('end', () => process.exit(0)).resume();
}

console.log(JSON.stringify({ issuer, mcp: resource, control: controls.origin, clients }));
