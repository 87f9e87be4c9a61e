"""`make bench-verification`: how long verification of a million operations takes, in one process, system by system.

Journal and tables are made up (`benchmarks.histories`). Each round reads and judges all of it anew; printed are
medians. Fails if a check doesn't hold, for then something else would have been measured.
"""

import argparse
import importlib
import json
import secrets
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psycopg2

from benchmarks.histories import MAKE
from benchmarks.histories.records import AHEAD_NS, ID, Made, Streamed
from harness import effects, journaled
from harness.journal import HEADER_BYTES, MAGIC
from harness.plan import reading
from harness.plan.overrides import Overrides
from harness.run import FORMAT, Run
from harness.settings import ROOT
from harness.stack import postgres
from harness.verdict import CheckState
from schema.migrate import migrate
from verification.__main__ import outcomes
from verification.ledger import ledger

PLANS: dict[str, tuple[str, dict[str, Any]]] = {
    "authorizations": ("mixed", {"rules": ["ratio(errors) < 2%"]}),
    "messages": ("sustained", {}),
    "event_store": (
        "event-append",
        {
            "mix": {"append_1": 70, "append_10": 18, "append_100": 5, "rollback": 3, "stream": 4},
            "pool.events": 100_000,
            "service.engine.processors": 2,
        },
    ),
    "orchestrator": ("orchestrator-load", {"mix": {"bulk": 1}, "rules": ["ratio(errors) < 2%"]}),
    "coupons": (
        "coupon-steady",
        {
            "mix": {
                **{"valid": 60, "expired": 8, "inactive": 6, "foreign": 7, "unknown": 7, "minimum": 7, "redeem": 5},
            },
            "eventual": "0s",
        },
    ),
}
"""Of each system, a scenario, and what is changed in it."""


def prepare(system: str, url: str, folder: Path, count: int) -> Run:
    """A run of `count` operations, with its journal in `folder` and its rows in the database at `url`."""
    name, changes = PLANS[system]
    if system == "authorizations":
        # The pool must feed so many operations.
        changes = {**changes, "stages": {"smoke": [{"users": 1000, "for": f"{max(count // 1000, 1000)}s"}]}}
    scenario = reading.find(name, "smoke", changes=Overrides(changes))
    return leave(scenario, url, folder, MAKE[system](scenario, count, np.random.default_rng(1)))


def leave(scenario: reading.Scenario, url: str, folder: Path, made: Made) -> Run:
    """A run of `scenario` in `folder`, with the journal and the rows that were made."""
    system, count, run = scenario.system, len(made.records), Run(folder, {})
    run.record(format=FORMAT, run=ID, plan=scenario.as_json(), profile=scenario.profile, seeding={}, seed=1)
    migrate(system, url, scenario.database)
    importlib.import_module(f"seeding.{system}").seed(url, 1, scenario, folder / "fixtures.json")
    run.record(clock={"wall_ns": time.time_ns() - AHEAD_NS, "mono_ns": 0})
    header = {"run": ID, "worker": 0, "kinds": list(scenario.expected), "mono_ns": 0}
    header |= {"system": system, "scenario": scenario.name, "arrivals": count, "began": 1}
    page = MAGIC + json.dumps({**header, "closed": True, "count": count}).encode() + b"\n"
    (folder / "journal-0.bin").write_bytes(page.ljust(HEADER_BYTES, b"\0") + made.records.tobytes())
    for name, contents in made.beside.items():
        (folder / name).write_bytes(contents)
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {made.into} FROM STDIN", Streamed(made.lines))
        if made.then:
            cursor.execute(made.then)
    connection.autocommit = True
    with connection.cursor() as cursor:
        # What the server still has to do for rows that were just written is none of it.
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    connection.close()
    return run


def measure(system: str, run: Run, url: str) -> dict[str, float]:
    """Seconds, stage by stage, of what `verification.__main__.verify` does."""
    found = importlib.import_module(f"verification.{system}")
    module, began = getattr(found, "STORED", found), time.perf_counter()
    entries = ledger(run.id, journaled.read_all(run.folder), run.clock, run.scenario)
    seen = module.observe(url, run, entries)
    read = time.perf_counter()
    case = module.case(entries, seen)
    findings = module.judge(case)
    case.resolved(), module.weakened(case), outcomes(entries)
    effects.write(run.folder, case.effects())
    judged = time.perf_counter()
    wrong = [
        f"{finding.id} {finding.state}: {finding.detail}"
        for finding in findings
        # Of the schema, and of the database before the load, a history that was made up has nothing.
        if finding.state is CheckState.VIOLATED or (finding.compared and finding.state is CheckState.UNDECIDED)
    ]
    if wrong:
        raise SystemExit("\n".join(["the history that was made up is not clean:", *wrong]))
    return {"read": read - began, "judge": judged - read, "total": judged - began}


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verification", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--systems", nargs="+", choices=list(MAKE), default=list(MAKE))
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as text:
        home = Path(text)
        server = postgres.start(home)
        try:
            for system in options.systems:
                url, folder = server.create(f"bench_{secrets.token_hex(4)}"), home / system
                folder.mkdir()
                run = prepare(system, url, folder, options.operations)
                rounds = [measure(system, run, url) for _ in range(options.rounds)]
                found[system] = {stage: statistics.median(one[stage] for one in rounds) for stage in rounds[0]}
        finally:
            server.stop()
            postgres.remove(home)
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "verification.json").write_text(json.dumps({"operations": options.operations, **found}, indent=1) + "\n")
    print(f"{'system':16}{'operations':>12}{'to read':>10}{'to judge':>10}{'total':>10}   medians of {options.rounds}")
    for system, seconds in found.items():
        print(f"{system:16}{options.operations:12,}" + "".join(f"{one:8.2f} s" for one in seconds.values()))


if __name__ == "__main__":
    main()
