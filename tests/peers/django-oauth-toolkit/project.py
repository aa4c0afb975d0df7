"""The settings of the Django project: django-oauth-toolkit with every recommendation of RFC 9700 in force."""

from secrets import token_hex

SCOPES = {"mcp:read": "read", "mcp:write": "write"}
# The recommendations that 3.x only warns about (RFC 9700), each enforced.
STRICT = (
    "IMPLICIT_GRANT",
    "PASSWORD_GRANT",
    "PKCE_METHOD",
    "ACCESS_TOKEN_TRANSPORT",
    "AUTHZ_RESPONSE_ISS",
    "TOKEN_STORAGE",
)


def issuer(origin):
    """An issuer with a path, so its metadata lies at the origin's well-known path with `/o` behind it."""
    return f"{origin}/o"


def resource(origin):
    return f"{origin}/mcp"


def settings(origin, folder, lifetime):
    return {
        "SECRET_KEY": token_hex(32),
        "ALLOWED_HOSTS": ["127.0.0.1"],
        "ROOT_URLCONF": "urls",
        "USE_TZ": True,
        "INSTALLED_APPS": [
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.admin",
            "oauth2_provider",
        ],
        "MIDDLEWARE": [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        "TEMPLATES": [templates()],
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/data"}},
        # Tables at once, instead of their history: it saves seconds for every server.
        "MIGRATION_MODULES": {app: None for app in ("contenttypes", "auth", "sessions", "admin", "oauth2_provider")},
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
        "STATIC_URL": "static/",
        "LOGIN_URL": "/admin/login/",
        "OAUTH2_PROVIDER": {
            "SCOPES": SCOPES,
            "OIDC_ISS_ENDPOINT": issuer(origin),
            "OAUTH2_PROTECTED_RESOURCE_IDENTIFIER": resource(origin),
            "OAUTH2_PROTECTED_RESOURCE_AUTHORIZATION_SERVERS": [issuer(origin)],
            "DCR_ENABLED": True,
            "DCR_REGISTRATION_PERMISSION_CLASSES": ("oauth2_provider.dcr.AllowAllDCRPermission",),
            "ROTATE_REFRESH_TOKEN": True,
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "REFRESH_TOKEN_EXPIRE_SECONDS": 86400,
            "EXTRA_SERVER_KWARGS": {"token_expires_in": lifetime},
            **{f"COMPLIANT_BCP_RFC9700_{name}": True for name in STRICT},
        },
    }


def templates():
    processors = [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]
    return {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": processors},
    }
