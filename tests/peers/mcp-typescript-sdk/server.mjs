// Starts the example server of the MCP TypeScript SDK, as its package holds it, with --oauth --oauth-strict: an
// authorization server and an MCP server.
//
// Owns: the ports, the record of requests, the ready line.
// Refuses to know: OAuth and MCP. Not a line of the example is changed, though its memory can be emptied.
// Limits: the example issues tokens for one hour, no refresh token, asks nobody to log in and revokes nothing.
//
//   server.mjs [--until-stdin-closes]

import { once } from 'node:events';
import { createServer, Server } from 'node:http';
import { createServer as createListener } from 'node:net';

import {
  DemoInMemoryAuthProvider, DemoInMemoryClientsStore,
} from '@modelcontextprotocol/sdk/examples/server/demoInMemoryOAuthProvider.js';

import { Control } from '../control.mjs';
import { watch } from './watch.mjs';

// The example logs whatever it is sent. stdout belongs to the ready line.
const print = console.log;
console.log = () => {};

async function listen() {
  const listener = createListener().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return { listener, port: listener.address().port };
}

const [mcp, authorization, controls] = [await listen(), await listen(), await listen()];
const issuer = `http://localhost:${authorization.port}/`;
const control = new Control({ tokenEndpoint: `${issuer}token` });

// The example wants to know its ports beforehand, and listens on every address of the machine. It gets the ports
// that are ours already, on loopback.
Server.prototype.listen = function take(port, done) {
  const held = [mcp, authorization].find((one) => String(one.port) === String(port));
  held.listener.on('connection', (socket) => this.emit('connection', socket));
  if (held === authorization) watch(this, control);
  process.nextTick(done);
  return this;
};
// What a restart does to a memory: clients and tokens of before are unknown. The example keeps both to itself, so
// the memory is caught where it is used.
function catchMemory(kind, method, event, of) {
  const original = kind.prototype[method];
  kind.prototype[method] = function remember(...values) {
    control[event] = () => of(this).clear();
    return original.apply(this, values);
  };
}
catchMemory(DemoInMemoryClientsStore, 'registerClient', 'forgetClients', (store) => store.clients);
catchMemory(DemoInMemoryAuthProvider, 'exchangeAuthorizationCode', 'forgetAccessTokens', (provider) => provider.tokens);

process.env.MCP_PORT = mcp.port;
process.env.MCP_AUTH_PORT = authorization.port;
process.argv.push('--oauth', '--oauth-strict');
await import('@modelcontextprotocol/sdk/examples/server/simpleStreamableHttp.js');

const controlServer = createServer(control.handler());
controls.listener.on('connection', (socket) => controlServer.emit('connection', socket));

if (process.argv.includes('--until-stdin-closes')) {
  process.stdin.on('end', () => process.exit(0)).resume();
}
print(JSON.stringify({
  issuer,
  mcp: `http://localhost:${mcp.port}/mcp`,
  control: `http://127.0.0.1:${controls.port}`,
}));
