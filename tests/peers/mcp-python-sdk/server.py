"""Starts the MCP Python SDK's authorization server and, on another port, its MCP server.

Owns: which parts of the SDK are put together. Discovery, registration, PKCE, the endpoints, the challenge and the
check of a bearer token are the SDK's; the login page and what is kept are `provider.py`'s.

  server.py [--access-token-ttl SECONDS] [--until-stdin-closes]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))

from mcp.server.auth.provider import ProviderTokenVerifier
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette

from control import Control
from provider import Provider
from record import Recorder
from serve import Port, options, run

SCOPES = ["mcp:read", "mcp:write"]
KINDS = {
    "/authorize": "authorization",
    "/token": "token",
    "/register": "registration",
    "/revoke": "revocation",
}


def authorization_server(issuer, provider):
    sdk = create_auth_routes(
        provider,
        issuer,
        client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=SCOPES),
        revocation_options=RevocationOptions(enabled=True),
    )
    return Starlette(routes=[*sdk, *provider.pages()])


def mcp_server(settings, provider):
    server = MCPServer("peer", auth=settings, token_verifier=ProviderTokenVerifier(provider), log_level="ERROR")
    return server.streamable_http_app()


def main():
    wishes = options()
    authorization, mcp, controls = Port(), Port(), Port()
    resource = f"{mcp.origin}/mcp"
    settings = AuthSettings(
        issuer_url=authorization.origin,
        resource_server_url=resource,
        required_scopes=SCOPES[:1],
        validate_token_resource=True,
    )
    control = Control(wishes.access_token_ttl)
    provider = Provider(authorization.origin, resource, control)
    control.forget_clients = provider.forget_clients
    control.forget_access_tokens = provider.forget_access_tokens
    recorded = Recorder(authorization_server(settings.issuer_url, provider), control, KINDS)
    applications = [(authorization, recorded), (mcp, mcp_server(settings, provider)), (controls, control.app())]
    ready = {"issuer": str(settings.issuer_url), "mcp": resource, "control": controls.origin}
    run(applications, ready, wishes.until_stdin_closes)


main()
