"""Authorizations in a real database are seen as they stand, whatever tables are called: each damage is found."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import psycopg2
import pytest

from harness import check, effects
from harness.check import Finding
from harness.database import quoted
from harness.errors import DatabaseError
from harness.journal import PARTNER, Journal
from harness.journaled import read_all
from harness.outcomes import Failure, Outcome
from harness.plan import plans
from harness.plan.scenario import Scenario
from harness.run import FORMAT, Run
from harness.verdict import CheckState
from schema.migrate import migrate
from systems import ids
from systems.authorizations import MOVES, Pool
from tests.support.authorization_history import HOT, RUN, SPREAD, WALL, History, clean, meet
from tests.support.plans import varied
from tests.support.surroundings import changed_schema, recorded
from tests.support.target_process import query
from tests.support.waits import skip_waits
from verification.__main__ import verify
from verification.authorizations import case, judge, observe
from verification.authorizations.accounts import Authorizations
from verification.ledger import Ledger, ledger
from verification.reading import reader

FIRST, SECOND, RELEASED, CONSUMED = range(4)
LAST = 22
RENAMED = {
    "organizations": "Clinic",
    "organization_id": "clinicId",
    "practitioners": "Staff",
    "practitioner_organization": "clinicId",
    "patients": "Person",
    "patient_organization": "clinicId",
    "authorizations": "order",
    "authorization_id": "voucherId",
    "authorization_organization": "clinicId",
    "authorization_patient": "person id",
    "total": "limitUnits",
    "used": "spentUnits",
    "scheduled": "bookedUnits",
    "version": "revision",
    "movements": "Move",
    "movement_authorization": "voucherId",
    "movement_kind": "verb",
    "movement_units": "amount",
    "movement_key": "requestId",
    "movement_practitioner": "user",
    "movement_created": "storedAt",
}


@dataclass
class Scene:
    """A run whose load is over, and its database."""

    url: str
    run: Run

    def sql(self, statements: str) -> None:
        query(self.url, statements)

    @property
    def sent(self) -> Ledger:
        return ledger(self.run.id, read_all(self.run.folder), self.run.clock, self.run.scenario)

    def observe(self) -> Authorizations:
        return observe(self.url, self.run, self.sent)

    def judge(self) -> dict[str, Finding]:
        return {finding.id: finding for finding in judge(case(self.sent, self.observe()))}


def violated(found: dict[str, Finding]) -> set[str]:
    return {id_ for id_, finding in found.items() if finding.state == CheckState.VIOLATED}


@pytest.fixture
def scene(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A clean run, and the database as a clean target leaves it."""
    skip_waits(monkeypatch)
    return put(database, tmp_path)


def put(
    url: str,
    folder: Path,
    name: str = "mixed",
    make: Callable[[Scenario], History] = clean,
    table: Mapping[str, Any] = MappingProxyType({}),
    **changes: dict[str, Any],
) -> Scene:
    """A run of scenario `name` with `table` in its own and `changes` in other tables; `make` makes the history."""
    stated = {part: {**plans.reference("authorizations", part), **otherwise} for part, otherwise in changes.items()}
    scenario = varied(name, "smoke", {"drain": "200ms", "timeout": "100ms", **table}, **stated)
    run = Run(folder, {})
    run.record(format=FORMAT, run=RUN, plan=scenario.as_json(), profile="smoke")
    history = make(run.scenario)
    names = {name: quoted(word) if word else "" for name, word in run.scenario.database.items()}
    migrate("authorizations", url, run.scenario.database)
    run.record(clock={"wall_ns": time.time_ns(), "mono_ns": 0}, **recorded(url, ahead=[WALL, WALL]))
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        seed(cursor, names, history)
        connection.commit()
        for row in history.rows:
            make_move(cursor, names, row)
            connection.commit()
    connection.close()
    header = {"run": RUN, "worker": 0, "kinds": list(run.scenario.expected), "mono_ns": 0}
    with Journal(folder / "journal-0.bin", header) as journal:
        for op in history.ops:
            kind, flags = header["kinds"].index(op["kind"]), PARTNER if op["partner"] else 0
            number = journal.begin(kind, op["sched"], op["start"], 1, 0, op["subject"], op["key_of"], flags)
            assert number == op["op"]
            journal.end(number, Outcome(op["outcome"]), op["status"], Failure.NONE, op["answer"], op["end"])
    return Scene(url, run)


def seed(cursor: Any, names: dict[str, str], history: History) -> None:
    """The pool, as it is before the first move."""
    for things, lines in history.people.items():
        one = things.removesuffix("s")
        for line in lines:
            values = [ids.uuid_of(n) for n in line.values()]
            columns = [names[f"{one}_id"], names.get(f"{one}_organization", "")][: len(values)]
            cursor.execute(
                f"INSERT INTO {names[things]} ({', '.join(columns)}, {names[f'{one}_name']}) "
                f"VALUES ({', '.join(['%s'] * len(values))}, 'N')",
                values,
            )
    columns = ["authorization_id", "authorization_organization", "authorization_patient", "auth_number"]
    columns += ["total", "used", "scheduled", "start_date", "end_date"]
    lines = [
        cursor.mogrify(
            "(%s, %s, %s, %s, %s, %s, %s, '2024-01-01', '2034-01-01')",
            (a.id, ids.uuid_of(a.organization), ids.uuid_of(a.patient), a.auth_number, a.total, a.used, a.scheduled),
        ).decode()
        for a in Pool(**history.scenario.pool)
    ]
    into = ", ".join(names[column] for column in columns)
    cursor.execute(f"INSERT INTO {names['authorizations']} ({into}) VALUES {', '.join(lines)}")


def make_move(cursor: Any, names: dict[str, str], row: dict[str, Any]) -> None:
    """The counters and, if there are any, the movement."""
    move, units = MOVES[row["move"]], row["units"]
    scheduled, used = (units if move == "reserve" else -units), (units if move == "consume" else 0)
    version = f", {names['version']} = {names['version']} + 1" if names["version"] else ""
    cursor.execute(
        f"UPDATE {names['authorizations']} SET {names['scheduled']} = {names['scheduled']} + %s, "
        f"{names['used']} = {names['used']} + %s{version} WHERE {names['authorization_id']} = %s",
        (scheduled, used, ids.uuid_of(row["authorization"])),
    )
    if names["movements"]:
        told = ("authorization", "kind", "units", "key", "practitioner", "created")
        columns = [names[f"movement_{name}"] for name in told]
        cursor.execute(
            f"INSERT INTO {names['movements']} ({', '.join(columns)}) VALUES (%s, %s, %s, %s, %s, %s)",
            (
                ids.uuid_of(row["authorization"]),
                move,
                units,
                ids.key(RUN, row["op"]),
                ids.uuid_of(row["practitioner"]),
                row["created_at"].tz_localize("UTC"),
            ),
        )


def change(number: int, what: str) -> str:
    return f"UPDATE unit_movements SET {what} WHERE idempotency_key = '{ids.key(RUN, number)}';"


def counters(number: int, what: str) -> str:
    return f"UPDATE authorizations SET {what} WHERE id = '{ids.uuid_of(number)}';"


def another(key: str, number: int = FIRST) -> str:
    """The move of operation `number` once more, under `key` (SQL)."""
    return (
        "INSERT INTO unit_movements (authorization_id, kind, units, idempotency_key, practitioner_id, created_at) "
        f"SELECT authorization_id, kind, units, {key}, practitioner_id, created_at FROM unit_movements "
        f"WHERE idempotency_key = '{ids.key(RUN, number)}';"
        "UPDATE authorizations a SET version = version + 1, scheduled_units = scheduled_units + 5 "
        f"WHERE id = '{ids.uuid_of(SPREAD)}';"
    )


def test_everything_holds_on_what_a_clean_target_left(scene: Scene) -> None:
    found = scene.judge()

    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}
    for finding in found.values():
        if finding.sql:
            query(scene.url, finding.sql)


def test_rows_are_read_as_they_stand(scene: Scene) -> None:
    seen = scene.observe()
    (stored,) = query(
        scene.url,
        "SELECT created_at, xmin::text::bigint FROM unit_movements WHERE idempotency_key = %s",
        ids.key(RUN, CONSUMED),
    )
    row = seen.rows[seen.rows["op"] == CONSUMED].to_dict("records")[0]

    assert row == {
        "op": CONSUMED,
        "stray": None,
        "authorization": SPREAD,
        "move": MOVES.index("consume"),
        "units": 3,
        "practitioner": 1,
        "created_at": pd.Timestamp(stored[0]).tz_convert("UTC").tz_localize(None),
        "writer": stored[1],
    }
    assert len(seen.standing) == seen.queried == 155
    assert seen.others.empty
    assert seen.people["patients"]["organization"].tolist() == [1] * 10 + [2] * 5 + [3] * 5


NO_INDEX = "ALTER TABLE unit_movements DROP CONSTRAINT unit_movements_idempotency_key_key;"
NO_CHECK = "ALTER TABLE authorizations DROP CONSTRAINT authorizations_units_check;"
NULLABLE = "ALTER TABLE unit_movements ALTER {column} DROP NOT NULL;"
DAMAGES: dict[str, tuple[str, set[str]]] = {
    "a movement is deleted": (
        f"DELETE FROM unit_movements WHERE idempotency_key = '{ids.key(RUN, FIRST)}'",
        {"X1", "X6", "A2", "A6", "A8"},
    ),
    "all movements are gone": ("TRUNCATE unit_movements", {"X1", "X6", "A2", "A6"}),
    "everything is gone": ("TRUNCATE organizations, practitioners, patients CASCADE", {"X1", "POOL"}),
    "a key of ours that nobody sent": (another(f"'{ids.key(RUN, 99)}'"), {"X2"}),
    "a key that begins as ours": (another(f"'{ids.key(RUN, 1)}0'"), {"X2"}),
    "a key that is ours in capitals": (another(f"'{RUN}-00000000000000AB'"), {"X2"}),
    "a key that is as long as ours": (another(f"'{RUN}-000000000000000ä'"), {"X2"}),
    "a key with as many bytes as ours": (another(f"'{RUN}-00000000000000ä'"), {"X2"}),
    "a key beyond 63 bits": (another(f"'{RUN}-ffffffffffffffff'"), {"X2"}),
    "a key of somebody else": (another("'somebody'"), {"X2"}),
    "a key of somebody else, long ago": (
        another("'somebody'")
        + "UPDATE unit_movements SET created_at = created_at - interval '1 minute' WHERE idempotency_key = 'somebody'",
        {"X2"},
    ),
    "no key": (NULLABLE.format(column="idempotency_key") + another("NULL"), {"X2"}),
    "an empty key": (another("''"), {"X2"}),
    "a key of a refused move": (
        change(LAST, f"idempotency_key = '{ids.key(RUN, 8)}'"),
        {"X1", "X3", "X6", "A4", "A6", "A10", "TOKEN"},
    ),
    "a second movement": (NO_INDEX + another(f"'{ids.key(RUN, FIRST)}'"), {"X4", "A5", "A6"}),
    "a second movement of somebody else": (
        NO_INDEX + another("'else'") + another("'else'"),
        {"X2", "A5"},
    ),
    "no index": (NO_INDEX, {"A5"}),
    "an index that is not valid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'unit_movements_idempotency_key_key'::regclass",
        {"A5"},
    ),
    "other units": (change(FIRST, "units = 6"), {"X5", "X6", "A2", "A10"}),
    "no units": (NULLABLE.format(column="units") + change(FIRST, "units = NULL"), {"X5", "X6", "A2", "A10"}),
    "no practitioner": (
        NULLABLE.format(column="practitioner_id") + change(FIRST, "practitioner_id = NULL"),
        {"X5", "A10"},
    ),
    "another practitioner": (change(FIRST, f"practitioner_id = '{ids.uuid_of(3)}'"), {"X5", "A10"}),
    "another organization's practitioner": (
        change(FIRST, f"practitioner_id = '{ids.uuid_of(9)}'"),
        {"X5", "X7", "A10"},
    ),
    "another moment": (change(FIRST, "created_at = created_at + interval '1 microsecond'"), {"A10"}),
    "nothing, once more": (change(FIRST, "units = units"), {"A10"}),
    "another moment, of the last": (change(LAST, "created_at = now()"), {"X6", "X9"}),
    "an authorization written by itself": (counters(SPREAD, "status = 'ACTIVE'"), {"X6"}),
    "an overbooked authorization": (
        NO_CHECK + counters(HOT, "used_units = 45"),
        {"X6", "A1", "DOC", "A2", "A4", "A6"},
    ),
    "a version too many": (counters(SPREAD, "version = version + 1"), {"X6", "A6"}),
    "another total": (counters(SPREAD, "total_units = 1001"), {"X6", "A3", "POOL"}),
    "another owner": (counters(1090, f"organization_id = '{ids.uuid_of(3)}'"), {"POOL"}),
    "another patient": (counters(1090, f"patient_id = '{ids.uuid_of(20)}'"), {"POOL"}),
    "an authorization too few": (f"DELETE FROM authorizations WHERE id = '{ids.uuid_of(1090)}'", {"POOL"}),
    "an authorization too many": (counters(1090, f"id = '{ids.uuid_of(1190)}'"), {"POOL"}),
    "an authorization too many, with another kind of id": (
        counters(1090, "id = '00000000-0000-4000-8000-00000000abcd'"),
        {"POOL"},
    ),
    "a practitioner elsewhere": (
        f"UPDATE practitioners SET organization_id = '{ids.uuid_of(2)}' WHERE id = '{ids.uuid_of(10)}'",
        {"POOL"},
    ),
}


@pytest.mark.parametrize(("statements", "expected"), DAMAGES.values(), ids=list(DAMAGES))
def test_a_damage_is_found_by_exactly_these_checks(scene: Scene, statements: str, expected: set[str]) -> None:
    scene.sql(statements)
    found = scene.judge()

    # What was taken from the schema is a finding of its own.
    expected = expected | changed_schema(statements)
    assert violated(found) == expected
    assert not any(finding.crashed for finding in found.values())
    for id_ in expected:
        assert found[id_].sql
        query(scene.url, found[id_].sql)


def test_tables_may_have_any_name(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_waits(monkeypatch)
    scene = put(database, tmp_path, database=RENAMED)
    found = scene.judge()
    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}

    scene.sql(
        'ALTER TABLE "Move" DROP CONSTRAINT "Move_requestId_key"; UPDATE "order" SET "bookedUnits" = 1, revision = 99;'
        'UPDATE "Move" SET amount = 77, "storedAt" = now()'
    )
    found = scene.judge()
    assert violated(found) >= {"X5", "X6", "A2", "A4", "A5", "A6"}
    for finding in found.values():
        if finding.sql:
            query(scene.url, finding.sql)
    assert '"Move"' in found["X5"].sql


LESS: dict[str, dict[str, dict[str, str]]] = {
    "no movements": {"database": {"movements": ""}},
    "no versions": {"database": {"version": ""}, "contract": {"version": ""}},
    "nothing": {
        "database": {**RENAMED, "movements": "", "version": ""},
        "contract": {"version": "", "replayed": ""},
    },
}


@pytest.mark.parametrize("changes", LESS.values(), ids=list(LESS))
def test_a_target_may_have_less(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, dict[str, str]]
) -> None:
    skip_waits(monkeypatch)
    scene = put(database, tmp_path, **changes)
    found = {finding.id: finding for finding in verify(scene.run, scene.url)}

    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}
    written = scene.run.read(check.FILE)
    assert ("There is no table of movements" in " ".join(written["weakened"])) == ("X1" not in found)
    stored = effects.read(tmp_path, scene.run.scenario.points)
    assert stored is not None
    assert (len(stored) == 0) == ("X1" not in found)


def test_rounds_are_counted(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_waits(monkeypatch)

    def three(scenario: Scenario) -> History:
        history = History(scenario)
        for number in (1, 2, 1):
            meet(history, number, 7)
        return history

    stages = {"smoke": [{"users": 7, "for": "10s"}]}
    scene = put(database, tmp_path, "high-contention", three, {"stages": stages})
    finding = scene.judge()["ROUND"]
    assert (finding.state, finding.compared) == (CheckState.HOLDS, 3)

    scene.sql(f"DELETE FROM unit_movements WHERE idempotency_key = '{ids.key(RUN, 3)}'")
    finding = scene.judge()["ROUND"]
    # What was before the later round at the same authorization is not known any more.
    assert (finding.state, finding.compared, finding.witnesses) == (CheckState.VIOLATED, 2, 1)
    assert (finding.first["expected"], finding.first["stored"], finding.first["acknowledged"]) == (5, 4, 5)
    assert "1 rounds more could not be compared" in finding.detail


def test_a_movement_that_is_written_again_meanwhile_is_found(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_waits(monkeypatch, lambda: scene.sql(change(LAST, "units = units")))
    found = scene.judge()["A10"]

    assert found.state == CheckState.VIOLATED
    assert found.first["operation"] == LAST
    assert "since the early snapshot 1 were written again" in found.detail


def test_a_movement_of_unknown_outcome_that_vanishes_meanwhile_is_missed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = f"DELETE FROM unit_movements WHERE idempotency_key = '{ids.key(RUN, 19)}'"
    skip_waits(monkeypatch, lambda: scene.sql(gone))
    found = scene.judge()["A10"]

    assert found.state == CheckState.VIOLATED
    assert "1 more are gone or were" in found.detail
    query(scene.url, found.sql)


def test_what_commits_between_the_two_looks_is_no_change(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = psycopg2.connect(scene.url)
    with connection.cursor() as cursor:
        cursor.execute(another("'of somebody who was slow'"))
        skip_waits(monkeypatch, lambda: connection.commit())
        found = scene.judge()
    connection.close()

    assert found["A10"].state == CheckState.HOLDS
    assert found["X2"].state == CheckState.VIOLATED


def test_who_has_written_and_not_ended_leaves_it_undecided(scene: Scene) -> None:
    connection = psycopg2.connect(scene.url, application_name="the writer")
    with connection.cursor() as cursor:
        cursor.execute(another("'somebody'"))
        found = scene.judge()
    connection.close()

    assert {finding.state for finding in found.values()} == {CheckState.UNDECIDED}
    assert "the writer (pid " in found["X1"].detail


def test_a_database_that_was_seeded_for_a_later_run_is_not_judged(scene: Scene) -> None:
    scene.sql(another(f"'{ids.key('20991231T000000abcdef', 1)}'"))
    scene.sql(f"DELETE FROM unit_movements WHERE idempotency_key LIKE '{RUN}-%'")

    with pytest.raises(DatabaseError, match=f"nothing of run {RUN}, but rows of run 20991231"):
        scene.observe()


def test_a_text_column_that_is_not_as_wide_as_it_should_be_is_no_number(scene: Scene) -> None:
    with (
        reader(scene.url) as session,
        pytest.raises(ValueError, match="column version is not everywhere of type bigint"),
    ):
        session.columns("SELECT version FROM authorizations", {"version": "bigint"})


def test_all_is_written_into_the_folder(scene: Scene) -> None:
    findings = verify(scene.run, scene.url)
    written = json.loads((scene.run.folder / check.FILE).read_text())

    assert [one["id"] for one in written["checks"]] == [finding.id for finding in findings]
    assert written["weakened"] == []
    assert written["outcomes"]["race"] == {"ACK": 1, "REPLAY": 1}
    assert written["resolved"]["unknown"] == 4
    assert written["observation"]["quiescent"] is True
    stored = effects.read(scene.run.folder, scene.run.scenario.points)
    assert stored is not None
    assert len(stored) == written["observation"]["rows"]
    assert (stored["stored"] > 0).all()


def test_a_database_that_fails_is_told_for_each_check(scene: Scene) -> None:
    scene.sql("DROP TABLE unit_movements")
    findings = verify(scene.run, scene.url)

    assert {(finding.state, finding.crashed) for finding in findings} == {(CheckState.UNDECIDED, True)}
    assert {"X1", "A8", "POOL"} <= {finding.id for finding in findings}
    assert 'relation "unit_movements" does not exist' in findings[0].detail
