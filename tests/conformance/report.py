"""What a run came to, and the table of docs/conformance.md.

Owns: when a scenario counts as passed, and what must hold between the runs with the helper and those without.
Refuses to know: how a scenario is started.
"""

import json
import re

BEGIN = "<!-- conformance suite: written by tests/conformance/run --write -->"
END = "<!-- conformance suite: end -->"


class Run:
    """One scenario, played once."""

    def __init__(self, scenario, revision, status, place, senders):
        self.scenario, self.revision, self.place, self.senders = scenario, revision, place, senders
        checks = [json.loads(found.read_text()) for found in place.glob("suite/**/checks.json")]
        succeeded = [check for found in checks for check in found if check["status"] == "SUCCESS"]
        # A scenario that the suite skips, or that checks nothing, is no success, whatever the status says.
        self.passed = status == 0 and bool(succeeded)
        said = [found.read_text() for found in place.glob("suite/**/stderr.txt")]
        codes = re.findall(r"^mcp-credential: .*\[([a-z_]+)\]$", "".join(said), re.MULTILINE)
        # The code with which the helper refused in the end; None where the client got what it wanted.
        self.refusal = codes[-1] if codes else None

    def log(self):
        """What the suite printed."""
        return (self.place / "log.txt").read_text(errors="replace")

    def __str__(self):
        return f"{self.scenario} at {self.revision}"


def faults_of(real, without):
    """What is wrong, as sentences."""
    faults = [f"{run} failed" for run in real if not run.passed]
    for run in real + without:
        faults += [f"{run}: {fault}" for fault in run.senders.faults]
    for run in real:
        if not run.senders.seen["helper"]:
            faults.append(f"{run}: the helper sent nothing")
    needless = {run.scenario for run in real if run.refusal}
    for run in without:
        if run.passed and run.scenario not in needless:
            faults.append(f"{run} passes without a helper")
        if run.senders.seen["helper"] or run.senders.seen["browser"]:
            faults.append(f"{run}: somebody asked for a token without a helper")
    return faults


def table(real, without):
    """The table, one row for each scenario."""
    rows = ["| scenario | revision | result | without `mcp-credential` |", "|---|---|---|---|"]
    for lone in without:
        runs = [run for run in real if run.scenario == lone.scenario]
        revisions = ", ".join(run.revision for run in runs)
        end = "passed" if lone.passed else "failed"
        rows.append(f"| `{lone.scenario}` | {revisions} | {result(runs)} | {end} |")
    return "\n".join(rows)


def result(runs):
    """The result of one scenario at all its revisions."""
    failed = [run for run in runs if not run.passed]
    if failed:
        return "failed at " + ", ".join(run.revision for run in failed)
    refusals = sorted({run.refusal for run in runs if run.refusal})
    return "passed: " + " or ".join(f"`{code}`" for code in refusals) if refusals else "passed"


def page_fault(page, new, write):
    """Compares the table of the page with the new one, or rewrites it. Answers what is wrong."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        return [f"{page} has no place for the table"]
    wanted = f"{before}{BEGIN}\n\n{new}\n\n{END}{after}"
    if wanted == page.read_text():
        return []
    if write:
        page.write_text(wanted)
        return []
    print(new)
    return [f"{page} says something else; tests/conformance/run --write rewrites its table"]
