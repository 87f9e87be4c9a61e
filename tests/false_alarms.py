"""`make false-alarms`: every scenario against the clean reference target, which must be GO: how often is it not?

Unattended, on an otherwise quiet machine; ended at any moment, it goes on where it was. The verdict of each run is one
line of docs/false-alarms.jsonl, which is kept: the rate, in docs/performance.md, is over all runs ever made.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import PlanError, RunError, command, nearest
from harness.plan import plans
from harness.quantities import share
from harness.settings import ROOT, Settings
from harness.verdict import EXIT_CODES, EXIT_CRASH, Verdict
from reports import verdict_file
from reports.render.markdown import text
from reports.statistics.confidence import wilson

RECORD = ROOT / "docs" / "false-alarms.jsonl"
DOCS = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- false alarms -->", "<!-- end of the false alarms -->"

TIMES = {"ci": 1, "smoke": 10}
"""How often each scenario is run at one commit, by profile."""

NONE = "none"
"""The verdict of a run that was begun and came to none."""

SHOWN = 10
"""How many alarms are listed, the latest first."""

Line = dict[str, Any]


def main() -> int:
    """Make the runs that are left, or those of the scenarios on the command line; the table is written again."""
    parser = argparse.ArgumentParser(prog="python -m tests.false_alarms", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="only these")
    parser.add_argument("--profile", choices=TIMES, help="only this one")
    parser.add_argument("--times", type=int, help="how often each, instead of once at ci and ten times at smoke")
    words = parser.parse_args()
    everything = [name for system in plans.systems() for name in plans.scenarios(system)]
    for name in words.scenarios:
        if name not in everything:
            raise PlanError(f"unknown scenario {name!r}; {nearest(name, everything)}")
    commit = _commit()
    times = {p: words.times or n for p, n in TIMES.items() if words.profile in (None, p)}
    left = list(missing(read(RECORD), commit, words.scenarios or everything, times))
    print(f"{len(left)} runs are left at commit {commit[:12]}", flush=True)
    try:
        for place, (name, profile) in enumerate(left, 1):
            line = {"date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "commit": commit, **_run(name, profile)}
            append(RECORD, line)
            print(f"{place} of {len(left)}: {name} ({profile}): {line['verdict']}: {line['reason']}", flush=True)
    finally:
        lines = read(RECORD)
        DOCS.write_text(marked(DOCS.read_text(encoding="utf-8"), table(lines)), encoding="utf-8")
    alarms = sum(alarm(line) for line in lines if line["commit"] == commit)
    print(f"{alarms} false alarms at this commit; {DOCS.relative_to(ROOT)} has those of all {len(lines)} runs")
    return 1 if alarms else 0


def alarm(line: Line) -> bool:
    """Whether a run of the clean target ended otherwise than it should."""
    return bool(line["verdict"] != Verdict.GO)


def missing(
    lines: Iterable[Line], commit: str, scenarios: Iterable[str], times: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    """Scenario and profile of each run at `commit` that is not on record yet: every scenario once, then again."""
    done = Counter((line["scenario"], line["profile"]) for line in lines if line["commit"] == commit)
    names = list(scenarios)
    for turn in range(max(times.values(), default=0)):
        for profile, wanted in times.items():
            yield from ((name, profile) for name in names if done[name, profile] <= turn < wanted)


def read(path: Path) -> list[Line]:
    """The record; without its last line, if that is torn. RunError if another is damaged."""
    if not path.exists():
        return []
    whole = path.read_text(encoding="utf-8")
    lines = []
    for number, line in enumerate(whole[: whole.rfind("\n") + 1].splitlines(), 1):
        try:
            found = json.loads(line)
            lines.append({name: found[name] for name in ("commit", "scenario", "profile", "verdict", "reason")} | found)
        except (ValueError, KeyError, TypeError):
            raise RunError(f"{path}:{number}: expected a run in JSON: remove the line") from None
    return lines


def append(path: Path, line: Line) -> None:
    """Add a run to the record, at once and as a whole; what is torn before it goes."""
    if path.exists():
        with path.open("rb+") as file:
            content = file.read()
            file.truncate(content.rfind(b"\n") + 1)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def table(lines: list[Line]) -> list[str]:
    """What the document says of all runs ever made, by profile."""
    said = [
        "| profile | runs | commits | false alarms | rate | 95 % interval |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for profile in TIMES:
        own = [line for line in lines if line["profile"] == profile]
        count, commits = sum(map(alarm, own)), len({line["commit"] for line in own})
        figures = f"{share(count / len(own))} | {_interval(count, len(own))}" if own else "– | –"
        said.append(f"| {profile} | {len(own):,} | {commits} | {count} | {figures} |")
    alarms = [line for line in reversed(lines) if alarm(line)]
    if alarms:
        said += ["", f"The latest of them ({min(len(alarms), SHOWN)} of {len(alarms)}):", ""]
    said += [
        f"- {line['commit'][:12]}, {line['scenario']} ({line['profile']}): {line['verdict']}: {text(line['reason'])}"
        for line in alarms[:SHOWN]
    ]
    return said


def _interval(count: int, of: int) -> str:
    """The 95 % interval of the rate (Wilson)."""
    low, high = wilson(count / of, of)
    return f"{share(max(low, 0.0))} to {share(min(high, 1.0))}"


def marked(document: str, lines: list[str]) -> str:
    """`document` with `lines` between its marks; RunError if it has none."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise RunError(f"{DOCS}: expected the marks {BEGIN} and {END} in it: restore them")
    return "\n".join([head + BEGIN, *lines, END + tail])


def _run(name: str, profile: str) -> Line:
    """A run of its own process and what came of it; RunError if nothing was sent: that is no alarm."""
    # Below the others, where the evidence of an alarm stays; and nothing that changes the plan or the target.
    runs = Settings().runs / "false-alarms"
    theirs = ("PERF_HOME", "PERF_KEEP_DISK")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PERF_") or k in theirs}
    environment = {k: v for k, v in kept.items() if k not in ("TARGET_URL", "DATABASE_URL")} | {"PERF_RUNS": str(runs)}
    words = [sys.executable, "-m", "harness", "run", name, "--profile", profile]
    before = set(runs.glob("*/2*"))
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    made = sorted(set(runs.glob("*/2*")) - before)
    said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    if done.returncode not in (*EXIT_CODES.values(), EXIT_CRASH):
        raise RunError(f"{name} ({profile}) ended with code {done.returncode}, and nothing was sent: {said}")
    verdict, reason = NONE, said
    if made:
        try:
            found = verdict_file.read(made[-1] / "verdict.json")
            verdict, reason = found["verdict"], found["reason"]
        except RunError as error:
            reason = f"{error}; {said}"
    return {
        "scenario": name,
        "profile": profile,
        "verdict": verdict,
        "exit_code": done.returncode,
        "reason": reason.replace(f"{ROOT}/", ""),
    }


def _commit() -> str:
    """The commit that is tried; RunError if files differ from it, other than what this command writes."""
    ours = [f":(exclude){path.relative_to(ROOT)}" for path in (RECORD, DOCS)]
    changed = _git("status", "--porcelain", "--", ".", *ours)
    if changed:
        raise RunError(f"{ROOT}: {len(changed.splitlines())} files differ from the commit: commit them first")
    return _git("rev-parse", "HEAD").strip()


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    if done.returncode:
        raise RunError(f"{ROOT}: git {words[0]}: {done.stderr.strip()}: expected a checkout of Proofload")
    return done.stdout


if __name__ == "__main__":
    command(main)
