"""The part that the SDK leaves to its users: who logs in, and what is kept about codes and tokens.

Owns: the login page, the families of tokens. A refresh token works once; the second use of one ends its family.
Refuses to know: HTTP endpoints, PKCE, registration: those are the SDK's.
Limits: everything is kept in memory; any name and password are good.
"""

import secrets
import time
from html import escape

from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizeError,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.shared.auth import OAuthToken
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route

CODE_SECONDS = 60

PAGE = """<!doctype html><title>Sign in</title><h1>{client} wants: {scopes}</h1>
<form method="post"><input type="hidden" name="request" value="{request}">
<label>Name <input name="name"></label><label>Password <input type="password" name="password"></label>
<button type="submit">Sign in and allow</button></form>"""


class FamilyAccessToken(AccessToken):
    family: str


class FamilyRefreshToken(RefreshToken):
    family: str
    spent: bool = False


class Provider(OAuthAuthorizationServerProvider[AuthorizationCode, FamilyRefreshToken, FamilyAccessToken]):
    def __init__(self, origin, resource, control):
        self._origin = origin
        self._resource = resource
        self._control = control
        self._clients = {}
        self._asked = {}
        self._codes = {}
        self._access = {}
        self._refresh = {}

    def forget_clients(self):
        self._clients.clear()

    def forget_access_tokens(self):
        self._access.clear()

    async def get_client(self, client_id):
        return self._clients.get(client_id)

    async def register_client(self, client_info):
        self._clients[client_info.client_id] = client_info

    async def authorize(self, client, params):
        # The comparison is byte for byte: a client that normalises the URL is refused.
        if params.resource != self._resource:
            raise AuthorizeError("invalid_target", "that is not the MCP server of this authorization server")
        request = secrets.token_urlsafe(24)
        self._asked[request] = (client, params)
        return f"{self._origin}/login?request={request}"

    def pages(self):
        return [Route("/login", self._show), Route("/login", self._log_in, methods=["POST"])]

    async def _show(self, request):
        number = request.query_params["request"]
        client, params = self._asked[number]
        name, scopes = client.client_name or client.client_id, " ".join(params.scopes or [])
        return HTMLResponse(PAGE.format(client=escape(name), scopes=escape(scopes), request=escape(number)))

    async def _log_in(self, request):
        form = await request.form()
        if not (form["name"] and form["password"]):
            return HTMLResponse("name and password, please", status_code=400)
        client, params = self._asked.pop(form["request"])
        code = AuthorizationCode(
            code=secrets.token_urlsafe(24),
            scopes=params.scopes or [],
            expires_at=time.time() + CODE_SECONDS,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
            subject=form["name"],
        )
        self._codes[code.code] = code
        back = construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)
        return RedirectResponse(back, status_code=302)

    async def load_authorization_code(self, client, authorization_code):
        return self._codes.get(authorization_code)

    async def exchange_authorization_code(self, client, authorization_code):
        del self._codes[authorization_code.code]
        return self._issue(authorization_code, authorization_code.scopes, secrets.token_urlsafe(8))

    async def load_refresh_token(self, client, refresh_token):
        found = self._refresh.get(refresh_token)
        if found and found.spent:
            self._end(found.family)
            return None
        return found

    async def exchange_refresh_token(self, client, refresh_token, scopes):
        refresh_token.spent = True
        return self._issue(refresh_token, scopes, refresh_token.family)

    async def load_access_token(self, token):
        return self._access.get(token)

    async def revoke_token(self, token):
        self._end(token.family)

    def _issue(self, before, scopes, family):
        lifetime = self._control.access_token_ttl
        shared = {"client_id": before.client_id, "resource": before.resource, "subject": before.subject, "family": family}
        access = FamilyAccessToken(
            token=secrets.token_urlsafe(32), scopes=scopes, expires_at=int(time.time()) + lifetime, **shared
        )
        refresh = FamilyRefreshToken(token=secrets.token_urlsafe(32), scopes=before.scopes, **shared)
        self._access[access.token] = access
        self._refresh[refresh.token] = refresh
        return OAuthToken(
            access_token=access.token, expires_in=lifetime, scope=" ".join(scopes), refresh_token=refresh.token
        )

    def _end(self, family):
        for kept in (self._access, self._refresh):
            for token in [token for token, held in kept.items() if held.family == family]:
                del kept[token]
        self._control.record("grant_revoked")
