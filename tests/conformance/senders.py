"""Who sent what during one run: reads what witness.mjs wrote down.

Owns: the rule that the client does nothing but talk to its MCP server, and that every OAuth request is the
helper's, except the page that the browser opens. Refuses to know: whether a request was right.
"""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parents[1] / "docs" / "examples" / "mcp_client.py"
BROWSER = HERE / "browser"

# What each program may send. The helper alone is not bound.
MAY = {
    "client": lambda method, path: (method, path) == ("POST", "/mcp"),
    "browser": lambda method, path: method == "GET" and path.endswith("/authorize"),
    "helper": lambda method, path: True,
}


class Senders:
    """The requests of one run, by the program that sent them."""

    def __init__(self, witness, helper):
        self.seen = {name: [] for name in MAY}
        self.faults = []
        for line in witness.read_text().splitlines():
            request = json.loads(line)
            name = sender(request, helper)
            what = (request["method"], request["path"])
            if name is None:
                self.faults.append(f"nobody knows who sent {' '.join(what)}: {request}")
                continue
            self.seen[name].append(what)
            if not MAY[name](*what):
                self.faults.append(f"the {name} sent {' '.join(what)}")

    @staticmethod
    def total(runs):
        """One line about all runs."""
        counts = {name: sum(len(run.senders.seen[name]) for run in runs) for name in MAY}
        return ", ".join(f"{count} requests of the {name}" for name, count in counts.items())


def sender(request, helper):
    """The program that holds the other end of the connection."""
    if request.get("executable") == str(helper):
        return "helper"
    for name, script in (("client", EXAMPLE), ("browser", BROWSER)):
        if str(script) in request.get("args", []):
            return name
    return None
