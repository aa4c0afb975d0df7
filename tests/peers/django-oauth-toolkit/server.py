"""Starts django-oauth-toolkit with an MCP endpoint that it protects.

Owns: a Django project in memory: one person, one client that was registered by hand, one protected view.
Refuses to know: OAuth. Endpoints, pages, tokens and the challenge are django-oauth-toolkit's and Django's.
Limits: the data base is a file that is deleted at the end.

  server.py [--access-token-ttl SECONDS] [--until-stdin-closes]
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import call_command

import project
from control import Control
from record import Recorder
from serve import Port, options, run

KINDS = {
    "/o/authorize/": "authorization",
    "/o/token/": "token",
    "/o/register/": "registration",
    "/o/revoke_token/": "revocation",
}
# What the visitors type into every field.
PERSON = {"username": "somebody", "password": "somebody"}
REGISTERED_BY_HAND = "registered-by-hand"


def fill_the_data_base():
    call_command("migrate", run_syncdb=True, verbosity=0)
    from django.contrib.auth import get_user_model
    from oauth2_provider.models import get_application_model

    get_user_model().objects.create_superuser(email="", **PERSON)
    application = get_application_model()
    application.objects.create(
        client_id=REGISTERED_BY_HAND,
        name="registered by hand",
        client_type=application.CLIENT_PUBLIC,
        authorization_grant_type=application.GRANT_AUTHORIZATION_CODE,
        # RFC 8252, section 7.3: the port of a loopback redirect URI is the client's choice.
        redirect_uris="http://127.0.0.1/callback",
    )


def main():
    wishes = options()
    port, controls = Port(), Port()
    control = Control(wishes.access_token_ttl)
    with tempfile.TemporaryDirectory() as folder:
        settings.configure(**project.settings(port.origin, folder, lambda _request: control.access_token_ttl))
        django.setup()
        fill_the_data_base()
        recorded = Recorder(get_asgi_application(), control, KINDS)
        ready = {
            "issuer": project.issuer(port.origin),
            "mcp": project.resource(port.origin),
            "control": controls.origin,
            "client": REGISTERED_BY_HAND,
        }
        run([(port, recorded), (controls, control.app())], ready, wishes.until_stdin_closes)


main()
