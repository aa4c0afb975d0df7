"""What only the tests talk to: the record of requests, the life of new tokens, the replay of a spent token.

Owns: the list of events (never a token), the last spent refresh token (never shown).
Refuses to know: which library answered, and how it decides.

  GET  /events                every event since the start
  PUT  /access-token-ttl      body: seconds that new access tokens live
  GET  /newest-access-token   {"expired": bool}
  POST /replay                redeems the refresh token that was rotated last, as a thief would
  POST /forget-clients        forgets every registered client, as a restart does
  POST /forget-access-tokens  forgets every access token, but no refresh token
"""

import json
import time
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request as Outgoing
from urllib.request import urlopen

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

REPLAY_HEADER = "x-peers-replay"
SHOWN_ANSWER = ("error", "error_description")


class Control:
    def __init__(self, access_token_ttl):
        self.access_token_ttl = access_token_ttl
        # Set by the server.
        self.forget_clients = None
        self.forget_access_tokens = None
        self._events = []
        self._newest_expires_at = 0.0
        self._spent = None

    def record(self, event, **details):
        self._events.append({"event": event, **details})

    def saw(self, kind, url, method, query, form, headers, status, answer):
        """One request to an endpoint of the authorization server, after it was answered."""
        if kind == "token":
            self._saw_token(url, form, headers, status, answer)
        elif kind == "authorization":
            asked = {name: query.get(name) for name in ("scope", "prompt", "resource")}
            self.record(kind, method=method, status=status, pkce=query.get("code_challenge_method"), **asked)
        else:
            error = {name: answer.get(name) for name in SHOWN_ANSWER}
            self.record(kind, status=status, hint=form.get("token_type_hint"), **error)

    def _saw_token(self, url, form, headers, status, answer):
        self.record(
            "token",
            grant_type=form.get("grant_type"),
            client_id=form.get("client_id"),
            auth_style=auth_style(form, headers),
            resource=form.get("resource"),
            scope=form.get("scope"),
            status=status,
            outcome="success" if status == 200 else "error",
            issued_refresh_token="refresh_token" in answer,
            granted_scope=answer.get("scope"),
            replay=REPLAY_HEADER in headers,
            **{name: answer.get(name) for name in SHOWN_ANSWER},
        )
        if status != 200:
            return
        self._newest_expires_at = time.time() + answer.get("expires_in", 0)
        if form.get("grant_type") == "refresh_token" and answer.get("refresh_token") != form["refresh_token"]:
            kept = {name: headers[name] for name in ("authorization",) if name in headers}
            self._spent = (url, form, kept)

    def app(self):
        """The control endpoint itself."""
        return Starlette(
            routes=[
                Route("/events", self._answer_events),
                Route("/access-token-ttl", self._set_ttl, methods=["PUT"]),
                Route("/newest-access-token", self._answer_newest),
                Route("/replay", self._replay, methods=["POST"]),
                Route("/forget-clients", forgetting(lambda: self.forget_clients()), methods=["POST"]),
                Route("/forget-access-tokens", forgetting(lambda: self.forget_access_tokens()), methods=["POST"]),
            ]
        )

    async def _answer_events(self, _request):
        return JSONResponse(self._events)

    async def _set_ttl(self, request):
        self.access_token_ttl = int(await request.body())
        return JSONResponse({"seconds": self.access_token_ttl})

    async def _answer_newest(self, _request):
        return JSONResponse({"expired": self._newest_expires_at <= time.time()})

    async def _replay(self, _request):
        if not self._spent:
            return JSONResponse({"error": "no refresh token was rotated yet"}, status_code=409)
        url, form, headers = self._spent
        outgoing = Outgoing(url, urlencode(form).encode(), {**headers, REPLAY_HEADER: "1"})
        return JSONResponse(await run_in_threadpool(send, outgoing))


def forgetting(how):
    async def forget(_request):
        await run_in_threadpool(how)
        return JSONResponse({})

    return forget


def auth_style(form, headers):
    if "authorization" in headers:
        return "header"
    return "body" if form.get("client_secret") else "none"


def send(outgoing):
    try:
        with urlopen(outgoing) as answer:
            status, body = answer.status, answer.read()
    except HTTPError as refusal:
        status, body = refusal.code, refusal.read()
    shown = json.loads(body or b"{}")
    return {"status": status, **{name: shown.get(name) for name in SHOWN_ANSWER}}
