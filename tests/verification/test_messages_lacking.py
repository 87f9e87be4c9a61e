"""A table of messages without times or a status is judged by what it has, and what that leaves out is said."""

import copy
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from harness.check import Finding
from harness.errors import PlanError
from harness.plan.plans import reference
from harness.run import Run
from harness.verdict import CheckState
from schema.messages import tables
from systems import messages
from tests.support.message_scene import KEY, NAMES, Scene, change, clean_scene, query
from tests.support.plans import varied
from tests.support.surroundings import recorded
from verification.messages import case, checks_of, judge, observe, weakened

COLUMNS = {"status": "status", "sent": "sent_at", "created": "created_at", "scheduled_send_time": "scheduled_send_time"}
WITHOUT = {
    "no status": (("status",), set(), "a message counts as sent if it has a time"),
    "no time of sending": (("sent",), {"X6"}, "when it was sent is not known"),
    "no time of storing": (("created",), set(), "known by looks during the load only (X9)"),
    "no due time": (("scheduled_send_time",), set(), "every message counts as due"),
    "no times": (
        ("created", "sent"),
        {"X6"},
        "Left out, as the table of messages has no status and sent or sent and created: X6",
    ),
    "nothing": (tuple(COLUMNS), {"X6", "MP3", "MP8"}, "has no status or sent: MP3, MP8"),
}


def lacking(scene: Scene, columns: tuple[str, ...]) -> Scene:
    """The scene of a service whose table never had these columns."""
    scene.sql("ALTER TABLE message_logs " + ", ".join(f"DROP COLUMN {COLUMNS[one]} CASCADE" for one in columns))
    facts = copy.deepcopy(scene.run.facts)
    facts["plan"]["database"] |= dict.fromkeys(columns, "")
    facts["plan"]["points"] = list(messages.points_of(facts["plan"]["database"]))
    facts |= {"schema": recorded(scene.url)["schema"]}
    return Scene(scene.url, Run(scene.run.folder, facts))


@pytest.fixture
def scene(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return clean_scene(database, tmp_path, monkeypatch)


def held(found: dict[str, Finding]) -> set[str]:
    return {id_ for id_, one in found.items() if one.state is CheckState.HOLDS}


@pytest.mark.parametrize("case_", WITHOUT)
def test_what_is_there_is_judged_and_what_is_not_is_said(scene: Scene, case_: str) -> None:
    columns, left_out, said = WITHOUT[case_]
    whole = set(scene.judge())
    scene = lacking(scene, columns)

    seen = observe(scene.url, scene.run, scene.sent)
    judged = case(scene.sent, seen)
    found = {one.id: one for one in judge(judged)}

    assert {one.id: one.detail for one in found.values() if one.state is CheckState.VIOLATED} == {}
    assert whole - set(found) == left_out
    assert said in " ".join(weakened(judged))
    assert {"X1", "X4", "X5", "MP1", "MP2"} <= held(found)
    assert judged.effects().dtype.names == ("op", "item", *scene.run.scenario.points)


def test_what_is_wrong_is_found_without_the_columns_too(scene: Scene) -> None:
    lost = lacking(scene, ("status", "created"))
    assert lost.violated() == set()
    lost.sql(change(1, "sent_at = NULL"))
    assert lost.violated() == {"MP3"}
    lost.sql(change(1, "sent_at = now()") + change(9, "sent_at = now()"))
    assert lost.violated() == {"MP8"}


def test_a_status_alone_tells_what_was_sent(scene: Scene) -> None:
    scene = lacking(scene, ("sent",))
    scene.sql(change(1, "status = 'FAILED'"))
    assert scene.violated() == {"MP3"}


def test_without_its_message_all_is_lost_all_the_same(scene: Scene) -> None:
    scene = lacking(scene, tuple(COLUMNS))
    scene.sql(f"DELETE FROM message_logs WHERE idempotency_key = '{KEY[1]}'")
    assert "X1" in scene.violated()


def test_the_tables_are_stated_without_them(database: str) -> None:
    names = {**NAMES, **dict.fromkeys(COLUMNS, ""), "users": "people", "messages": "letters"}

    tables(names).create_all(create_engine(database.replace("postgresql://", "postgresql+psycopg2://")))

    found = {
        name
        for (name,) in query(
            database, "SELECT attname FROM pg_attribute WHERE attrelid = 'letters'::regclass AND attnum > 0"
        )
    }
    assert found == {"id", "user_id", "message_type", "message_content", "retry_count", "idempotency_key"}


@pytest.mark.parametrize(
    ("columns", "points"),
    [((), ("stored", "sent")), (("sent",), ("stored",)), (("created",), ("sent",)), (("created", "sent"), ("stored",))],
)
def test_rules_know_the_times_that_there_are(columns: tuple[str, ...], points: tuple[str, ...]) -> None:
    mix = {"mix": {"process": 1}, "rules": ["ratio(errors) < 1%"]}
    database = {**NAMES, **dict.fromkeys(columns, "")}

    assert varied("sustained", table=mix, database=database).points == points
    if columns:
        with pytest.raises(PlanError, match="have one point only"):
            varied("sustained", table={**mix, "rules": ["max(end_to_end) < 5s"]}, database=database)


def test_what_is_due_later_needs_a_due_time() -> None:
    with pytest.raises(PlanError, match="which messages are due is not known: expected a mix without `later`"):
        varied("sustained", database={**NAMES, "scheduled_send_time": ""})


TEXT = "{content} [{key}]"
BODY = {"userId": "{user}", "text": TEXT, "type": "{type}", "due": "{time}"}


def keyless(scene: Scene) -> Scene:
    """The scene of a service that knows no keys: they are in the texts."""
    scene.sql("UPDATE message_logs SET message_content = message_content || ' [' || idempotency_key || ']'")
    scene.sql("ALTER TABLE message_logs DROP COLUMN idempotency_key")
    facts = copy.deepcopy(scene.run.facts)
    facts["plan"]["database"]["key"] = ""
    facts["plan"]["contract"]["body"] = BODY
    facts |= {"schema": recorded(scene.url)["schema"]}
    return Scene(scene.url, Run(scene.run.folder, facts))


def test_without_a_column_of_keys_a_message_is_told_by_the_key_in_its_text(scene: Scene) -> None:
    whole = set(scene.judge())
    scene = keyless(scene)
    seen = observe(scene.url, scene.run, scene.sent)
    found = {one.id: one for one in judge(case(scene.sent, seen))}

    assert {one.id: one.detail for one in found.values() if one.state is CheckState.VIOLATED} == {}
    assert whole - set(found) == {"MP1", "MP1I"}
    assert {"X1", "X3", "X4", "X5", "MP5", "MP6"} <= held(found)
    assert "nothing is known of requests that arrive twice" in " ".join(weakened(case(scene.sent, seen)))


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("DELETE FROM message_logs WHERE message_content LIKE '%0001]'", "X1"),
        ("UPDATE message_logs SET message_content = 'x' || message_content WHERE message_content LIKE '%0001]'", "X5"),
        (
            "INSERT INTO message_logs SELECT gen_random_uuid(), user_id, message_type, message_content, "
            "scheduled_send_time, status, retry_count, created_at, sent_at FROM message_logs "
            "WHERE message_content LIKE '%0001]'",
            "X4",
        ),
        (
            "INSERT INTO message_logs SELECT gen_random_uuid(), user_id, message_type, 'of nobody', "
            "scheduled_send_time, status, retry_count, created_at, sent_at FROM message_logs "
            "WHERE message_content LIKE '%0001]'",
            "X2",
        ),
    ],
)
def test_what_is_wrong_is_found_by_the_key_in_the_text_too(scene: Scene, statement: str, check: str) -> None:
    scene = keyless(scene)
    scene.sql(statement)
    assert check in scene.violated()


def test_kinds_that_send_a_key_again_are_not_sent_and_the_text_needs_the_key() -> None:
    tables_ = {"database": {**NAMES, "key": ""}, "contract": {**reference("messages", "contract"), "body": BODY}}

    scenario = varied("sustained", **tables_)
    assert set(scenario.mix) == {"process", "stranger", "later"}
    titles = {check.id: check.title for check in checks_of(scenario)}
    assert "no key was sent again" in titles["MP7"]
    assert not {"MP1", "MP1I", "MP4", "MP5", "MP6"} & set(titles)
    with pytest.raises(PlanError, match="expected it in its text"):
        varied("sustained", database=tables_["database"])


def test_a_text_with_more_than_the_content_is_what_must_be_stored(scene: Scene) -> None:
    facts = copy.deepcopy(scene.run.facts)
    facts["plan"]["contract"]["body"] = {**BODY, "text": "{content} for {user}", "key": "{key}"}
    scene.sql("UPDATE message_logs SET message_content = message_content || ' for ' || user_id")

    scene = Scene(scene.url, Run(scene.run.folder, facts))

    assert scene.violated() == set()
    scene.sql(f"UPDATE message_logs SET message_content = message_content || '!' WHERE idempotency_key = '{KEY[1]}'")
    assert scene.violated() == {"X5"}
