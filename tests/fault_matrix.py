"""`make fault-matrix`: each fault of target, database and harness in a run of its own, and what named it.

The table goes into docs/integrity.md, between two marks. Exit code 1 if any run ended otherwise than is expected:
this is the gate of a release.
"""

import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil

from harness.plan import plans
from harness.settings import ROOT
from target import faults
from target.faults import Fault
from tests.support.judged import COUPON_MIX, EVENT_MIX, ORCHESTRATOR_MIX
from tests.support.pipeline_process import Pipeline, descendants

DOCS = ROOT / "docs" / "integrity.md"
BEGIN, END = "<!-- fault matrix -->", "<!-- end of the fault matrix -->"

PLANS = {
    "messages": """
system = "messages"
title = "Messages, shortly"
[scenario.{name}]
purpose = "a short load for the table of faults"
users = {{ MessageSender = 1 }}
max_users = 60
drain = "8s"
timeout = "8s"
arrivals.smoke = [{{ rate = 80, for = "{seconds}s" }}, {{ burst = 40 }}, {{ rate = 80, for = "100ms" }}]
validity = {{ loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }}
rules = ["p99(response_time) < 900ms", "ratio(errors) < 1%"]
""",
    "authorizations": """
system = "authorizations"
title = "Authorizations, shortly"
[scenario.{name}]
purpose = "a short load for the table of faults"
users = {{ Clinic = 1 }}
think = "50ms"
stages.smoke = [{{ users = 40, for = "{seconds}s" }}, {{ users = 40, for = "200ms", in_step = true }}]
validity = {{ loop_lag = "30s", loop_gap = "1m" }}
rules = ["p95(response_time) < 5s", "ratio(errors) < 1%", "count(deadlocks) == 0"]
""",
    "event_store": """
system = "event_store"
title = "Event store, shortly"
[pool]
events = 20_000
[service.engine]
slow_ms = 600
processors = 3
notify = 1
[scenario.{name}]
purpose = "a short load for the table of faults"
users = {{ Client = 1 }}
max_users = 24
drain = "8s"
timeout = "8s"
mix = {{ """
    + ", ".join(f"{kind} = {share}" for kind, share in EVENT_MIX.items())
    + """ }}
arrivals.smoke = [{{ rate = 70, for = "{seconds}s" }}, {{ burst = 40 }}, {{ rate = 70, for = "300ms" }}]
validity = {{ loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }}
rules = ["p99(response_time) < 2s", "ratio(errors) < 1%"]
""",
    "coupons": """
system = "coupons"
title = "Coupons, shortly"
[pool]
users = 2_000
[service.api]
flush_seconds = 2
user_rate = 3
[scenario.{name}]
purpose = "a short load for the table of faults"
users = {{ Shopper = 1 }}
max_users = 110
drain = "8s"
timeout = "8s"
eventual = "3s"
mix = {{ """
    + ", ".join(f"{kind} = {share}" for kind, share in COUPON_MIX.items())
    + """ }}
arrivals.smoke = [
    {{ rate = 80, for = "{seconds}s" }},
    {{ burst = 100 }},
    {{ rate = 80, for = "100ms" }},
    {{ pause = "10s", scale = {{ api = 2 }} }},
    {{ rate = 40, for = "250ms" }},
]
validity = {{ loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }}
rules = ["p95(response_time{{phase!=burst}}) < 600ms", "ratio(errors) < 1%", "max(resource.target.log_queue) < 150"]
""",
    "orchestrator": """
system = "orchestrator"
title = "Events, shortly"
[service.validation]
work = "all"
visible_s = 0.8
unacked = 40
[service.inventory]
processes = 0
[service.payment]
processes = 0
[service.fulfillment]
processes = 0
[scenario.{name}]
purpose = "a short load for the table of faults"
users = {{ Submitter = 1 }}
think = "200ms"
drain = "8s"
timeout = "8s"
mix = {{ """
    + ", ".join(f"{kind} = {share}" for kind, share in ORCHESTRATOR_MIX.items())
    + """ }}
stages.smoke = [{{ users = 12, for = "{seconds}s" }}]
validity = {{ loop_lag = "30s", loop_gap = "1m", min_successes = 50 }}
rules = [
    "p99(response_time) < 900ms", "ratio(errors) < 1%", "count(deadlocks) == 0",
    "value(drain_time) < 5s", "max(resource.queue.redelivered) < 0.2", "max(resource.target.rss) < 300MB",
]
""",
}
DISTURBED = {
    "messages": """
system = "messages"
title = "Messages, shortly, with a kill"
[scenario.{name}]
purpose = "a short load for the faults that a restart shows"
users = {{ MessageSender = 1 }}
max_users = 100
drain = "8s"
timeout = "8s"
mix = {{ process = 60, repeat = 20, conflict = 20 }}
arrivals.smoke = [
    {{ rate = 60, for = "3s", phase = "before" }},
    {{ rate = 60, for = "{seconds}s", phase = "killed", disturb = "kill target" }},
    {{ rate = 60, for = "3s", phase = "after" }},
]
validity = {{ loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }}
rules = ['p99(response_time{{phase=~"before|after"}}) < 900ms', "ratio(errors{{phase=before}}) < 5%"]
""",
    "authorizations": """
system = "authorizations"
title = "Authorizations, shortly, with a kill"
[scenario.{name}]
purpose = "a short load for the faults that a restart shows"
users = {{ Clinic = 1 }}
think = "200ms"
stages.smoke = [
    {{ users = 40, for = "3s", phase = "before" }},
    {{ users = 40, for = "{seconds}s", phase = "killed", disturb = "kill target" }},
    {{ users = 40, for = "3s", phase = "after" }},
]
validity = {{ loop_lag = "30s", loop_gap = "1m" }}
rules = ["p95(response_time) < 5s", "ratio(errors{{phase=before}}) < 5%"]
""",
    "orchestrator": """
system = "orchestrator"
title = "Events, shortly, with a kill"
[service.validation]
work = "all"
visible_s = 0.8
unacked = 40
[service.inventory]
processes = 0
[service.payment]
processes = 0
[service.fulfillment]
processes = 0
[scenario.{name}]
purpose = "a short load for the faults that a restart shows"
users = {{ Submitter = 1 }}
think = "200ms"
drain = "8s"
timeout = "8s"
stages.smoke = [
    {{ users = 12, for = "3s", phase = "before" }},
    {{ users = 12, for = "{seconds}s", phase = "killed", disturb = "kill target" }},
    {{ users = 12, for = "3s", phase = "after" }},
]
validity = {{ loop_lag = "30s", loop_gap = "1m", min_successes = 50 }}
rules = ["p95(response_time{{phase=before}}) < 5s", "ratio(errors{{phase=before}}) < 5%"]
""",
}
"""The plans for faults that only a disturbance shows: each is run undisturbed, too, and must not be seen there."""

AT_ONCE = 2
"""So many runs are made at a time: half of each is waiting."""
SHORT, LONG, KILLED = ("short", 3), ("long", 30), ("killed", 8)
"""The scenario of a fault of the target, that in which something is killed, and that which kills the target itself:
names and seconds."""

VERDICTS = {"rule": {"NO-GO", "CONDITIONAL"}, "validity": {"INVALID"}}
"""The verdicts of a run whose fault is named by a rule or a condition; by a check it is NO-GO."""


def _kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)


def _fill(process: psutil.Process) -> None:
    """As on a full disk, no file may grow beyond ROOM: neither of this process nor of those that it starts from now."""
    process.rlimit(psutil.RLIMIT_FSIZE, (ROOM, ROOM))


ROOM = 40_000
"""Bytes: enough for run.json and a short verdict.json, too little for effects.npy and report.html."""


@dataclass(frozen=True)
class Kill:
    """A process that is killed, or has no more room on the disk, while the load is on or after it."""

    what: str
    is_it: Callable[[str], bool]
    """Whether it is the one with this command line."""
    verdicts: frozenset[str]
    named: str
    """What the reason of the verdict says of it (a regular expression)."""
    scenario: tuple[str, int] = LONG
    do: Callable[[psutil.Process], None] = _kill


KILLS = {
    "target": Kill("the API is killed", lambda words: "messages serve" in words, frozenset({"NO-GO"}), "api died"),
    "delivery": Kill(
        "the delivery is killed", lambda words: "messages deliver" in words, frozenset({"NO-GO"}), "deliver died|MP3"
    ),
    "load": Kill(
        "the load process is killed", lambda words: "harness.load" in words, frozenset({"INVALID"}), "process"
    ),
    "monitor": Kill(
        "the monitor is killed: no rule rests on it, so that it is only said",
        lambda words: "harness.monitor" in words,
        frozenset({"GO"}),
        "MONITOR",
    ),
    "postgres": Kill(
        "PostgreSQL is killed",
        lambda words: "shared_preload" in words,
        frozenset({"NO-GO", "INVALID"}),
        "database|PostgreSQL",
    ),
    "backend": Kill(
        "a session of PostgreSQL is killed, so that it recovers",
        lambda words: words.startswith("postgres: postgres"),
        frozenset({"INVALID"}),
        "PostgreSQL crashed",
    ),
    "verifier": Kill(
        "verification is killed",
        lambda words: "harness.waiting verification" in words,
        frozenset({"INVALID"}),
        "did not come to its end: .*verification",
        SHORT,
    ),
    "disk": Kill(
        "the disk is full from the middle of the load on: what was sent has a verdict all the same",
        lambda words: "harness run" in words,
        frozenset({"INVALID"}),
        "REPORTED: .*report.html: File too large: expected room .*report it again",
        SHORT,
        _fill,
    ),
}


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    where: str
    fault: str
    what: str
    verdict: str
    named: str
    as_expected: bool


def main() -> int:
    """Make all runs, or those of the names on the command line; write the table if all were made."""
    wanted = set(sys.argv[1:])
    began, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="proofload-matrix-") as folder:
        for row in _rows(Path(folder), wanted):
            rows.append(row)
            print(
                f"{'ok ' if row.as_expected else 'BAD'} {row.where} {row.fault}: {row.verdict}, {row.named}", flush=True
            )
    if not wanted:
        _write(rows, time.monotonic() - began)
    bad = [row.fault for row in rows if not row.as_expected]
    print(f"{len(rows)} runs in {time.monotonic() - began:.0f} s; otherwise than expected: {', '.join(bad) or 'none'}")
    return 1 if bad or not rows else 0


def _rows(folder: Path, wanted: set[str]) -> Iterator[Row]:
    """AT_ONCE runs at a time, each lane of them with a PostgreSQL of its own."""
    lanes: SimpleQueue[Path] = SimpleQueue()
    for lane in range(AT_ONCE):
        lanes.put(folder / f"home-{lane}")

    def made(run: Callable[[Path], Row]) -> Row:
        home = lanes.get()
        try:
            return run(home)
        finally:
            lanes.put(home)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(made, _runs(folder, wanted))


def _runs(folder: Path, wanted: set[str]) -> Iterator[Callable[[Path], Row]]:
    for system in plans.systems():
        if system not in PLANS:
            continue
        clean = Fault("clean", "no fault", ())
        for fault in (clean, *faults.of(system).values()):
            if "pairs" in fault.caught_by or (wanted and fault.name not in wanted):
                continue
            only_then = any(check.startswith(faults.DISTURBED) for check in fault.caught_by)
            unseen = replace(fault, caught_by=()) if only_then else fault
            yield partial(_of_target, folder / f"{system}-{fault.name}", system, unseen)
            if only_then or (fault is clean and system in DISTURBED):
                caught_by = tuple(check.removeprefix(faults.DISTURBED) for check in fault.caught_by)
                shown = replace(fault, caught_by=caught_by)
                yield partial(_of_target, folder / f"{system}-{fault.name}-killed", system, shown, plan=KILLED)
    for name, kill in KILLS.items():
        if not wanted or f"kill-{name}" in wanted:
            yield partial(_of_harness, folder / f"kill-{name}", name, kill)


def _pipeline(folder: Path, home: Path, system: str, scenario: tuple[str, int]) -> Pipeline:
    name, seconds = scenario
    written = DISTURBED if scenario is KILLED else PLANS
    return Pipeline(home, folder, written[system].format(name=name, seconds=seconds))


def _of_target(folder: Path, system: str, fault: Fault, home: Path, plan: tuple[str, int] = SHORT) -> Row:
    words = () if fault.name == "clean" else ("--fault", fault.name)
    where = f"target of {system}{', killed' * (plan is KILLED)}"
    running = _pipeline(folder, home, system, plan).start(plan[0], *words)
    _, errors = running.communicate(timeout=150)
    found = _verdict(folder)
    if found is None:
        return Row(where, fault.name, fault.what, f"exit {running.returncode}", errors[-200:], False)
    violated = {check["id"] for check in found["checks"] if check["state"] == "VIOLATED"}
    words_of = {"errors", "p99", "deadlocks"}
    words_of |= {by.partition(":")[2] for by in fault.caught_by if by.startswith("rule:")}
    missed = {f"rule:{word}" for word in words_of for rule in found["rules"] if _missed(rule, word)}
    broken = {f"validity:{each['id'].lower()}" for each in found["validity"] if each["state"] == "broken"}
    named = violated | missed | broken
    verdicts = {verdict for by in fault.caught_by for verdict in VERDICTS.get(by.partition(":")[0], {"NO-GO"})}
    expected = set(fault.caught_by) <= named and found["verdict"] in (verdicts or {"GO"})
    return Row(where, fault.name, fault.what, found["verdict"], ", ".join(sorted(named)) or "–", expected)


def _missed(rule: Mapping[str, Any], word: str) -> bool:
    return word in rule["text"] and rule["state"] in ("NO-GO", "CONDITIONAL")


def _of_harness(folder: Path, name: str, kill: Kill, home: Path) -> Row:
    pipeline = _pipeline(folder, home, "messages", kill.scenario)
    running = pipeline.start(kill.scenario[0])
    pipeline.journal(running, 100)
    below = descendants(running)
    done = False
    while not done and running.poll() is None:
        for one in [psutil.Process(running.pid), *descendants(running)]:
            if kill.is_it(_words(one)):
                kill.do(one)
                done = True
                break
    running.communicate(timeout=200)
    if not done:
        return Row("harness", f"kill-{name}", kill.what, "nothing to kill", "", False)
    left = psutil.wait_procs(below, timeout=30)[1]
    found = _verdict(folder)
    verdict, reason = f"exit {running.returncode}", "no verdict"
    if found:
        warned = [f"{each['id']} warns." for each in found["validity"] if each["state"] == "warning"]
        verdict = found["verdict"]
        reason = " ".join([found["reason"], *warned]).replace(found["run"]["folder"], "…").replace(str(folder), "…")
    expected = verdict in kill.verdicts and bool(re.search(kill.named, reason)) and not left
    return Row("harness", f"kill-{name}", kill.what, verdict, reason, expected)


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _verdict(folder: Path) -> dict[str, Any] | None:
    import json

    found = sorted(folder.glob("*/2*/verdict.json"))
    return json.loads(found[0].read_text()) if found else None


def _write(rows: list[Row], seconds: float) -> None:
    """The table into the document."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    lines = [
        BEGIN,
        f"{len(rows)} runs in {seconds / 60:.0f} minutes, at commit {commit.strip() or 'unknown'}:",
        "",
        "| where | fault | what it does | verdict | named by | as expected |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {row.where} | `{row.fault}` | {row.what.splitlines()[0]} | {row.verdict} | {row.named} | "
            f"{'yes' if row.as_expected else '**no**'} |"
            for row in rows
        ),
        END,
    ]
    text = DOCS.read_text()
    if BEGIN in text:
        head, _, rest = text.partition(BEGIN)
        text = head + "\n".join(lines) + rest.partition(END)[2]
    else:
        text = f"{text.rstrip()}\n\n## The matrix of faults\n\n" + "\n".join(lines) + "\n"
    DOCS.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
