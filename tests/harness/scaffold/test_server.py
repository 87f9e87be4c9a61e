"""A new system holds against its server as it is, and each fault of that is found by the check that it names."""

import importlib
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import psycopg2
import pytest

import schema
import systems
import verification
from harness import catalogue
from harness.check import Finding
from harness.journal import Journal
from harness.journaled import read_all
from harness.outcomes import Failure, Outcome
from harness.plan import reading
from harness.run import FORMAT, Run
from harness.scaffold import system
from harness.scaffold.server import FAULTS, Orders
from harness.stack import services
from harness.verdict import CheckState
from schema.migrate import migrate
from systems import ids
from tests.support.surroundings import recorded
from tests.support.waits import skip_waits
from verification import checks
from verification.ledger import ledger

NAME = "kiosk"
CAUGHT_BY = {"forgets": "X1", "doubles": "X2", "alters": "X5", "renames": "R1"}
ORDERS = 20
"""Each repeated once."""


@pytest.fixture
def facts(tmp_path: Path) -> Iterator[ModuleType]:
    """Those of a new system, whose modules extend ours."""
    system.write(NAME, False, tmp_path / "project")
    packages = (systems, schema, verification)
    for package in packages:
        package.__path__.append(str(tmp_path / "project" / package.__name__))
    yield importlib.import_module(f"systems.{NAME}")
    for package in packages:
        package.__path__.pop()
        sys.modules.pop(f"{package.__name__}.{NAME}", None)
        vars(package).pop(NAME, None)


def found(handler: type[Orders], facts: ModuleType, url: str, folder: Path) -> tuple[dict[str, Finding], list[str]]:
    """What the checks find of orders that `handler` stored, and which of them are left out."""
    migrate(NAME, url)
    scenario = reading.find(f"{NAME}-orders", "smoke")
    run, now = Run(folder, {}), time.monotonic_ns()
    clock = {"wall_ns": time.time_ns(), "mono_ns": now}
    run_id = "20261120T235501a1b2c3"
    run.record(format=FORMAT, run=run_id, plan=scenario.as_json(), profile="smoke", clock=clock)
    run.record(**{**recorded(url), "schema": catalogue.lines(url)})
    kinds, service = list(facts.MIX), object.__new__(handler)
    with (
        closing(psycopg2.connect(url)) as connection,
        Journal(folder / "journal-0.bin", {"run": run_id, "worker": 0, "kinds": kinds, "mono_ns": now}) as journal,
    ):
        connection.autocommit = True

        def send(kind: str, key_of: int | None = None) -> int:
            number = journal.begin(kinds.index(kind), now, now, 0, 0, 0, key_of, 0)
            order = facts.body(run_id, number if key_of is None else key_of)
            id_, new = service.store(connection.cursor(), json.loads(json.dumps(order)))
            outcome, status = (Outcome.ACK, 201) if new else (Outcome.REPLAY, 200)
            # Long enough for what this test stores to be stored meanwhile.
            journal.end(number, outcome, status, Failure.NONE, ids.digest(id_), now + 60 * 10**9)
            return number

        for _ in range(ORDERS):
            send("repeat", send("order"))
    stored = importlib.import_module(f"verification.{NAME}").STORED
    sent = ledger(run.id, read_all(folder), run.clock, run.scenario)
    findings = stored.judge(stored.case(sent, stored.observe(url, run, sent)))
    return {each.id: each for each in findings}, checks.left_out(stored.checks_of(run.scenario), findings)


def test_every_check_holds_but_that_of_refusals_which_there_are_none_of(
    facts: ModuleType, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_waits(monkeypatch)
    findings, left_out = found(Orders, facts, database, tmp_path)

    assert {id_: (each.state, each.detail) for id_, each in findings.items() if each.state != CheckState.HOLDS} == {}
    assert set(findings) == {"X1", "X2", "X4", "X5", "X9", "X10", "X11", "SCHEMA", "R1"}
    assert left_out == ["Left out, as the plan's mix has no operation that must be refused, and leave nothing: X3."]
    assert [findings[id_].compared for id_ in ("X1", "X5", "R1")] == [ORDERS] * 3


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(
    fault: str, facts: ModuleType, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_waits(monkeypatch)
    findings, _ = found(FAULTS[fault], facts, database, tmp_path)

    assert findings[CAUGHT_BY[fault]].state is CheckState.VIOLATED
    assert str(FAULTS[fault].__doc__).startswith(f"{CAUGHT_BY[fault]} finds it")


@pytest.mark.parametrize("reference", [False, True])
def test_it_is_started_as_the_plan_says_whatever_is_beside_it(reference: bool, tmp_path: Path) -> None:
    system.write("shop", reference, tmp_path)
    for folder in (tmp_path, tmp_path / "target", tmp_path / "harness"):
        folder.mkdir(exist_ok=True)
        (folder / "http.py").write_text("raise ImportError('not the one of Python')")
    (tmp_path / "harness" / "__init__.py").write_text("raise ImportError('not the one of Proofload')")
    words = [*shlex.split(system.start_of("shop", reference).format(python=sys.executable)), "--help"]
    environment = services._environment(words, "postgresql://u@127.0.0.1/d", None)

    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "{forgets,doubles,alters,renames}" in done.stdout
