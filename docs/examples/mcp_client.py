#!/usr/bin/env python3
"""A small MCP client. Every token and every proof that it sends comes from mcp-credential.

    mcp_client.py NAME URL [TOOL [ARGUMENTS]]

lists the tools of the MCP server at URL, which mcp-credential knows as NAME. With TOOL it then calls that
tool with ARGUMENTS, a JSON object. Each result is one line of JSON on standard output.

It knows no OAuth. It shows a refusal (401 or 403) to the helper as it came, and sends its request again with
the headers that the helper answers. It follows no redirect, so that no token goes elsewhere.

Environment: MCP_PROTOCOL_VERSION, the revision of MCP to speak, by default the newest that it knows;
MCP_CREDENTIAL, the helper, by default `mcp-credential` on the PATH.
"""

import json
import os
import subprocess
import sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

STATELESS = "2026-07-28"  # since this revision there is no `initialize`
ATTEMPTS = 10  # how often one request is sent at most; the helper ends a row of logins before
CLIENT = {"name": "mcp-credential-example", "version": "1.0"}
PLAIN = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "User-Agent": CLIENT["name"],
}


class Client:
    def __init__(self, name, url, revision):
        self.name, self.url, self.revision, self.sent = name, url, revision, 0
        self.generation = self.nonce = self.session = None

    def headers(self, refusal):
        """What the helper wants to be sent; nothing until the server has refused a request."""
        if not (self.generation or refusal):
            return {}
        ask = {"version": 1, "url": self.url, "http": {"method": "POST", "url": self.url}}
        if self.nonce:
            ask["http"]["dpop_nonce"] = self.nonce
        verb = "get"
        if refusal:
            ask["response"] = refusal
            if self.generation:
                verb, ask["rejected"] = "refresh", {"generation": self.generation}
        command = [os.environ.get("MCP_CREDENTIAL", "mcp-credential"), verb, self.name, "--request", "-"]
        run = subprocess.run(command, input=json.dumps(ask).encode(), stdout=subprocess.PIPE)
        if run.returncode != 0:
            sys.exit(run.returncode)  # the helper has said on standard error what happened and what to do
        answer = json.loads(run.stdout)
        if answer["version"] != 1:
            sys.exit("mcp_client: this helper speaks another version of the protocol")
        self.generation = answer["generation"]
        return answer["headers"]

    def send(self, message, headers):
        """One POST. Answers its status, its headers, and the JSON-RPC messages of its body."""
        target = urlsplit(self.url)
        connect = HTTPSConnection if target.scheme == "https" else HTTPConnection
        connection = connect(target.netloc, timeout=60)
        path = (target.path or "/") + ("?" + target.query if target.query else "")
        connection.request("POST", path, json.dumps(message), {**PLAIN, **headers})
        answer = connection.getresponse()
        kind, body = answer.headers.get_content_type(), answer.read().decode()
        connection.close()
        texts = [body] if kind == "application/json" else []
        if kind == "text/event-stream":
            texts = [line[5:] for line in body.splitlines() if line.startswith("data:")]
        return answer.status, answer.headers, [json.loads(text) for text in texts if text.strip()]

    def request(self, method, params, has_result=True):
        """Sends one JSON-RPC message, with a token once the server wants one. Answers its result."""
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        fixed = {"MCP-Protocol-Version": self.revision, "Mcp-Method": method}
        if "name" in params:
            fixed["Mcp-Name"] = params["name"]
        if self.revision >= STATELESS:
            meta = {"protocolVersion": self.revision, "clientInfo": CLIENT, "clientCapabilities": {}}
            meta = {f"io.modelcontextprotocol/{key}": value for key, value in meta.items()}
            message["params"] = {**params, "_meta": meta}
        if self.session:
            fixed["Mcp-Session-Id"] = self.session
        if has_result:
            self.sent += 1
            message["id"] = self.sent
        refusal = None
        for _ in range(ATTEMPTS):
            status, headers, messages = self.send(message, {**fixed, **self.headers(refusal)})
            self.nonce = headers.get("DPoP-Nonce", self.nonce)
            self.session = headers.get("Mcp-Session-Id", self.session)
            if status not in (401, 403):
                break
            refusal = {"status": status, "www_authenticate": headers.get_all("WWW-Authenticate", [])}
        answer = next((found for found in messages if found.get("id") == message.get("id")), {})
        if status >= 300 or (has_result and "result" not in answer):
            sys.exit(f"mcp_client: {method} failed with status {status}: {json.dumps(answer.get('error'))}")
        return answer.get("result")


def main(name, url, tool=None, arguments="{}"):
    try:
        arguments = json.loads(arguments)
        if not isinstance(arguments, dict):
            raise ValueError
    except ValueError:
        sys.exit("mcp_client: ARGUMENTS must be a JSON object")
    client = Client(name, url, os.environ.get("MCP_PROTOCOL_VERSION", STATELESS))
    if client.revision < STATELESS:
        hello = {"protocolVersion": client.revision, "clientInfo": CLIENT, "capabilities": {}}
        client.request("initialize", hello)
        client.request("notifications/initialized", {}, has_result=False)
    print(json.dumps(client.request("tools/list", {})))
    if tool:
        print(json.dumps(client.request("tools/call", {"name": tool, "arguments": arguments})))


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5:
        sys.exit("usage: mcp_client.py NAME URL [TOOL [ARGUMENTS]]")
    try:
        main(*sys.argv[1:])
    except (OSError, HTTPException, ValueError) as problem:  # no server there, or no helper, or no JSON
        sys.exit(f"mcp_client: {sys.argv[2]}: {problem}")
