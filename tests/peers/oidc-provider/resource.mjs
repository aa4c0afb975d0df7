// The MCP server: asks for a token, publishes where to get one (RFC 9728), and answers JSON-RPC to a good one.
//
// Owns: the challenge, the protected resource metadata, the check of a token (RFC 7662 introspection) and of the key
// that it is bound to.
// Refuses to know: how tokens are made. It sees the provider over HTTP only, as a foreign server would.
// Limits: every method gets an empty result; there is no session and no stream.

import { randomBytes } from 'node:crypto';

import { Proofs } from './proof.mjs';

/** The value as RFC 6749, section 2.3.1 wants it before HTTP Basic. */
const formEncode = (value) => new URLSearchParams({ v: value }).toString().slice('v='.length);

function basic({ id, secret }) {
  return `Basic ${Buffer.from(`${formEncode(id)}:${formEncode(secret)}`).toString('base64')}`;
}

async function readBody(request) {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  return body;
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function buildResource({ issuer, resource, resourceServer, control, dpop }) {
  const proofs = dpop && new Proofs({ nonce: dpop === 'nonce' ? randomBytes(8).toString('hex') : undefined });
  const scheme = dpop ? 'DPoP' : 'Bearer';
  const { origin, pathname } = new URL(resource);
  const metadataPath = `/.well-known/oauth-protected-resource${pathname}`;
  const metadata = {
    resource,
    authorization_servers: [issuer],
    scopes_supported: ['mcp:read', 'mcp:write'],
    bearer_methods_supported: ['header'],
    ...(dpop && { dpop_bound_access_tokens_required: true }),
  };

  /** Why a request may not pass, in the terms of RFC 6750, section 3.1 and RFC 9449; undefined when it may. */
  async function refusal(request) {
    const form = new RegExp(`^${scheme} ([A-Za-z0-9._~+/-]+=*)$`, 'i');
    const token = form.exec(request.headers.authorization ?? '')?.[1];
    if (!token) return { status: 401, reason: 'no token' };
    const answer = await fetch(`${issuer}/token/introspection`, {
      method: 'POST',
      headers: { authorization: basic(resourceServer) },
      body: new URLSearchParams({ token }),
    });
    if (!answer.ok) throw new Error(`introspection answered ${answer.status}`);
    const { active, aud, scope = '', cnf } = await answer.json();
    if (!active) return { status: 401, error: 'invalid_token', reason: 'inactive' };
    if (aud !== resource) return { status: 401, error: 'invalid_token', reason: 'wrong audience' };
    if (dpop) {
      const { jkt, ...refused } = proofs.check(request, resource, token);
      if (refused.error) return { status: 401, ...refused };
      if (jkt !== cnf?.jkt) return { status: 401, error: 'invalid_token', reason: 'bound to another key' };
    }
    if (!scope.split(' ').includes('mcp:read')) return { status: 403, error: 'insufficient_scope' };
    return undefined;
  }

  function challenge(response, { status, error }) {
    const why = error ? `error="${error}", ` : '';
    const header = `${scheme} ${why}resource_metadata="${origin}${metadataPath}", scope="mcp:read mcp:write"`;
    const nonce = proofs?.nonce && { 'dpop-nonce': proofs.nonce };
    send(response, status, { error }, { 'www-authenticate': header, ...nonce });
  }

  async function answerMcp(request, response) {
    const message = await readBody(request);
    const refused = await refusal(request);
    control.record('mcp', { method: request.method, status: 200, ...refused });
    if (refused) challenge(response, refused);
    else send(response, 200, { jsonrpc: '2.0', id: JSON.parse(message).id ?? null, result: {} });
  }

  return async (request, response) => {
    try {
      if (request.url === metadataPath) send(response, 200, metadata);
      else if (request.url === pathname) await answerMcp(request, response);
      else send(response, 404, { error: 'not found' });
    } catch (error) {
      console.error(error);
      send(response, 500, { error: error.message });
    }
  };
}
