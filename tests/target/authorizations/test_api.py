"""The reference target keeps the contract of the authorizations, whatever it is sent and how often at once."""

import os
import time
from collections.abc import Iterator
from types import SimpleNamespace

import jwt
import pytest

from harness.stack.process import free_port
from systems import ids
from systems.authorizations import CLAIM_ORGANIZATION, MOVES
from target.authorizations import tokens
from target.authorizations.strategies import STRATEGIES
from tests.support import commands
from tests.support.authorization_target import (
    FOREIGN,
    HOT,
    KEY,
    SPREAD,
    Units,
    counters,
    movements,
    moving,
    path,
    sums_differ,
    token,
    with_authorizations,
)
from tests.support.target_process import CONNECTIONS, query

pytestmark = pytest.mark.usefixtures("nurseries")


@pytest.fixture
def tables(database: str) -> str:
    return with_authorizations(database)


@pytest.fixture
def units(tables: str) -> Iterator[Units]:
    with moving(tables) as running:
        yield running


def _nothing_changed(database: str) -> bool:
    return not movements(database) and not sums_differ(database)


def test_a_move_changes_the_counters_raises_the_version_and_is_stored(units: Units, tables: str) -> None:
    body = {"id": ids.uuid_of(SPREAD), "totalUnits": 1000, "replayed": False}
    for version, (kind, moved, used, scheduled) in enumerate(
        [("reserve", 500, 0, 1000), ("release", 300, 0, 700), ("consume", 700, 700, 0), ("reserve", 1, 700, 1)], 1
    ):
        answer = units.move(kind, SPREAD, moved, f"key-{version}", 1 + version % 4)

        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-serialization-retries"] == "0"
        assert answer.body == body | {
            "usedUnits": used,
            "scheduledUnits": scheduled,
            "availableUnits": 1000 - used - scheduled,
            "version": version,
        }
        assert counters(tables, SPREAD) == (used, scheduled, version)
        assert movements(tables)[-1] == (SPREAD, kind, moved, f"key-{version}", 1 + version % 4)
        assert units.read(SPREAD).body == answer.body
    assert not sums_differ(tables)


def test_a_move_of_more_units_than_there_are_is_refused_and_its_key_is_not_used(units: Units, tables: str) -> None:
    for kind, number, moved in [("reserve", HOT, 51), ("release", SPREAD, 501), ("consume", SPREAD, 501)]:
        refused = units.move(kind, number, moved, kind)
        assert (refused.status, refused.body["error"]) == (409, "insufficient_units")
        assert refused.headers["x-serialization-retries"] == "0"
        assert _nothing_changed(tables)
    assert units.reserve(HOT, 50, "reserve").body["replayed"] is False


@pytest.mark.parametrize("kind", MOVES)
def test_the_same_move_again_is_a_replay_that_shows_what_is_now(units: Units, tables: str, kind: str) -> None:
    first = units.move(kind, SPREAD, 300, "key")
    later = units.reserve(SPREAD, 1, "later")
    before = query(tables, "SELECT * FROM unit_movements ORDER BY id")
    again = units.move(kind, SPREAD, 300, "key")

    assert (first.status, first.body["replayed"], first.body["version"]) == (200, False, 1)
    assert (again.status, again.body) == (200, later.body | {"replayed": True})
    assert query(tables, "SELECT * FROM unit_movements ORDER BY id") == before
    assert not sums_differ(tables)


def test_a_key_that_was_used_for_something_else_is_refused_and_the_first_is_kept(units: Units, tables: str) -> None:
    units.reserve(SPREAD, 5, "key")
    before = query(tables, "SELECT * FROM unit_movements")
    for other in (
        units.reserve(HOT, 5, "key"),
        units.move("release", SPREAD, 5, "key"),
        units.reserve(SPREAD, 6, "key"),
        units.reserve(SPREAD, 5000, "key"),
        units.reserve(SPREAD, 5, "key", practitioner=2),
    ):
        assert (other.status, other.body["error"]) == (422, "idempotency_key_reused")
    assert query(tables, "SELECT * FROM unit_movements") == before
    assert not sums_differ(tables)


def test_another_organizations_authorization_is_neither_shown_nor_moved(units: Units, tables: str) -> None:
    assert units.reserve(FOREIGN, 5, "own", practitioner=5).status == 200
    for answer in (
        *(units.move(kind, FOREIGN, 5, kind) for kind in MOVES),
        units.reserve(FOREIGN, 5, "own"),
        units.reserve(FOREIGN, 5000, "many"),
        units.read(FOREIGN),
    ):
        assert (answer.status, answer.body["error"]) == (403, "forbidden")
        assert ids.uuid_of(FOREIGN) not in str(answer.body)
    assert [key for _, _, _, key, _ in movements(tables)] == ["own"]


def test_what_does_not_exist_is_not_found(units: Units, tables: str) -> None:
    assert [units.reserve(999, 5, "key").status, units.read(999).status] == [404, 404]
    for place in ("/api/authorizations/17", "/api/authorizations/17/reserve", path(HOT, "refund"), "/nowhere"):
        for method in ("GET", "POST"):
            answer = units.target.ask(method, place, b'{"units": 5}')
            assert (answer.status, answer.body["error"]) == (404, "not_found")
    assert units.target.ask("GET", path(HOT, "reserve")).headers["allow"] == "POST"
    assert units.target.ask("POST", path(HOT)).status == 405
    assert _nothing_changed(tables)


def test_who_has_no_good_token_gets_nothing(units: Units, tables: str) -> None:
    unsigned = jwt.encode(jwt.decode(token(), options={"verify_signature": False}), None, algorithm="none")
    bad = {
        "none": "",
        "no token": "Bearer ",
        "another scheme": f"Basic {token()}",
        "no scheme": token(),
        "no JWT": "Bearer 17",
        "not even text": "Bearer \xff.\xff.\xff",
        "signed by another": f"Bearer {token(key='a key that nobody gave to the target')}",
        "signed in another way": f"Bearer {token(algorithm='HS384')}",
        "signed by nobody": f"Bearer {unsigned}",
        "another signature": f"Bearer {token().rpartition('.')[0]}.c2lnbmVkLWJ5LW5vYm9keQ",
        "expired": f"Bearer {token(exp=int(time.time()) - 1)}",
        "never to expire": f"Bearer {token(exp=None)}",
        "of nobody": f"Bearer {token(sub=None)}",
        "of no id": f"Bearer {token(sub='17')}",
        "of no organization": f"Bearer {token(**{CLAIM_ORGANIZATION: None})}",
        "of a number": f"Bearer {token(**{CLAIM_ORGANIZATION: 17})}",
        "of a practitioner who doesn't exist": f"Bearer {token(sub=ids.uuid_of(99))}",
    }
    for name, header in bad.items():
        answer = units.move("reserve", HOT, 5, "key", Authorization=header)
        assert (name, answer.status, answer.body["error"]) == (name, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["x-serialization-retries"] == "0"
    for header in ("", f"Bearer {token(key='a key that nobody gave to the target')}"):
        assert units.target.ask("GET", path(HOT), None, {"Authorization": header}).status == 401
    assert units.target.ask("POST", path(HOT, "reserve"), b'{"units": 5}', {"Idempotency-Key": "key"}).status == 401
    assert _nothing_changed(tables)


def test_a_token_that_is_remembered_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    known = tokens.Tokens(KEY)
    header = f"bearer {token(exp=int(time.time()) + 60)}"
    assert known.claims(header) is known.claims(header)

    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: time.time() + 61))
    with pytest.raises(tokens.Unauthorized, match="expired"):
        known.claims(header)


def test_bad_input_is_refused_with_the_place_of_the_mistake_and_nothing_is_stored(units: Units, tables: str) -> None:
    for bad in (0, -5, 2**31, 10**30, "5", 5.5, None, True, [5]):
        answer = units.reserve(HOT, bad, "key")
        assert (bad, answer.status, answer.body["error"]) == (bad, 400, "invalid_request")
        assert "$.units" in answer.body["details"][0]
    for key in ("", "k" * 256):
        answer = units.reserve(HOT, 5, key)
        assert (answer.status, answer.body["error"]) == (400, "invalid_request")
        assert f"Idempotency-Key of {len(key)} characters" in answer.body["details"][0]
    who = {"Authorization": f"Bearer {token()}"}
    assert units.target.ask("POST", path(HOT, "reserve"), b'{"units": 5}', who).status == 400
    headers = who | {"Idempotency-Key": "key"}
    for body, status in (
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"{}", 400),
        (b"[]", 400),
        (b" " * 2**20 + b"{", 413),
    ):
        answer = units.target.ask("POST", path(HOT, "reserve"), body, headers)
        assert (body[:4], answer.status, answer.headers["x-serialization-retries"]) == (body[:4], status, "0")
    assert _nothing_changed(tables)
    assert units.reserve(HOT, 5, "k" * 255).status == 200


def test_no_move_leaves_anything_in_its_session(units: Units, tables: str) -> None:
    """The pool gives connections on without a reset, which is sound only so."""
    for key in ("key", "key", "two"):
        units.reserve(HOT, 30, key)

    sessions = "FROM pg_stat_activity WHERE application_name = 'proofload-target'"
    assert query(tables, f"SELECT count(*), min(state), max(state) {sessions}") == [(CONNECTIONS, "idle", "idle")]
    assert query(tables, f"SELECT count(*) FROM pg_locks WHERE pid IN (SELECT pid {sessions}) AND mode ~ 'Exc'") == [
        (0,)
    ]


def test_health_says_who_answers(units: Units) -> None:
    assert units.target.ask("GET", "/health").body == {"status": "UP", "system": "authorizations", "proofload": 1}


def test_a_mistake_on_the_command_line_is_told_with_what_is_known() -> None:
    serve = ("serve", "--port", str(free_port()), "--processes", "1", "--pool", "8")
    mistakes = {
        ("authorizations", *serve): "PERF_JWT_KEY is not set: expected the key",
        (
            "authorizations",
            *serve,
            "--strategy",
            "luck",
        ): f"no strategy 'luck' of authorizations: {', '.join(STRATEGIES)}",
        ("messages", *serve, "--strategy", "for_update"): "no strategy 'for_update' of messages: it has no choice",
        ("authorizations", *serve, "--fault", "key_lost"): "half_written",
        ("authorizations", "deliver", "--number", "1", "--delivery-ms", "0"): "authorizations has no delivery workers",
    }
    for arguments, told in mistakes.items():
        done = commands.run(
            "target",
            *arguments,
            environment=os.environ
            | {"DATABASE_URL": "postgresql://nowhere", "PERF_JWT_KEY": KEY if "--strategy" in arguments else ""},
        )
        assert (done.returncode, told in done.stderr) == (2, True), done.stderr
