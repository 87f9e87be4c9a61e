"""The final snapshot is taken when nothing changes any more; what goes on changing leaves it undecided."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import psycopg2
import pytest

from harness.outcomes import Outcome
from harness.plan.scenario import Quiesce
from harness.quantities import seconds
from harness.run import Run
from harness.verdict import CheckState
from systems.effect import Effect
from tests.support.message_scene import KEY, NO_FOREIGN_KEY, Scene, change, clean_scene, copy_of_1
from tests.support.plans import varied
from tests.support.waits import skip_waits
from verification import quiescence
from verification.ledger import Ledger
from verification.messages import case, judge, observe
from verification.reading import reader


@pytest.fixture
def scene(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return clean_scene(database, tmp_path, monkeypatch)


def test_a_session_that_reads_cannot_write(scene: Scene) -> None:
    with reader(scene.url) as session, pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        session.rows("DELETE FROM message_logs")


def test_it_waits_until_all_is_delivered(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.sql(change(1, "status = 'SCHEDULED', sent_at = NULL"))
    skip_waits(monkeypatch, lambda: scene.sql(change(1, "status = 'SENT', sent_at = clock_timestamp()")), lambda: None)
    seen = observe(scene.url, with_drain(scene, "1h"), scene.sent)

    assert seen.drained_seconds is not None
    assert seen.disturbance == ""
    assert {finding.state for finding in judge(case(scene.sent, seen))} == {CheckState.HOLDS}


def with_drain(scene: Scene, drain: str) -> Run:
    """The run of `scene` with so much time to drain: an hour, where a test must not depend on how fast it is."""
    facts = copy.deepcopy(scene.run.facts)
    facts["plan"]["drain_seconds"] = seconds(drain)
    return Run(scene.run.folder, facts)


def test_what_is_never_delivered_is_waited_for_only_so_long(scene: Scene) -> None:
    scene.sql(change(1, "status = 'SCHEDULED', sent_at = NULL"))
    seen = observe(scene.url, scene.run, scene.sent)

    assert seen.drained_seconds is None
    assert seen.disturbance == ""


def test_a_message_that_is_sent_again_during_the_drain_went_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_waits(monkeypatch, lambda: scene.sql(change(1, "sent_at = clock_timestamp()")), lambda: None)

    assert scene.violated() == {"MP3"}


def test_who_has_written_and_not_ended_leaves_it_undecided(scene: Scene) -> None:
    with writing(scene):
        found = scene.judge()

    assert {finding.state for finding in found.values()} == {CheckState.UNDECIDED}
    assert "the writer (pid " in found["X1"].detail
    assert {finding.state for finding in scene.judge().values()} == {CheckState.HOLDS}


def test_who_has_written_is_no_excuse_for_what_is_lost(scene: Scene) -> None:
    scene.sql(f"DELETE FROM message_logs WHERE idempotency_key = '{KEY[1]}'")
    with writing(scene):
        assert scene.violated() == {"X1"}


@contextmanager
def writing(scene: Scene) -> Iterator[None]:
    """Somebody who has written and neither committed nor gone."""
    connection = psycopg2.connect(scene.url, application_name="the writer")
    try:
        with connection.cursor() as cursor:
            cursor.execute(copy_of_1("'somebody'"))
            yield
    finally:
        connection.close()


def test_who_only_reads_disturbs_nobody(scene: Scene) -> None:
    connection = psycopg2.connect(scene.url)
    try:
        connection.cursor().execute("SELECT * FROM message_logs")

        assert {finding.state for finding in scene.judge().values()} == {CheckState.HOLDS}
    finally:
        connection.close()


def test_a_database_that_goes_on_changing_leaves_it_undecided(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.sql(NO_FOREIGN_KEY)
    skip_waits(monkeypatch, lambda: scene.sql("UPDATE users SET location_city = location_city"))
    found = scene.judge()

    assert found["X1"].state == CheckState.UNDECIDED
    assert "message_logs or users changed within" in found["X1"].detail
    assert found["MP2F"].state == CheckState.VIOLATED


def test_a_database_that_comes_to_rest_is_waited_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_waits(monkeypatch, lambda: scene.sql("UPDATE users SET location_city = location_city"), lambda: None)
    seen = observe(scene.url, with_drain(scene, "1h"), scene.sent)

    assert seen.disturbance == ""


@pytest.mark.parametrize(("now", "wait"), [(1, 5.0), (11, 4.0), (14, 1.0), (15, 0.0), (16, 0.0)])
@pytest.mark.parametrize("status", [0, 502, 504])
def test_a_late_commit_is_waited_for_as_long_as_its_request_could_last(
    monkeypatch: pytest.MonkeyPatch, status: int, now: int, wait: float
) -> None:
    monkeypatch.setattr(quiescence, "time_ns", lambda: now * 10**9)
    unanswered, answered = (Outcome.UNKNOWN, status, 10), (Outcome.ACK, 201, 99)

    assert quiescence.late(ledger_of(unanswered, answered), 5.0) == wait


def test_nothing_is_waited_for_if_the_target_has_answered_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiescence, "time_ns", lambda: 0)

    assert quiescence.late(ledger_of((Outcome.ACK, 201, 1), (Outcome.UNKNOWN, 500, 1)), 5.0) == 0.0


Effects = Mapping[str, Mapping[str, Effect]]


def ledger_of(*ops: tuple[Outcome, int, int], effects: Effects = MappingProxyType({})) -> Ledger:
    """Operations of outcome, status and second of start, a second each, by a plan whose kinds have `effects`."""
    lines = [
        {"outcome": int(outcome), "status": status, "start": s * 10**9, "end": (s + 1) * 10**9, "doubt": 0}
        for outcome, status, s in ops
    ]
    plan = replace(varied("sustained"), effects=effects, drain_seconds=20.0)
    return Ledger("r", pd.DataFrame(lines), 0, 0, plan)


@pytest.mark.parametrize(
    ("within", "now", "wait"),
    [(0.0, 5, 0.0), (10.0, 5, 6.0), (10.0, 1, 10.0), (10.0, 11, 0.0), (10.0, 99, 0.0), (30.0, 1, 20.0)],
    ids=["at once", "soon", "just now", "over", "long over", "not longer than the drain"],
)
def test_effects_that_come_later_are_waited_for(
    monkeypatch: pytest.MonkeyPatch, within: float, now: int, wait: float
) -> None:
    """The last operation ended at second 1."""
    monkeypatch.setattr(quiescence, "time_ns", lambda: now * 10**9)
    effects = {"process": {"ACK": Effect(within=1.0), "REJECT": Effect(within=within)}, "repeat": {}}
    if not within:
        effects = {"process": {"ACK": Effect()}}

    assert quiescence.due(ledger_of((Outcome.ACK, 201, 0), effects=effects)) == wait


@pytest.mark.parametrize(
    ("sql", "disturbance"), [("SELECT 7", "the query of [quiesce] still gave 7"), ("SELECT 0", "")]
)
def test_what_the_plan_awaits_and_never_comes_leaves_it_undecided(scene: Scene, sql: str, disturbance: str) -> None:
    scenario = replace(scene.sent.scenario, quiesce=Quiesce(sql, 0.01), drain_seconds=0.0)
    sent = replace(scene.sent, scenario=scenario)

    with reader(scene.url) as session, quiescence.still(session, sent, "SELECT 0", ()) as stillness:
        assert stillness.disturbance == disturbance
