"""Each fault of the authorizations does what it says, so that a check which stays silent beside it is at fault."""

from collections import Counter
from collections.abc import Callable

import pytest

from systems import authorizations as facts
from systems import ids
from target import faults
from target.authorizations.api import Api
from target.authorizations.strategies import STRATEGIES, Strategy
from target.authorizations.tokens import Tokens
from target.authorizations.unit_store import Store
from tests.support.authorization_target import (
    FOREIGN,
    HOT,
    OPERATIONS,
    RUN,
    SPREAD,
    counters,
    key,
    movements,
    moving,
    sums_differ,
    token,
    with_authorizations,
)
from tests.support.target_process import Answer, query

pytestmark = pytest.mark.usefixtures("nurseries")


@pytest.fixture
def tables(database: str) -> str:
    return with_authorizations(database)


def _keys(database: str) -> set[str]:
    return {one for _, _, _, one, _ in movements(database)}


def _statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def _until(seen: Callable[[int], bool]) -> None:
    """What needs operations to meet happens in one of some rounds, however slow the machine is."""
    assert any(seen(n) for n in range(20))


def _has_constraint(database: str, name: str) -> bool:
    return bool(query(database, "SELECT 1 FROM pg_constraint WHERE conname = %s", name))


def test_every_fault_has_a_name_of_its_own_a_sentence_and_a_check_and_replaces_something() -> None:
    for name, fault in faults.of("authorizations").items():
        assert fault.name == name != faults.CLEAN.name
        assert fault.what
        assert fault.caught_by
        assert any(fault.part(clean) is not clean for clean in (Strategy, Store, Api, Tokens))
    assert len(faults.of("authorizations")) == 38


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_clean_target_does_nothing_of_all_this(tables: str, strategy: str) -> None:
    with moving(tables, strategy=strategy) as units:
        answers = units.forty()
        repeated = units.forty()

    assert _statuses(answers) == {200: OPERATIONS}
    assert [answer.body["version"] for answer in answers] == list(range(1, OPERATIONS + 1))
    for n, answer in enumerate(answers, 1):
        assert answer.body["id"] == ids.uuid_of(SPREAD)
        assert answer.body["scheduledUnits"] == 500 + 5 * n
        assert answer.body["availableUnits"] == 500 - 5 * n
    assert [answer.body for answer in repeated] == [answers[-1].body | {"replayed": True}] * OPERATIONS
    assert movements(tables) == [(SPREAD, "reserve", 5, key(n), 1) for n in range(1, OPERATIONS + 1)]
    assert not sums_differ(tables)
    assert _has_constraint(tables, "authorizations_units_check") == (strategy != "none_rc")
    assert _has_constraint(tables, "unit_movements_idempotency_key_key")


def test_a_fault_and_a_strategy_can_be_combined_but_a_fault_that_is_one_comes_in_place_of_all(tables: str) -> None:
    with moving(tables, "commits_but_rejects", "for_update") as units:
        assert _statuses(units.forty()) == {200: 36, 409: 4}
    with moving(tables, "none_rc", "for_update"):
        assert not _has_constraint(tables, "authorizations_units_check")


def test_none_rc_gives_several_moves_one_version_and_loses_all_but_one_of_them(tables: str) -> None:
    with moving(tables, "none_rc") as units:
        _until(lambda n: len({answer.body["version"] for answer in units.eight(n)}) < 8)

    assert sums_differ(tables)


def test_overbooked_promises_the_last_units_several_times(tables: str) -> None:
    def overbooked(n: int) -> bool:
        number = HOT + n % 5
        units.reserve(number, 45, f"most-{number}")
        answers = units.at_once(3, number, 5, [key(3 * n + m) for m in range(3)])
        return any(answer.body.get("availableUnits", 0) < 0 for answer in answers)

    with moving(tables, "overbooked") as units:
        _until(overbooked)

    assert query(tables, "SELECT 1 FROM authorizations WHERE used_units + scheduled_units > total_units")
    assert not sums_differ(tables)


def test_check_then_insert_does_twice_what_is_sent_twice_at_once_but_not_after(tables: str) -> None:
    def twice(n: int) -> bool:
        return not any(answer.body["replayed"] for answer in units.at_once(2, SPREAD, 5, [key(n)] * 2))

    with moving(tables, "check_then_insert") as units:
        _until(twice)
        units.reserve(SPREAD, 5, "alone")
        assert units.reserve(SPREAD, 5, "alone").body["replayed"] is True

    stored = Counter(one for _, _, _, one, _ in movements(tables))
    assert max(stored.values()) == 2
    assert stored["alone"] == 1
    assert not sums_differ(tables)


def test_no_retry_fails_where_transactions_meet(tables: str) -> None:
    with moving(tables, "no_retry") as units:
        _until(lambda n: 500 in _statuses(units.eight(n)))
        assert units.reserve(SPREAD, 5, "alone").status == 200

    assert not sums_differ(tables)


def test_retry_last_statement_writes_what_a_transaction_computed_that_was_rolled_back(tables: str) -> None:
    with moving(tables, "retry_last_statement") as units:
        _until(lambda n: len({answer.body["version"] for answer in units.eight(n)}) < 8)

    assert sums_differ(tables)


def test_version_not_compared_gives_several_moves_one_version_and_keeps_the_units(tables: str) -> None:
    with moving(tables, "version_not_compared") as units:
        _until(lambda n: len({answer.body["version"] for answer in units.eight(n)}) < 8)

    used, scheduled, version = counters(tables, SPREAD)
    assert (used, scheduled) == (0, 500 + len(movements(tables)))
    assert version < len(movements(tables))


def test_duplicate_is_success_answers_another_move_under_a_used_key_as_if_it_were_done(tables: str) -> None:
    with moving(tables, "duplicate_is_success") as units:
        first = units.reserve(SPREAD, 5, key(1))
        other = units.reserve(SPREAD, 6, key(1))
        again = units.reserve(SPREAD, 5, key(1))

    assert (other.status, other.body) == (200, first.body)
    assert again.body == first.body | {"replayed": True}
    assert movements(tables) == [(SPREAD, "reserve", 5, key(1), 1)]
    assert not sums_differ(tables)


@pytest.mark.parametrize("kind", facts.MOVES)
def test_double_consume_moves_the_units_of_a_replay_again(tables: str, kind: str) -> None:
    with moving(tables, "double_consume") as units:
        first = units.move(kind, SPREAD, 5, key(1))
        again = units.move(kind, SPREAD, 5, key(1))

    assert (first.body["replayed"], again.body["replayed"]) == (False, True)
    assert again.body["version"] == 2
    assert again.body["scheduledUnits"] == (510 if kind == "reserve" else 490)
    assert len(movements(tables)) == 1


def test_release_not_keyed_stores_releases_under_other_keys_of_the_run_each_time_they_are_sent(tables: str) -> None:
    with moving(tables, "release_not_keyed") as units:
        reserved = units.reserve(SPREAD, 5, key(1))
        released = [units.move("release", SPREAD, 5, key(2)) for _ in range(2)]

    assert [answer.body["replayed"] for answer in (reserved, *released)] == [False] * 3
    others = _keys(tables) - {key(1)}
    assert len(others) == 2
    for other in others:
        assert other.startswith(f"{RUN}-")
        assert 0 < int(other[-16:], 16) < 2**63
    assert not sums_differ(tables)


def test_commits_but_rejects_refuses_what_is_there(tables: str) -> None:
    with moving(tables, "commits_but_rejects") as units:
        answers = units.forty()

    assert _statuses(answers) == {200: 36, 409: 4}
    assert len(_keys(tables)) == OPERATIONS
    assert not sums_differ(tables)


@pytest.mark.parametrize("fault", ["ack_before_commit", "swallowed_error"])
def test_some_acknowledged_moves_are_not_there(tables: str, fault: str) -> None:
    with moving(tables, fault) as units:
        answers = units.forty()

    assert _statuses(answers) == {200: OPERATIONS}
    assert len(_keys(tables)) == 36
    assert not sums_differ(tables)


def test_stale_reads_show_what_was_before(tables: str) -> None:
    with moving(tables, "stale_reads") as units:
        versions = [answer.body["version"] for answer in units.forty()]

    assert [n for n, version in enumerate(versions, 1) if version == n - 1] == [10, 20, 30, 40]
    assert not sums_differ(tables)


def test_spurious_reject_refuses_reserves_though_there_are_units_and_replays_as_ever(tables: str) -> None:
    with moving(tables, "spurious_reject") as units:
        answers = units.forty()
        again = [units.reserve(SPREAD, 5, key(1)) for _ in range(20)]

    assert _statuses(answers) == {200: 36, 409: 4}
    assert _statuses(again) == {200: 20}
    assert len(_keys(tables)) == 36
    assert not sums_differ(tables)


def test_tenant_ignored_moves_the_units_of_others(tables: str) -> None:
    with moving(tables, "tenant_ignored") as units:
        assert units.reserve(FOREIGN, 5, key(1)).status == 200
        assert units.reserve(999, 5, key(2)).status == 404

    assert movements(tables) == [(FOREIGN, "reserve", 5, key(1), 1)]


def test_token_ignored_believes_who_signed_nothing_but_not_who_says_nothing(tables: str) -> None:
    forged = f"Bearer {token().rpartition('.')[0]}.c2lnbmVkLWJ5LW5vYm9keQ"
    with moving(tables, "token_ignored") as units:
        assert units.move("reserve", SPREAD, 5, key(1), Authorization=forged).status == 200
        assert units.move("reserve", SPREAD, 5, key(2), Authorization="Bearer 17").status == 401


def test_half_written_stores_movements_and_no_counters(tables: str) -> None:
    with moving(tables, "half_written") as units:
        answers = units.forty()
        refused = [units.reserve(SPREAD, 5000, "many") for _ in range(10)]

    assert _statuses(answers) == {200: OPERATIONS}
    assert _statuses(refused) == {409: 10}
    assert len(_keys(tables)) == OPERATIONS
    assert counters(tables, SPREAD) == (0, 500 + 36 * 5, 36)


def test_wrong_units_stores_a_unit_more_than_was_moved(tables: str) -> None:
    with moving(tables, "wrong_units") as units:
        answers = units.forty()

    assert _statuses(answers) == {200: OPERATIONS}
    assert Counter(units for _, _, units, _, _ in movements(tables)) == {5: 36, 6: 4}
    assert counters(tables, SPREAD) == (0, 500 + 40 * 5, 40)


def test_another_authorization_is_shown_for_the_one_that_was_moved(tables: str) -> None:
    with moving(tables, "another_authorization") as units:
        shown = Counter(answer.body["id"] for answer in units.forty())

    assert shown.pop(ids.uuid_of(SPREAD)) == 36
    assert {facts.organization_of(int(one[-12:])) for one in shown} <= {2, 3}
    assert len(_keys(tables)) == OPERATIONS
    assert not sums_differ(tables)


def test_leaks_alters_a_movement_that_was_stored_long_before(tables: str) -> None:
    with moving(tables, "leaks") as units:
        units.forty()

    in_order = "SELECT idempotency_key FROM unit_movements ORDER BY created_at"
    assert [one for (one,) in query(tables, in_order)][-2:] == [key(40), key(20)]
    assert len(_keys(tables)) == OPERATIONS
    assert not sums_differ(tables)


def test_pool_changed_gives_patients_to_other_organizations(tables: str) -> None:
    with moving(tables, "pool_changed") as units:
        assert _statuses(units.forty()) == {200: OPERATIONS}

    strangers = "patients p ON p.id = a.patient_id AND p.organization_id <> a.organization_id"
    assert query(tables, f"SELECT 1 FROM authorizations a JOIN {strangers} WHERE a.id = %s", ids.uuid_of(SPREAD))
    assert not sums_differ(tables)


def test_unbalanced_answers_do_not_add_up(tables: str) -> None:
    with moving(tables, "unbalanced") as units:
        said = [answer.body for answer in units.forty()]

    assert Counter(one["scheduledUnits"] + one["availableUnits"] for one in said) == {1000: 36, 1001: 4}
    assert not sums_differ(tables)


def test_fail_after_commit_fails_for_a_third_of_what_is_stored(tables: str) -> None:
    with moving(tables, "fail_after_commit") as units:
        assert _statuses(units.forty()) == {200: 27, 500: 13}

    assert len(_keys(tables)) == OPERATIONS
    assert not sums_differ(tables)
