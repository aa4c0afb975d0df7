"""Runs ASGI applications on ports of 127.0.0.1, each on one of its own.

Owns: the ports, the ready line, the end of the process.
Refuses to know: what the applications do.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import threading

import uvicorn


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--access-token-ttl", type=int, default=3600)
    parser.add_argument("--until-stdin-closes", action="store_true")
    return parser.parse_args()


class Port:
    """A free port, ours from now on: who connects before the application runs has to wait, no more."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(128)
        self.origin = f"http://127.0.0.1:{self.socket.getsockname()[1]}"


def run(applications, ready, until_stdin_closes):
    """Prints `ready` as one line of JSON and serves until the end. `applications`: pairs of port and application."""
    if until_stdin_closes:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    print(json.dumps(ready), flush=True)
    asyncio.run(serve_all(applications))


async def serve_all(applications):
    configs = [(port, uvicorn.Config(app, log_level="error", access_log=False)) for port, app in applications]
    await asyncio.gather(*(uvicorn.Server(config).serve(sockets=[port.socket]) for port, config in configs))


def end_with_stdin():
    sys.stdin.buffer.read()
    os._exit(0)
