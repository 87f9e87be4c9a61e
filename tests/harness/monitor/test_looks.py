"""A look asks for what was acknowledged last, by index, in a table that somebody else writes; it never fails a run."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from harness.errors import DatabaseError
from harness.journal import PARTLY, Journal
from harness.monitor import LOOKS
from harness.monitor import looks as module
from harness.monitor.looks import MOST, SPAN, Looks, Tail, acknowledged
from harness.monitor.postgres import DatabaseSampler
from harness.outcomes import Failure, Outcome
from harness.plan import reading
from harness.plan.scenario import Scenario
from systems import ids
from systems.effect import Effect
from tests.support.target_process import query

RUN = "20261120T235501a1b2c3"
EFFECTS = {
    "write": {"ACK": Effect()},
    "batch": {"ACK": Effect(100)},
    "later": {"ACK": Effect(1, within=2.0)},
    "logged": {"REJECT": Effect()},
    "read": {},
}
KINDS = list(EFFECTS)
TABLE = "CREATE TABLE events (event_key text {unique}, body text)"
INSERT = "INSERT INTO events SELECT '{run}-' || lpad(to_hex(n), 16, '0') FROM generate_series(0, {last}) n"


class Written:
    """A journal that is being written."""

    def __init__(self, folder: Path, worker: int = 0) -> None:
        path = folder / f"journal-{worker}.bin"
        self.journal = Journal(path, {"run": RUN, "worker": worker, "kinds": KINDS, "mono_ns": 1}, grow=64)
        self.now = 1

    def send(self, kind: str, outcome: Outcome | None, key_of: int | None = None, flags: int = 0) -> int:
        """An operation; without an outcome it has not ended."""
        self.now += 2
        number = self.journal.begin(KINDS.index(kind), self.now, self.now, 0, 0, 0, key_of, flags)
        if outcome is not None:
            self.journal.end(number, outcome, 200, Failure.NONE, 0, self.now + 1)
        return number


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    found = Written(tmp_path)
    with found.journal:
        yield found


def scenario(**changes: Any) -> Scenario:
    plan = reading.find("sustained", "smoke")
    return replace(plan, **({"effects": EFFECTS, "rows": ("events", "event_key"), "database": {}} | changes))


def chosen(*journals: Written) -> list[tuple[int, int]]:
    tails = {one.journal.path.name: Tail(one.journal.path) for one in journals}
    return list(acknowledged({tail.worker: tail for tail in tails.values()}, EFFECTS))


def test_what_was_acknowledged_last_comes_first(written: Written) -> None:
    first, batch, logged = (
        written.send(*one) for one in (("write", Outcome.ACK), ("batch", Outcome.ACK), ("logged", Outcome.REJECT))
    )

    assert chosen(written) == [(logged, 1), (batch, 100), (first, 1)]


@pytest.mark.parametrize(
    "sent",
    [
        ("write", None),
        ("write", Outcome.UNKNOWN),
        ("write", Outcome.REJECT),
        ("write", Outcome.SHED),
        ("later", Outcome.ACK),
        ("read", Outcome.ACK),
        ("logged", Outcome.ACK),
        ("batch", Outcome.ACK, None, PARTLY),
    ],
)
def test_what_need_not_be_stored_by_its_answer_is_not_asked_for(written: Written, sent: Any) -> None:
    written.send(*sent)

    assert chosen(written) == []


def test_a_replay_speaks_of_what_its_key_made(written: Written, tmp_path: Path) -> None:
    other = Written(tmp_path, worker=3)
    with other.journal:
        made = other.send("batch", Outcome.UNKNOWN)
        read = other.send("read", Outcome.ACK)
        written.send("write", Outcome.REPLAY, key_of=made)
        written.send("write", Outcome.REPLAY, key_of=made)
        written.send("write", Outcome.REPLAY, key_of=read)
        written.send("write", Outcome.REPLAY, key_of=ids.operation(7, 0))

        assert chosen(written, other) == [(made, 100)]


def test_a_journal_is_followed_while_it_grows(written: Written) -> None:
    tail = Tail(written.journal.path)
    assert len(tail.latest()[1]) == 0
    for _ in range(SPAN + 100):
        written.send("write", Outcome.ACK)
    first, records = tail.latest()

    assert (first, len(records)) == (100, SPAN)
    assert next(acknowledged({0: tail}, EFFECTS)) == (SPAN + 99, 1)


def lines(folder: Path) -> list[dict[str, Any]]:
    path = folder / LOOKS
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def looks(folder: Path, url: str, **changes: Any) -> Looks:
    return Looks(folder, scenario(**changes), DatabaseSampler(url).connected)


def test_what_is_not_committed_yet_is_missing_and_then_there(written: Written, database: str, tmp_path: Path) -> None:
    query(database, TABLE.format(unique="UNIQUE"))
    for _ in range(MOST + 5):
        written.send("write", Outcome.ACK)
    looking = looks(tmp_path, database)
    with closing(psycopg2.connect(database)) as writer, writer.cursor() as cursor:
        cursor.execute(INSERT.format(run=RUN, last=MOST + 4))
        looking.take()
        writer.commit()
    looking.take()
    where, early, late = lines(tmp_path)

    assert where == {"table": "events", "key": "event_key"}
    assert early["asked"] == early["missing"] == late["asked"] == [f"{op:x}.0" for op in range(MOST + 4, 4, -1)]
    assert late["missing"] == []


def test_an_item_is_found_under_a_key_of_its_own(written: Written, database: str, tmp_path: Path) -> None:
    query(database, TABLE.format(unique="UNIQUE"))
    single, batch = written.send("write", Outcome.ACK), written.send("batch", Outcome.ACK)
    keys = [ids.item_key(RUN, single, 0), *(ids.item_key(RUN, batch, item) for item in range(100))]
    query(database, f"INSERT INTO events SELECT unnest(ARRAY{keys})")
    looks(tmp_path, database).take()

    assert len(lines(tmp_path)[-1]["asked"]) == 2
    assert lines(tmp_path)[-1]["missing"] == []


NOWHERE = {
    "no index": (TABLE.format(unique=""), {}, "no index on events (event_key) finds a key"),
    "an index that begins with another column": (
        f"{TABLE.format(unique='')}; CREATE INDEX ON events (body, event_key)",
        {},
        "no index on events (event_key) finds a key",
    ),
    "a view of two tables of which one has no index": (
        "CREATE TABLE a (event_key text UNIQUE); CREATE TABLE b (event_key text); "
        "CREATE VIEW events AS TABLE a UNION ALL TABLE b",
        {},
        "no index on events (event_key) finds a key",
    ),
    "no table": ("SELECT 1", {}, 'relation "events" does not exist'),
    "a table that the plan does not have": ("SELECT 1", {"database": {"events": ""}}, "the plan has no table for"),
    "nothing is stated": ("SELECT 1", {"rows": ("", "")}, "systems/messages.py does not state ROWS"),
}


@pytest.mark.parametrize("name", NOWHERE)
def test_where_there_is_nothing_to_look_at_it_is_said_once(
    written: Written, database: str, tmp_path: Path, name: str
) -> None:
    statements, changes, why = NOWHERE[name]
    query(database, statements)
    written.send("write", Outcome.ACK)
    looking = looks(tmp_path, database, **changes)
    for _ in range(3):
        looking.take()

    assert why in next(line["none"] for line in lines(tmp_path) if "none" in line)
    assert sum("none" in line for line in lines(tmp_path)) == 1
    assert not any("at" in line for line in lines(tmp_path))


def test_a_partitioned_table_under_other_names_is_looked_at(written: Written, database: str, tmp_path: Path) -> None:
    query(
        database,
        'CREATE TABLE "Things" ("theKey" varchar(80) PRIMARY KEY) PARTITION BY HASH ("theKey");'
        'CREATE TABLE one PARTITION OF "Things" FOR VALUES WITH (MODULUS 2, REMAINDER 0);'
        'CREATE TABLE two PARTITION OF "Things" FOR VALUES WITH (MODULUS 2, REMAINDER 1);'
        f"INSERT INTO \"Things\" VALUES ('{ids.key(RUN, 0)}')",
    )
    for _ in range(2):
        written.send("write", Outcome.ACK)
    looks(tmp_path, database, database={"events": "Things", "event_key": "theKey"}).take()

    where, look = lines(tmp_path)
    assert where == {"table": '"Things"', "key": '"theKey"'}
    assert (look["asked"], look["missing"]) == (["1.0", "0.0"], ["1.0"])


def test_a_database_that_does_not_answer_leaves_no_look(written: Written, tmp_path: Path) -> None:
    def gone() -> None:
        raise DatabaseError("no connection to it")

    written.send("write", Outcome.ACK)
    looking = Looks(tmp_path, scenario(), gone)
    looking.take()
    looking.take()

    assert lines(tmp_path) == [{"none": "no connection to it"}]


def test_without_a_journal_or_an_answer_nothing_is_asked(tmp_path: Path) -> None:
    def never() -> None:
        raise AssertionError

    Looks(tmp_path, scenario(), never).take()
    (tmp_path / "journal-0.bin").write_bytes(bytes(100))
    Looks(tmp_path, scenario(), never).take()
    (tmp_path / "journal-0.bin").unlink()
    with Written(tmp_path).journal:
        Looks(tmp_path, scenario(), never).take()

    assert lines(tmp_path) == []


def test_a_table_that_is_locked_is_given_up_and_looked_at_later(
    written: Written, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    query(database, TABLE.format(unique="UNIQUE"))
    written.send("write", Outcome.ACK)
    looking = looks(tmp_path, database)
    with closing(psycopg2.connect(database)) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE events")
        looking.take()
    looking.take()

    assert ["at" in line for line in lines(tmp_path)] == [False, False, True]
    assert "statement timeout" in lines(tmp_path)[1]["none"]
