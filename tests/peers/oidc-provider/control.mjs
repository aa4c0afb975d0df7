// What only the tests talk to: the record of requests, the life of new tokens, the replay of a spent token.
//
// Owns: the list of events (never a token), the last spent refresh token (never shown).
// Refuses to know: how the provider decides.
//
//   GET  /events                every event since the start
//   PUT  /access-token-ttl      body: seconds that new access tokens live
//   GET  /newest-access-token   {"expired": bool}
//   POST /replay                redeems the refresh token that was rotated last, as a thief would

const REPLAY_HEADER = 'x-peers-replay';

export class Control {
  #events = [];
  #issuer;
  #newestExpiresAt = 0;
  #spent;

  constructor({ issuer, accessTokenTtl }) {
    this.#issuer = issuer;
    this.accessTokenTtl = accessTokenTtl;
  }

  record(event, details) {
    this.#events.push({ event, ...details });
  }

  isReplay(request) {
    return REPLAY_HEADER in request.headers;
  }

  /** Keeps what a grant leaves behind: when the new access token ends, and the refresh token it replaced. */
  sawSuccess({ oidc, body }) {
    // The provider counts in whole seconds and cuts, so the token itself ends up to a second before this.
    this.#newestExpiresAt = Date.now() + 1000 * body.expires_in;
    if (oidc.entities.RotatedRefreshToken) {
      this.#spent = { client_id: oidc.client.clientId, refresh_token: oidc.params.refresh_token };
    }
  }

  async #replay() {
    if (!this.#spent) return [409, { error: 'no refresh token was rotated yet' }];
    const answer = await fetch(`${this.#issuer}/token`, {
      method: 'POST',
      headers: { [REPLAY_HEADER]: '1' },
      body: new URLSearchParams({ grant_type: 'refresh_token', ...this.#spent }),
    });
    const { error, error_description: description } = await answer.json();
    return [200, { status: answer.status, error, error_description: description }];
  }

  async #setTtl(request) {
    let body = '';
    for await (const chunk of request) body += chunk;
    const seconds = Number(body);
    if (!Number.isInteger(seconds) || seconds < 1) return [400, { error: 'seconds must be a positive integer' }];
    this.accessTokenTtl = seconds;
    return [200, { seconds }];
  }

  #answer(request) {
    switch (`${request.method} ${request.url}`) {
      case 'GET /events': return [200, this.#events];
      case 'PUT /access-token-ttl': return this.#setTtl(request);
      case 'GET /newest-access-token': return [200, { expired: this.#newestExpiresAt <= Date.now() }];
      case 'POST /replay': return this.#replay();
      default: return [404, { error: 'not found' }];
    }
  }

  handler() {
    return async (request, response) => {
      const [status, body] = await this.#answer(request);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
  }
}
