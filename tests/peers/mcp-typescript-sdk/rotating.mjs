// Starts the authorization endpoints of the MCP TypeScript SDK with refresh tokens and revocation, which its example
// server leaves out, and an MCP server of the SDK that asks for their tokens.
//
// Owns: which parts of the SDK are put together, the ports, the ready line.
// Refuses to know: OAuth: that is the SDK's, and for what the SDK leaves to its users, provider.mjs's.
//
//   rotating.mjs [--access-token-ttl SECONDS] [--until-stdin-closes]

import { once } from 'node:events';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import express from 'express';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import {
  createOAuthMetadata, getOAuthProtectedResourceMetadataUrl, mcpAuthMetadataRouter, mcpAuthRouter,
} from '@modelcontextprotocol/sdk/server/auth/router.js';

import { Control } from '../control.mjs';
import { RotatingProvider } from './provider.mjs';
import { watch } from './watch.mjs';

const SCOPES = ['mcp:tools'];

const { values: options } = parseArgs({
  options: {
    'access-token-ttl': { type: 'string', default: '3600' },
    'until-stdin-closes': { type: 'boolean', default: false },
  },
});

async function listen() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

function authorizationServer(issuerUrl, provider) {
  const app = express();
  app.use(mcpAuthRouter({ provider, issuerUrl, scopesSupported: SCOPES }));
  app.use(provider.pages());
  return app;
}

function mcpServer(issuerUrl, resource, provider) {
  const app = express();
  const oauthMetadata = createOAuthMetadata({ provider, issuerUrl, scopesSupported: SCOPES });
  const asked = { oauthMetadata, resourceServerUrl: resource, scopesSupported: SCOPES };
  app.use(mcpAuthMetadataRouter(asked));
  const guard = requireBearerAuth({
    verifier: provider,
    requiredScopes: SCOPES,
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resource),
    expectedResource: resource,
  });
  app.post(resource.pathname, guard, express.json(), async (request, response) => {
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    await new McpServer({ name: 'peer', version: '1.0.0' }).connect(transport);
    await transport.handleRequest(request, response, request.body);
  });
  return app;
}

const [authorization, mcp, controls] = [await listen(), await listen(), await listen()];
const issuer = new URL(authorization.origin);
const resource = new URL('/mcp', mcp.origin);

const control = new Control({
  tokenEndpoint: new URL('/token', issuer).href,
  accessTokenTtl: Number(options['access-token-ttl']),
});
const provider = new RotatingProvider({ resource, control });
control.forgetClients = () => provider.forgetClients();
control.forgetAccessTokens = () => provider.forgetAccessTokens();

watch(authorization.server, control);
authorization.server.on('request', authorizationServer(issuer, provider));
mcp.server.on('request', mcpServer(issuer, resource, provider));
controls.server.on('request', control.handler());

if (options['until-stdin-closes']) {
  process.stdin.on('end', () => process.exit(0)).resume();
}

console.log(JSON.stringify({ issuer: issuer.href, mcp: resource.href, control: controls.origin }));
