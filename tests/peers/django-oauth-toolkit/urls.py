"""The pages of the project, and the MCP endpoint."""

import json

from django.contrib import admin
from django.http import JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.decorators import protected_resource_metadata
from oauth2_provider.settings import oauth2_settings
from oauth2_provider.urls import metadata_urlpatterns


def described_at():
    """Where RFC 9728 puts the metadata of the MCP endpoint."""
    origin, slash, route = oauth2_settings.OAUTH2_PROTECTED_RESOURCE_IDENTIFIER.rpartition("/")
    return f"{origin}/.well-known/oauth-protected-resource{slash}{route}"


@csrf_exempt
@protected_resource_metadata(scopes=["mcp:read"], resource_metadata_url=described_at())
def mcp(request):
    """Every method gets an empty result; there is no session and no stream."""
    message = json.loads(request.body)
    return JsonResponse({"jsonrpc": "2.0", "id": message.get("id"), "result": {}})


urlpatterns = [
    path("admin/", admin.site.urls),
    path("o/", include("oauth2_provider.urls")),
    # RFC 8414 and RFC 9728 put metadata at the root of the origin, whatever the issuer's path is.
    path("", include((metadata_urlpatterns, "oauth2_provider"), namespace="at_the_root")),
    path("mcp", mcp),
]
