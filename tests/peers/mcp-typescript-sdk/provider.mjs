// The part that the SDK leaves to its users: who logs in, and what is kept about codes and tokens.
//
// Owns: the login page, the families of tokens. A refresh token works once; the second use of one ends its family.
// Refuses to know: HTTP endpoints, PKCE, registration: those are the SDK's.
// Limits: everything is kept in memory; any name and password are good.

import { randomUUID } from 'node:crypto';

import express from 'express';
import { InvalidGrantError, InvalidTargetError, InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';

const PAGE = (client, scopes, request) => `<!doctype html><title>Sign in</title><h1>${client} wants: ${scopes}</h1>
<form method="post" action="/login"><input type="hidden" name="request" value="${request}">
<label>Name <input name="name"></label><label>Password <input type="password" name="password"></label>
<button type="submit">Sign in and allow</button></form>`;

const escape = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

export class RotatingProvider {
  #resource;
  #control;
  #clients = new Map();
  #asked = new Map();
  #codes = new Map();
  #access = new Map();
  #refresh = new Map();

  constructor({ resource, control }) {
    this.#resource = resource;
    this.#control = control;
    this.clientsStore = {
      getClient: (id) => this.#clients.get(id),
      registerClient: (client) => {
        this.#clients.set(client.client_id, client);
        return client;
      },
    };
  }

  forgetClients() {
    this.#clients.clear();
  }

  forgetAccessTokens() {
    this.#access.clear();
  }

  async authorize(client, params, response) {
    if (params.resource?.href !== this.#resource.href) throw new InvalidTargetError('not the MCP server of this one');
    const request = randomUUID();
    this.#asked.set(request, { client, params });
    const name = escape(client.client_name ?? client.client_id);
    response.type('html').send(PAGE(name, escape(params.scopes.join(' ')), request));
  }

  pages() {
    const router = express.Router();
    router.post('/login', express.urlencoded({ extended: false }), (request, response) => this.#logIn(request.body, response));
    return router;
  }

  #logIn({ request, name, password }, response) {
    const asked = this.#asked.get(request);
    if (!asked || !name || !password) {
      response.status(400).send('name and password, please');
      return;
    }
    this.#asked.delete(request);
    const code = randomUUID();
    this.#codes.set(code, asked);
    const back = new URL(asked.params.redirectUri);
    back.searchParams.set('code', code);
    if (asked.params.state) back.searchParams.set('state', asked.params.state);
    response.redirect(back.href);
  }

  async challengeForAuthorizationCode(client, code) {
    return this.#codeOf(client, code).params.codeChallenge;
  }

  async exchangeAuthorizationCode(client, code, _verifier, redirectUri) {
    const { params } = this.#codeOf(client, code);
    if (redirectUri !== params.redirectUri) throw new InvalidGrantError('another redirect URI');
    this.#codes.delete(code);
    return this.#issue({ client: client.client_id, scopes: params.scopes, family: randomUUID() });
  }

  #codeOf(client, code) {
    const found = this.#codes.get(code);
    if (found?.client.client_id !== client.client_id) throw new InvalidGrantError('no such code');
    return found;
  }

  async exchangeRefreshToken(client, refreshToken, _scopes, resource) {
    const found = this.#refresh.get(refreshToken);
    if (found?.client !== client.client_id) throw new InvalidGrantError('no such refresh token');
    if (found.spent) {
      this.#end(found.family);
      throw new InvalidGrantError('used twice');
    }
    if (resource?.href !== this.#resource.href) throw new InvalidTargetError('not the MCP server of this one');
    found.spent = true;
    return this.#issue(found);
  }

  async verifyAccessToken(token) {
    const found = this.#access.get(token);
    if (!found) throw new InvalidTokenError('no such token');
    return { token, clientId: found.client, scopes: found.scopes, expiresAt: found.expiresAt, resource: this.#resource };
  }

  async revokeToken(_client, { token }) {
    const found = this.#refresh.get(token) ?? this.#access.get(token);
    if (found) this.#end(found.family);
  }

  #issue({ client, scopes, family }) {
    const [access, refresh] = [randomUUID(), randomUUID()];
    const lifetime = this.#control.accessTokenTtl;
    this.#access.set(access, { client, scopes, family, expiresAt: Math.floor(Date.now() / 1000) + lifetime });
    this.#refresh.set(refresh, { client, scopes, family, spent: false });
    return { access_token: access, token_type: 'bearer', expires_in: lifetime, scope: scopes.join(' '), refresh_token: refresh };
  }

  #end(family) {
    for (const kept of [this.#access, this.#refresh]) {
      for (const [token, held] of kept) if (held.family === family) kept.delete(token);
    }
    this.#control.record('grant_revoked', {});
  }
}
