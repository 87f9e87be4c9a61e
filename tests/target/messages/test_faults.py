"""Each fault of the messages does what it says, so that a check which stays silent beside it is at fault."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from systems import ids
from target import faults
from target.messages.api import Process, Store
from target.messages.delivery import Delivery
from target.messages.wrong_deliveries import ONE_IN_TEN
from tests.support.target_process import Answer, Target, delivering, eventually, message, query, serving, with_users

pytestmark = pytest.mark.usefixtures("nurseries")

RUN = "20261120T235501-abcd"
OPERATIONS = 40
USERS = 50


@pytest.fixture
def tables(database: str) -> str:
    return with_users(database, USERS)


def _key(op: int) -> str:
    return ids.key(RUN, op)


def _send(target: Target) -> dict[str, Answer]:
    """One new message to each of forty users: the answers by key."""
    return {_key(n): target.post(message(_key(n), n)) for n in range(1, OPERATIONS + 1)}


def _keys(database: str, condition: str = "true") -> list[str]:
    found = query(database, f"SELECT idempotency_key FROM message_logs WHERE {condition} ORDER BY 1")
    return [key for (key,) in found]


def _acknowledged(answers: dict[str, Answer]) -> set[str]:
    return {key for key, answer in answers.items() if answer.status == 201}


def _send_and_deliver(database: str, fault: str, until: Callable[[], bool]) -> None:
    """Forty messages, and a faulty worker that delivers them until `until`."""
    with serving(database) as target:
        _send(target)
    with delivering(database, fault=fault) as worker:
        eventually(until, worker)


def test_every_fault_has_a_name_of_its_own_a_sentence_and_a_check_and_replaces_something() -> None:
    for name, fault in faults.of("messages").items():
        assert fault.name == name != faults.CLEAN.name
        assert fault.what
        assert fault.caught_by
        assert any(fault.part(clean) is not clean for clean in (Store, Process, Delivery))
    assert len(faults.of("messages")) == 37
    assert faults.of("no such system") == {}


def test_faults_joined_by_plus_are_had_at_once() -> None:
    both = faults.named("messages", "body_altered+repeat_refused+lost_delivery")

    assert both
    assert [part.__name__ for part in both.part(Store).__mro__[1:4]] == ["BodyAltered", "RepeatRefused", "Store"]
    assert both.part(Delivery).__name__ == "LostDelivery"
    assert both.part(Process) is Process
    assert both.caught_by == ("X5", "MP7", "MP3")
    assert faults.named("messages", "body_altered+no_such_fault") is None
    assert faults.named("messages", "none") is faults.CLEAN


@pytest.mark.parametrize("fault", ["ack_before_commit", "swallowed_error"])
def test_some_acknowledged_messages_are_not_there(tables: str, fault: str) -> None:
    with serving(tables, fault=fault) as target:
        answers = _send(target)

    assert len(_acknowledged(answers)) == OPERATIONS
    assert len(_acknowledged(answers) - set(_keys(tables))) == 4


def test_key_ignored_stores_a_message_each_time_it_is_sent(tables: str) -> None:
    with serving(tables, fault="key_ignored") as target:
        answers = [target.post(message(_key(1))) for _ in range(3)]
        stranger = target.post(message(_key(2), USERS + 1))

    assert [answer.status for answer in answers] == [201] * 3
    assert stranger.status == 404
    assert _keys(tables) == [_key(1)] * 3


def test_key_selected_stores_twice_what_is_sent_twice_at_once_but_not_after(tables: str) -> None:
    with serving(tables, fault="key_selected") as target, ThreadPoolExecutor(2) as pool:
        statuses = Counter(answer.status for answer in pool.map(target.post, [message(_key(1))] * 2))
        later = target.post(message(_key(1)))

    assert statuses == {201: 2}
    assert (later.status, later.body["same"]) == (409, True)
    assert _keys(tables) == [_key(1)] * 2


def test_no_index_serves_keys_as_promised_and_nothing_keeps_them_unique(tables: str) -> None:
    with serving(tables, fault="no_index") as target, ThreadPoolExecutor(8) as pool:
        statuses = Counter(answer.status for answer in pool.map(target.post, [message(_key(1))] * 8))
        conflict = target.post(message(_key(1), 2))
        stranger = target.post(message(_key(2), USERS + 1))

    assert statuses == {201: 1, 409: 7}
    assert (conflict.status, conflict.body["same"], stranger.status) == (409, False, 404)
    indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = 'message_logs' AND indexdef ~ 'idempotency_key'"
    assert query(tables, indexes) == [(0,)]


def test_orphaned_leaves_messages_of_users_who_are_gone(tables: str) -> None:
    with serving(tables, fault="orphaned") as target:
        answers = _send(target)

    assert len(_acknowledged(answers)) == OPERATIONS
    orphans = "SELECT count(*) FROM message_logs m WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = m.user_id)"
    assert query(tables, orphans) == [(2,)]


def test_reject_after_write_refuses_what_is_there(tables: str) -> None:
    with serving(tables, fault="reject_after_write") as target:
        answers = _send(target)

    refused = [answer.body["same"] for answer in answers.values() if answer.status == 409]
    assert refused == [False] * 4
    assert set(_keys(tables)) == set(answers)


def test_body_altered_stores_another_content(tables: str) -> None:
    with serving(tables, fault="body_altered") as target:
        answers = _send(target)

    assert len(_acknowledged(answers)) == OPERATIONS
    assert len(_keys(tables, "message_content <> 'many happy returns'")) == 4


def test_phantom_row_stores_what_nobody_sent_under_keys_of_the_run(tables: str) -> None:
    with serving(tables, fault="phantom_row") as target:
        answers = _send(target)

    phantoms = set(_keys(tables)) - set(answers)
    assert len(phantoms) == 4
    for key in phantoms:
        assert key.startswith(f"{RUN}-")
        assert 0 < int(key[-16:], 16) < 2**63


def test_replay_other_id_is_not_the_id_of_the_first_answer(tables: str) -> None:
    with serving(tables, fault="replay_other_id") as target:
        first = target.post(message(_key(1)))
        again = target.post(message(_key(1)))
        conflict = target.post(message(_key(1), 2))

    assert (again.status, again.body["same"]) == (409, True)
    assert again.body["messageId"] != first.body["messageId"]
    assert (conflict.body["messageId"], conflict.body["same"]) == (first.body["messageId"], False)


def test_conflict_overwrites_the_first_body_and_calls_it_a_replay(tables: str) -> None:
    with serving(tables, fault="conflict_overwrites") as target:
        first = target.post(message(_key(1)))
        other = target.post(message(_key(1), messageContent="another"))
        stranger = target.post(message(_key(2), USERS + 1))

    assert (other.status, other.body["same"], stranger.status) == (409, True, 404)
    assert other.body["messageId"] == first.body["messageId"]
    assert query(tables, "SELECT message_content FROM message_logs") == [("another",)]


def test_pool_changed_renames_users(tables: str) -> None:
    with serving(tables, fault="pool_changed") as target:
        _send(target)

    assert query(tables, "SELECT count(*) FROM users WHERE first_name <> 'PerfUser'") == [(4,)]


@pytest.mark.parametrize(("fault", "status"), [("every_429", 429), ("every_401", 401)])
def test_every_message_is_answered_alike_and_none_is_stored(tables: str, fault: str, status: int) -> None:
    with serving(tables, fault=fault) as target:
        answers = _send(target)

    assert {answer.status for answer in answers.values()} == {status}
    assert _keys(tables) == []


def test_fail_after_commit_fails_for_a_third_of_what_is_stored(tables: str) -> None:
    with serving(tables, fault="fail_after_commit") as target:
        answers = _send(target)

    assert Counter(answer.status for answer in answers.values()) == {201: 27, 500: 13}
    assert set(_keys(tables)) == set(answers)


def test_slow_one_percent_makes_the_sixtieth_wait_a_second(tables: str) -> None:
    with serving(tables, fault="slow_one_percent") as target:
        for n in range(1, 60):
            target.post(message(_key(n)))
        ((sent,),) = query(tables, "SELECT clock_timestamp()")
        target.post(message(_key(60)))

    after = "SELECT created_at - %s >= interval '1 s' FROM message_logs WHERE idempotency_key = %s"
    assert query(tables, after, sent, _key(60)) == [(True,)]


def test_torn_delivery_is_sent_without_a_moment(tables: str) -> None:
    _send_and_deliver(tables, "torn_delivery", lambda: not _keys(tables, "status = 'SCHEDULED'"))

    assert len(_keys(tables, "status = 'SENT' AND sent_at IS NULL")) == 4


def test_lost_delivery_never_happens(tables: str) -> None:
    _send_and_deliver(tables, "lost_delivery", lambda: not _keys(tables, f"status = 'SCHEDULED' AND NOT {ONE_IN_TEN}"))

    lost = _keys(tables, "status = 'SCHEDULED'")
    assert lost == _keys(tables, ONE_IN_TEN)
    assert lost


def test_failed_delivery_ends_in_failed(tables: str) -> None:
    _send_and_deliver(tables, "failed_delivery", lambda: not _keys(tables, "status = 'SCHEDULED'"))

    failed = _keys(tables, "status = 'FAILED' AND retry_count = 4")
    assert failed == _keys(tables, ONE_IN_TEN)
    assert failed


def test_redelivered_moves_the_moment_of_what_was_sent(tables: str) -> None:
    first: list[datetime] = []

    def moved() -> bool:
        if _keys(tables, "sent_at IS NULL"):
            return False
        ((latest,),) = query(tables, "SELECT max(sent_at) FROM message_logs")
        first.append(latest)
        return bool(latest > first[0])

    _send_and_deliver(tables, "redelivered", moved)

    assert len(_keys(tables)) == OPERATIONS
