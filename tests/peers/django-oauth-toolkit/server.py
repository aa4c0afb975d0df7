"""Starts django-oauth-toolkit with an MCP endpoint that it protects.

Owns: a Django project in memory: one person, two clients that were registered by hand, one protected view.
Refuses to know: OAuth. Endpoints, pages, tokens and the challenge are django-oauth-toolkit's and Django's.
Limits: the data base is a file that is deleted at the end.

  server.py [--access-token-ttl SECONDS] [--until-stdin-closes]
"""

import sys
import tempfile
from pathlib import Path
from secrets import token_hex

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
# The reserved characters are the point: HTTP Basic must form-encode them first (RFC 6749, section 2.3.1).
SERVICE = {"id": "service:itself", "secret": f"{token_hex(16)}:%+/& ~"}


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
    application.objects.create(
        client_id=SERVICE["id"],
        client_secret=SERVICE["secret"],
        name="a service",
        client_type=application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=application.GRANT_CLIENT_CREDENTIALS,
    )


def forget_clients():
    from oauth2_provider.models import get_application_model

    get_application_model().objects.all().delete()


def forget_access_tokens():
    """They end now. Were they deleted, their refresh tokens would count as replaced."""
    from django.utils import timezone
    from oauth2_provider.models import get_access_token_model

    get_access_token_model().objects.update(expires=timezone.now())


def main():
    wishes = options()
    port, controls = Port(), Port()
    control = Control(wishes.access_token_ttl)
    with tempfile.TemporaryDirectory() as folder:
        settings.configure(**project.settings(port.origin, folder, lambda _request: control.access_token_ttl))
        django.setup()
        fill_the_data_base()
        control.forget_clients = forget_clients
        control.forget_access_tokens = forget_access_tokens
        recorded = Recorder(get_asgi_application(), control, KINDS)
        ready = {
            "issuer": project.issuer(port.origin),
            "mcp": project.resource(port.origin),
            "control": controls.origin,
            "client": REGISTERED_BY_HAND,
            "service": SERVICE,
        }
        run([(port, recorded), (controls, control.app())], ready, wishes.until_stdin_closes)


main()
