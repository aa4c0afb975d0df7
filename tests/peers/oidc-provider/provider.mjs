// The authorization server: oidc-provider with its own rules wherever it has one.
//
// Owns: the provider's configuration and what is recorded about each request.
// Refuses to know: ports, the MCP server's answers, what a test does with the records.
// Limits: everything is kept in memory; any login name is good.
//
// Left as oidc-provider has it: when a refresh token is issued (offline_access, granted on a consent
// prompt), what a reused refresh token does (the grant is revoked), redirect URI and PKCE checks,
// `iss` in the authorization response, the development login and consent pages, and with `deviceFlow` the pages
// where a person enters the code of a device and confirms or aborts (RFC 8628).

import { randomBytes } from 'node:crypto';

import Provider, { errors } from 'oidc-provider';

const MCP_SCOPES = 'mcp:read mcp:write';

/** A client of the provider's configuration that only speaks client_credentials, or only introspects. */
function staticClient({ id, secret }, authMethod, grantTypes) {
  return {
    client_id: id,
    client_secret: secret,
    token_endpoint_auth_method: authMethod,
    grant_types: grantTypes,
    response_types: [],
    redirect_uris: [],
  };
}

/** A client that proves itself with a private key (RFC 7523). */
function signingClient({ id, key }) {
  return {
    client_id: id,
    jwks: { keys: [key] },
    token_endpoint_auth_method: 'private_key_jwt',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  };
}

function features({ resource, dpop, deviceFlow }) {
  return {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: deviceFlow },
    dPoP: { enabled: dpop !== '', nonceSecret: randomBytes(32), requireNonce: () => dpop === 'nonce' },
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    registration: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(ctx, indicator) {
        // The comparison is byte for byte: a client that normalises the URL is refused.
        if (indicator !== resource) throw new errors.InvalidTarget();
        return { scope: MCP_SCOPES, audience: resource, accessTokenFormat: 'opaque' };
      },
    },
  };
}

export function buildProvider({ issuer, resource, clients, signers, resourceServer, control, dpop, deviceFlow }) {
  const ttl = () => control.accessTokenTtl;
  const provider = new Provider(issuer, {
    clients: [
      staticClient(clients.header, 'client_secret_basic', ['client_credentials']),
      staticClient(clients.body, 'client_secret_post', ['client_credentials']),
      ...signers.map(signingClient),
      staticClient(resourceServer, 'client_secret_basic', []),
    ],
    cookies: { keys: [randomBytes(32).toString('hex')] },
    features: features({ resource, dpop, deviceFlow }),
    findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ttl: { AccessToken: ttl, ClientCredentials: ttl },
  });
  record(provider, control);
  return provider;
}

/** Tells the control what was asked and how it ended, before the answer leaves. */
function record(provider, control) {
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === '/token') recordTokenRequest(ctx, control);
    if (ctx.path === '/reg') control.record('registration', { status: ctx.status });
    if (ctx.path === '/auth') recordAuthorization(ctx, control);
    if (ctx.path === '/device/auth') recordDeviceAuthorization(ctx, control);
    if (ctx.path === '/token/revocation') control.record('revocation', { status: ctx.status });
  });
  provider.on('grant.success', (ctx) => recordGrant(ctx, control));
  provider.on('grant.revoked', () => control.record('grant_revoked', {}));
  provider.on('server_error', (ctx, error) => console.error(error));
}

/** Keeps what a grant leaves behind: when the new access token ends, and the refresh token it replaced. */
function recordGrant({ oidc, body }, control) {
  control.sawAccessToken(body.expires_in);
  if (oidc.entities.RotatedRefreshToken) {
    control.sawSpent({
      grant_type: 'refresh_token', client_id: oidc.client.clientId, refresh_token: oidc.params.refresh_token,
    });
  }
}

function recordTokenRequest(ctx, control) {
  const params = ctx.oidc.params ?? {};
  control.record('token', {
    grant_type: params.grant_type,
    client_id: ctx.oidc.client?.clientId,
    auth_style: authStyle(ctx, params),
    resource: params.resource,
    scope: params.scope,
    status: ctx.status,
    outcome: ctx.status === 200 ? 'success' : 'error',
    error: ctx.body?.error,
    error_description: ctx.body?.error_description,
    issued_refresh_token: Boolean(ctx.body?.refresh_token),
    granted_scope: ctx.body?.scope,
    proved: Boolean(ctx.get('dpop')),
    token_type: ctx.body?.token_type,
    replay: control.isReplay(ctx.req),
  });
}

function authStyle(ctx, params) {
  if (ctx.get('authorization')) return 'header';
  if (params.client_assertion) return 'assertion';
  return params.client_secret ? 'body' : 'none';
}

function recordAuthorization(ctx, control) {
  // What arrived, not `ctx.oidc.params`: the provider drops offline_access there when no consent is asked.
  const { scope, prompt, resource, dpop_jkt, code_challenge_method: pkce } = ctx.query;
  control.record('authorization', { scope, prompt, resource, dpop_jkt, pkce, status: ctx.status });
}

function recordDeviceAuthorization(ctx, control) {
  const { scope, resource } = ctx.oidc.params ?? {};
  control.record('device_authorization', { scope, resource, status: ctx.status });
}
