// Tells the control what an HTTP server was asked and how it answered, without a hand in either.
//
// Owns: copies of the bodies of a request and of its answer.
// Refuses to know: which library answers.

const KINDS = { '/authorize': 'authorization', '/token': 'token', '/register': 'registration', '/revoke': 'revocation' };

export function watch(server, control) {
  server.prependListener('request', (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const kind = KINDS[url.pathname];
    if (!kind) return;
    const asked = copyOfBody(request);
    const end = response.end;
    response.end = function tellAndEnd(body, ...rest) {
      tell(control, { kind, url, request, status: response.statusCode, asked: asked(), answer: String(body ?? '') });
      return end.call(this, body, ...rest);
    };
  });
}

/** Looks at what the owner of the stream reads; reading it here would take it away. */
function copyOfBody(request) {
  const chunks = [];
  const emit = request.emit;
  request.emit = function see(event, ...values) {
    if (event === 'data') chunks.push(values[0]);
    return emit.call(this, event, ...values);
  };
  return () => Buffer.concat(chunks.map((chunk) => Buffer.from(chunk))).toString();
}

function tell(control, { kind, url, request, status, asked, answer }) {
  if (kind === 'token') {
    tellOfToken(control, { request, status, form: Object.fromEntries(new URLSearchParams(asked)), answer: parse(answer) });
  } else if (kind === 'authorization') {
    const { scope, prompt, resource, code_challenge_method: pkce } = Object.fromEntries(url.searchParams);
    control.record(kind, { scope, prompt, resource, pkce, status });
  } else {
    control.record(kind, { status });
  }
}

function tellOfToken(control, { request, status, form, answer }) {
  const { grant_type, client_id, resource, scope } = form;
  control.record('token', {
    grant_type, client_id, resource, scope, status,
    auth_style: form.client_secret ? 'body' : 'none',
    outcome: status === 200 ? 'success' : 'error',
    error: answer.error,
    error_description: answer.error_description,
    issued_refresh_token: Boolean(answer.refresh_token),
    granted_scope: answer.scope,
    replay: control.isReplay(request),
  });
  if (status !== 200) return;
  control.sawAccessToken(answer.expires_in);
  if (form.refresh_token && answer.refresh_token !== form.refresh_token) control.sawSpent(form);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
