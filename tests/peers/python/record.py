"""Stands before an authorization server (ASGI) and tells the control what was asked and how it ended.

Owns: the copy of a request and of its answer. Neither is changed.
Refuses to know: OAuth, and which library answers.
Limits: request and answer are held back until they are whole, so only small ones belong here.
"""

import json
from urllib.parse import parse_qsl


class Recorder:
    def __init__(self, app, control, kinds):
        """`kinds`: what a request to a path is called in the record."""
        self._app = app
        self._control = control
        self._kinds = kinds

    async def __call__(self, scope, receive, send):
        kind = self._kinds.get(scope.get("path"))
        if kind is None:
            await self._app(scope, receive, send)
            return
        asked = await whole_body(receive)
        answer = Held(send, lambda status, body: self._tell(kind, scope, asked, status, body))
        await self._app(scope, once(asked, receive), answer)

    def _tell(self, kind, scope, asked, status, body):
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        url = f"{scope['scheme']}://{headers['host']}{scope['path']}"
        query = dict(parse_qsl(scope["query_string"].decode()))
        is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        form = dict(parse_qsl(asked.decode())) if is_form else {}
        self._control.saw(kind, url, scope["method"], query, form, headers, status, as_object(body))


class Held:
    """Passes an answer on when it is whole, after `tell` has seen it."""

    def __init__(self, send, tell):
        self._send = send
        self._tell = tell
        self._messages = []

    async def __call__(self, message):
        self._messages.append(message)
        if message["type"] != "http.response.body" or message.get("more_body"):
            return
        status = self._messages[0]["status"]
        self._tell(status, b"".join(held.get("body", b"") for held in self._messages[1:]))
        for held in self._messages:
            await self._send(held)


async def whole_body(receive):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def once(body, receive):
    """Gives the body that was read already, and then whatever comes."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again():
        return waiting.pop() if waiting else await receive()

    return again


def as_object(body):
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
