"""The reference target keeps the contract of the messages, whatever it is sent and how often at once."""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psutil
import psycopg2
import pytest

from harness.stack.process import free_port
from systems import ids
from tests.support import commands
from tests.support.target_process import (
    Target,
    eventually,
    message,
    process,
    query,
    serving,
    with_users,
)

pytestmark = pytest.mark.usefixtures("nurseries")

USERS = 20


@pytest.fixture
def tables(database: str) -> str:
    return with_users(database, USERS)


@pytest.fixture
def target(tables: str) -> Iterator[Target]:
    with serving(tables) as running:
        yield running


def _stored(database: str) -> int:
    count: int = query(database, "SELECT count(*) FROM message_logs")[0][0]
    return count


def test_a_new_message_is_stored_as_sent_and_acknowledged_with_its_id(target: Target, tables: str) -> None:
    answer = target.post(message("key", 3, scheduledSendTime="2026-01-02T05:04:05+02:00"))

    assert answer.status == 201
    assert answer.headers["content-type"] == "application/json"
    assert UUID(answer.body.pop("messageId"))
    assert answer.body == {
        "success": True,
        "userId": ids.uuid_of(3),
        "messageType": "BIRTHDAY",
        "scheduledSendTime": "2026-01-02T05:04:05+02:00",
        "status": "SCHEDULED",
    }
    assert query(
        tables,
        "SELECT user_id::text, message_type, message_content, status, retry_count, idempotency_key, sent_at, "
        "scheduled_send_time = '2026-01-02 03:04:05+00' FROM message_logs",
    ) == [(ids.uuid_of(3), "BIRTHDAY", "many happy returns", "SCHEDULED", 0, "key", None, True)]


def test_the_same_message_again_is_a_replay_of_the_first(target: Target, tables: str) -> None:
    first = target.post(message("key"))
    # The same moment, written otherwise, is the same message.
    again = target.post(message("key", scheduledSendTime="2026-01-02T04:04:05+01:00"))

    assert (again.status, again.body["error"], again.body["same"]) == (409, "duplicate_key", True)
    assert again.body["messageId"] == first.body["messageId"]
    assert _stored(tables) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"userId": ids.uuid_of(2)},
        {"messageType": "ANNIVERSARY"},
        {"scheduledSendTime": "2026-01-02T03:04:06Z"},
        {"messageContent": "another"},
        {"userId": ids.uuid_of(USERS + 1)},
    ],
)
def test_another_message_under_a_used_key_is_a_conflict_and_the_first_is_kept(
    target: Target, tables: str, change: dict[str, str]
) -> None:
    first = target.post(message("key"))
    before = query(tables, "SELECT * FROM message_logs")
    other = target.post(message("key") | change)

    assert (other.status, other.body["error"], other.body["same"]) == (409, "duplicate_key", False)
    assert other.body["messageId"] == first.body["messageId"]
    assert query(tables, "SELECT * FROM message_logs") == before


def test_a_user_that_does_not_exist_is_not_found_and_nothing_is_stored(target: Target, tables: str) -> None:
    answer = target.post(message("key", USERS + 1))

    assert (answer.status, answer.body["error"]) == (404, "user_not_found")
    assert ids.uuid_of(USERS + 1) in answer.body["message"]
    assert _stored(tables) == 0


def test_bad_input_is_refused_with_the_place_of_the_mistake_and_nothing_is_stored(target: Target, tables: str) -> None:
    bad = {
        "no such user id": (message("key") | {"userId": "17"}, "$.userId"),
        "a number for a text": (message("key") | {"messageContent": 17}, "$.messageContent"),
        "an unknown type": (message("key") | {"messageType": "WEDDING"}, "$.messageType"),
        "no moment": (message("key") | {"scheduledSendTime": "tomorrow"}, "$.scheduledSendTime"),
        "a moment of no zone": (message("key") | {"scheduledSendTime": "2026-01-02T03:04:05"}, "$.scheduledSendTime"),
        "a moment before all": (message("key") | {"scheduledSendTime": "0001-01-01T00:00:00+14:00"}, ""),
        "an empty key": (message(""), "$.idempotencyKey"),
        "a key beyond any index": (message("k" * 256), "$.idempotencyKey"),
        "a text that can't be stored": (message("key") | {"messageContent": "a\0b"}, ""),
        "half a character": (message("key") | {"messageContent": "\ud800"}, ""),
        "a list": ([], "array"),
        "null": (None, "null"),
        "nothing": ({}, "userId"),
    }
    for name, (body, place) in bad.items():
        answer = target.post(body)
        assert (name, answer.status) == (name, 400)
        assert answer.body.keys() == {"error", "message", "details"}
        assert place in answer.body["details"][0], name
    for sent in (b"", b"{", b"\xff\xfe", b'{"userId": "\xff"}', b"userId=17"):
        answer = target.ask("POST", "/internal/process-message", sent)
        assert (sent, answer.status) == (sent, 400)
        assert answer.body["details"]
    assert _stored(tables) == 0


def test_each_field_is_required(target: Target) -> None:
    for field in message("key"):
        body = message("key")
        del body[field]
        answer = target.post(body)

        assert answer.status == 400
        assert field in answer.body["details"][0]


def test_an_unknown_route_and_a_wrong_method_are_told_as_json(target: Target) -> None:
    nowhere = target.ask("GET", "/nowhere")
    wrong = target.ask("GET", "/internal/process-message")

    assert (nowhere.status, nowhere.body["error"]) == (404, "not_found")
    assert (wrong.status, wrong.body["error"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")
    assert target.ask("POST", "/health", b"").status == 405


def test_a_body_over_a_mebibyte_is_refused_and_one_just_below_is_not(target: Target, tables: str) -> None:
    rest = len(json.dumps(message("key", messageContent="")))
    fits = target.post(message("key", messageContent="x" * ((1 << 20) - rest)))
    too_long = target.post(message("two", messageContent="x" * ((1 << 20) - rest + 1)))

    assert (fits.status, too_long.status) == (201, 413)
    assert too_long.body["error"] == "body_too_large"
    assert _stored(tables) == 1


def test_one_of_many_at_once_with_one_key_is_stored_and_the_others_are_replays(tables: str) -> None:
    with serving(tables, processes=2) as target, ThreadPoolExecutor(16) as pool:
        for n in range(10):
            answers = list(pool.map(target.post, [message(f"key-{n}")] * 16))

            assert Counter(answer.status for answer in answers) == {201: 1, 409: 15}
            assert len({answer.body["messageId"] for answer in answers}) == 1
            assert all(answer.body["same"] for answer in answers if answer.status == 409)
    assert _stored(tables) == 10


def test_a_key_that_is_being_used_is_waited_for(target: Target, tables: str) -> None:
    other = psycopg2.connect(tables)
    try:
        with ThreadPoolExecutor(1) as pool, other.cursor() as cursor:
            cursor.execute(
                "INSERT INTO message_logs (user_id, message_type, message_content, scheduled_send_time, "
                f"idempotency_key) VALUES ('{ids.uuid_of(1)}', 'BIRTHDAY', 'x', now(), 'key')"
            )
            answer = pool.submit(target.post, message("key"))
            eventually(lambda: query(tables, "SELECT 1 FROM pg_locks WHERE NOT granted"), target.process)
            other.rollback()
            assert answer.result().status == 201
    finally:
        other.close()


def test_a_user_who_is_deleted_meanwhile_is_not_found(target: Target, tables: str) -> None:
    other = psycopg2.connect(tables)
    try:
        with ThreadPoolExecutor(1) as pool, other.cursor() as cursor:
            cursor.execute(f"DELETE FROM users WHERE id = '{ids.uuid_of(1)}'")
            answer = pool.submit(target.post, message("key", 1))
            eventually(lambda: query(tables, "SELECT 1 FROM pg_locks WHERE NOT granted"), target.process)
            other.commit()
            assert answer.result().status == 404
    finally:
        other.close()


def test_who_listens_is_told_of_each_new_message_and_of_nothing_else(target: Target, tables: str) -> None:
    listener = psycopg2.connect(tables)
    try:
        listener.autocommit = True
        with listener.cursor() as cursor:
            cursor.execute("LISTEN messages_scheduled")
            target.post(message("key"))
            target.post(message("key"))
            target.post(message("two", USERS + 1))
            cursor.execute("SELECT 1")

            assert [told.channel for told in listener.notifies] == ["messages_scheduled"]
    finally:
        listener.close()


def test_no_statement_leaves_anything_in_its_session(target: Target, tables: str) -> None:
    """The pool gives connections on without a reset, which is sound only so."""
    for key in ("key", "key", "two"):
        target.post(message(key, 1 if key == "key" else USERS + 1))

    sessions = "FROM pg_stat_activity WHERE application_name = 'proofload-target'"
    assert query(tables, f"SELECT count(*), count(DISTINCT state), min(state) {sessions}") == [(8, 1, "idle")]
    assert query(tables, f"SELECT count(*) FROM pg_locks WHERE pid IN (SELECT pid {sessions})") == [(0,)]


def test_health_says_who_answers(target: Target) -> None:
    answer = target.ask("GET", "/health")

    assert (answer.status, answer.body) == (200, {"status": "UP", "system": "messages", "proofload": 1})


def test_health_is_down_while_the_database_does_not_answer_and_up_again_after(target: Target, tables: str) -> None:
    name = tables.rsplit("/", 1)[1]
    server = tables.rsplit("/", 1)[0] + "/postgres"
    query(server, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
    query(server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    down = eventually(lambda: answer if (answer := target.ask("GET", "/health")).status != 200 else None)
    assert (down.status, down.body["status"]) == (503, "DOWN")
    assert target.post(message("key")).status == 500

    query(server, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    eventually(target.is_up, target.process)
    assert target.post(message("key")).status == 201


@pytest.mark.parametrize("processes", [1, 2])
def test_a_server_that_is_told_to_stop_ends_well(tables: str, processes: int) -> None:
    with serving(tables, processes) as target:
        assert target.post(message("key")).status == 201
        target.process.send_signal(signal.SIGTERM)

        assert target.process.wait(60) == 0
        assert not target.is_up()


def test_each_process_has_its_connections(tables: str) -> None:
    with serving(tables, processes=3):
        count = "SELECT count(*) = 24 FROM pg_stat_activity WHERE application_name = 'proofload-target'"
        assert eventually(lambda: query(tables, count)[0][0])


def test_all_end_with_failure_if_one_process_dies(tables: str) -> None:
    with serving(tables, processes=2) as target:
        one, other = psutil.Process(target.process.pid).children()
        one.kill()

        assert target.process.wait(60) == 1
        assert not target.is_up()
        assert not other.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")
def test_no_process_outlives_a_parent_that_was_killed(tables: str) -> None:
    with serving(tables, processes=2) as target:
        target.process.kill()

        eventually(lambda: not target.is_up())


def test_a_taken_port_is_not_shared(target: Target, tables: str) -> None:
    with process(tables, "serve", "--port", str(target.port), "--processes", "1", "--pool", "8") as second:
        assert second.wait(60) == 2
    assert target.is_up()


def test_a_mistake_on_the_command_line_is_told_with_what_is_known() -> None:
    serve = ["serve", "--port", str(free_port()), "--pool", "8", "--processes"]
    mistakes = {
        ("mesages", *serve, "1"): "messages",
        ("messages", *serve, "0"): "expected 1 or more",
        ("messages", *serve, "1", "--fault", "key_lost"): "key_ignored",
        ("messages", *serve, "1"): "DATABASE_URL is not set",
    }
    for arguments, told in mistakes.items():
        done = commands.run("target", *arguments, environment=os.environ | {"DATABASE_URL": ""})
        assert done.returncode == 2
        assert told in done.stderr
