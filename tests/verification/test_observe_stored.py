"""Items in a real table are seen as they stand, under the key of their operation or under their own."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness import catalogue
from harness.check import Finding
from harness.journal import Journal
from harness.journaled import read_all
from harness.monitor import LOOKS
from harness.outcomes import Failure, Outcome
from harness.run import FORMAT, Run
from harness.verdict import CheckState
from systems import ids
from tests.support.batches import EXPECTED, RUN, STORED, body, scenario
from tests.support.surroundings import recorded
from tests.support.target_process import query
from tests.support.waits import skip_waits
from verification.ledger import Ledger, ledger
from verification.stored import Query, Rows, Stored

TABLE = """
CREATE TABLE events (event_key text, body text, subject bigint, created_at timestamptz, routed_at timestamptz);
INSERT INTO events SELECT '{run}-' || lpad('0', 16, '0') || '.' || lpad(to_hex(n), 4, '0'), 'event ' || n || ' of 0', 7,
    clock_timestamp(), clock_timestamp() FROM generate_series(0, 99) n;
INSERT INTO events VALUES ('{plain}', 'event 0 of 1', 8, clock_timestamp(), NULL);
"""


@pytest.fixture
def run(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A batch of a hundred, and a refusal that is logged under the key of its operation."""
    skip_waits(monkeypatch)
    plan = replace(scenario(), timeout_seconds=0.1, drain_seconds=0.2)
    run = Run(tmp_path, {})
    now = time.monotonic_ns()
    clock = {"wall_ns": time.time_ns(), "mono_ns": now}
    run.record(format=FORMAT, run=RUN, plan=plan.as_json(), profile="smoke", clock=clock)
    kinds = list(EXPECTED)
    with Journal(tmp_path / "journal-0.bin", {"run": RUN, "worker": 0, "kinds": kinds, "mono_ns": now}) as journal:
        for kind, outcome, subject in (("append", Outcome.ACK, 7), ("reject", Outcome.REJECT, 8)):
            number = journal.begin(kinds.index(kind), now, now, 0, 0, subject, None, 0)
            # Long enough for what this test stores to be stored meanwhile.
            journal.end(number, outcome, 200, Failure.NONE, 0, now + 60 * 10**9)
    known = recorded(database)
    query(database, TABLE.format(run=RUN, plain=ids.key(RUN, 1)))
    run.record(**{**known, "schema": catalogue.lines(database)})
    return run


def sent(run: Run) -> Ledger:
    return ledger(run.id, read_all(run.folder), run.clock, run.scenario)


def judge(run: Run, url: str, system: Stored = STORED) -> dict[str, Finding]:
    seen = system.observe(url, run, sent(run))
    return {finding.id: finding for finding in system.judge(system.case(sent(run), seen))}


def violated(found: dict[str, Finding]) -> set[str]:
    return {id_ for id_, finding in found.items() if finding.state == CheckState.VIOLATED}


def test_a_clean_table_holds(run: Run, database: str) -> None:
    found = judge(run, database)

    assert violated(found) == set()
    assert {id_: found[id_].compared for id_ in ("X1", "X2", "X4", "X5")} == dict.fromkeys(
        ("X1", "X2", "X4", "X5"), 101
    )
    effects = STORED.case(sent(run), STORED.observe(database, run, sent(run))).effects()
    assert effects[["op", "item"]].tolist() == [*((0, item) for item in range(100)), (1, 0)]
    assert (effects["stored"] > run.facts["clock"]["mono_ns"] - 10**9).all()
    assert (effects["routed"] > 0).sum() == 100


DAMAGES = {
    "an item is gone": ("DELETE FROM events WHERE event_key LIKE '%.0025'", {"X1"}),
    "an item is there twice": ("INSERT INTO events SELECT * FROM events WHERE event_key LIKE '%.0025'", {"X4"}),
    "an item is there under the plain key too": (
        f"INSERT INTO events SELECT '{ids.key(RUN, 0)}', body, subject FROM events WHERE event_key LIKE '%.0000'",
        {"X4"},
    ),
    "an item is another": ("UPDATE events SET body = 'x' WHERE event_key LIKE '%.0025'", {"X5"}),
    "an item has no text": ("UPDATE events SET body = NULL WHERE event_key LIKE '%.0025'", {"X5"}),
    "an item too many": (
        f"UPDATE events SET event_key = '{ids.item_key(RUN, 0, 100)}' WHERE body ~ ' 9 '",
        {"X1", "X2"},
    ),
    "a key in capitals": ("UPDATE events SET event_key = upper(event_key) WHERE event_key LIKE '%.000a'", {"X1", "X2"}),
    "a key that goes on": (
        "UPDATE events SET event_key = event_key || '0' WHERE event_key LIKE '%.0025'",
        {"X1", "X2"},
    ),
    "a key of nobody": ("INSERT INTO events VALUES ('mine', 'x', 1, clock_timestamp(), NULL)", {"X2"}),
    "no key": ("INSERT INTO events VALUES (NULL, 'x', 1, clock_timestamp(), NULL)", {"X2"}),
    "a key of nobody, back-dated": (
        "INSERT INTO events VALUES ('mine', 'x', 1, now() - interval '1 hour', NULL)",
        {"X2"},
    ),
}


@pytest.mark.parametrize(("sql", "expected"), DAMAGES.values(), ids=list(DAMAGES))
def test_damage_is_found_by_its_check(run: Run, database: str, sql: str, expected: set[str]) -> None:
    query(database, sql)

    assert violated(judge(run, database)) == expected


def test_a_system_says_what_is_pending_what_is_its_own_and_what_else_it_needs(run: Run, database: str) -> None:
    query(database, "INSERT INTO events VALUES ('mine', 'x', 1, clock_timestamp(), NULL)")
    # In a database of somebody's, others may write what this load is not about.
    run.record(database={"ours": False})
    system = replace(
        STORED,
        pending="SELECT count(*) FROM events WHERE routed_at IS NULL AND event_key {ours}",
        about="subject > 1",
        also={"subjects": Query("SELECT subject, count(*) FROM events GROUP BY 1", {"subject": "int64", "n": "int64"})},
    )
    seen = system.observe(database, run, sent(run))

    assert isinstance(seen, Rows)
    # The logged refusal is never routed.
    assert seen.drained_seconds is None
    assert len(seen.foreign) == 0
    assert dict(seen.also["subjects"].itertuples(index=False)) == {1: 1, 7: 100, 8: 1}


def test_a_table_that_does_not_tell_when_rows_were_stored_has_no_times(run: Run, database: str) -> None:
    columns = {name: dtype for name, dtype in STORED.source.columns.items() if not name.endswith("_at")}
    system = replace(STORED, source=replace(STORED.source, points={}, columns=columns))
    query(database, "INSERT INTO events VALUES ('mine', 'x', 1, clock_timestamp(), NULL)")
    case = system.case(sent(run), system.observe(database, run, sent(run)))

    assert len(case.seen.foreign) == 1
    assert "X9" not in {check.id for check in system.checks_of(scenario())}
    assert "X9 is left out" in " ".join(system.weakened(case))
    assert not case.effects()["stored"].any()
    assert body(0, 37) == case.rows["body"][case.rows["item"] == 37].iloc[0]


def test_looks_of_the_monitor_are_judged(run: Run, database: str) -> None:
    after = max(int(one.records["end"].max()) for one in read_all(run.folder)) + 1
    lines = [{"table": "events", "key": "event_key"}, {"at": after, "asked": ["0.5", "1.0"], "missing": ["0.5"]}]
    (run.folder / LOOKS).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    found = judge(run, database)["X9"]

    assert (found.state, found.witnesses, found.first["items"]) == (CheckState.VIOLATED, 1, [5])
