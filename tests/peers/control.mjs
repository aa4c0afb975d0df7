// What only the tests talk to: the record of requests, the life of new tokens, the replay of a spent token.
//
// Owns: the list of events (never a token), the last spent refresh token (never shown).
// Refuses to know: how the provider decides.
//
//   GET  /events                every event since the start
//   PUT  /access-token-ttl      body: seconds that new access tokens live
//   GET  /newest-access-token   {"expired": bool}
//   POST /replay                redeems the refresh token that was rotated last, as a thief would
//   POST /forget-clients        forgets every registered client, as a restart does; only where a server can
//   POST /forget-access-tokens  forgets every access token, but no refresh token; only where a server can

const REPLAY_HEADER = 'x-peers-replay';

export class Control {
  #events = [];
  #tokenEndpoint;
  #newestExpiresAt = 0;
  #spent;

  constructor({ tokenEndpoint, accessTokenTtl }) {
    this.#tokenEndpoint = tokenEndpoint;
    this.accessTokenTtl = accessTokenTtl;
  }

  record(event, details) {
    this.#events.push({ event, ...details });
  }

  isReplay(request) {
    return REPLAY_HEADER in request.headers;
  }

  /** An access token was issued that lives this many seconds. */
  sawAccessToken(seconds) {
    // A server that counts in whole seconds and cuts lets the token itself end up to a second before this.
    this.#newestExpiresAt = Date.now() + 1000 * seconds;
  }

  /** A refresh token was replaced: the form fields with which it could be redeemed once more. */
  sawSpent(fields) {
    this.#spent = fields;
  }

  async #replay() {
    if (!this.#spent) return [409, { error: 'no refresh token was rotated yet' }];
    const answer = await fetch(this.#tokenEndpoint, {
      method: 'POST',
      headers: { [REPLAY_HEADER]: '1' },
      body: new URLSearchParams(this.#spent),
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
      case 'POST /forget-clients': return forget(this.forgetClients);
      case 'POST /forget-access-tokens': return forget(this.forgetAccessTokens);
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

function forget(how) {
  if (!how) return [404, { error: 'this server does not forget that' }];
  how();
  return [200, {}];
}
