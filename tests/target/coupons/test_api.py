"""The reference target keeps the contract of the coupons, whatever it is sent and how often at once."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from harness.stack.postgres import Postgres
from harness.stack.process import free_port
from schema.migrate import migrate
from seeding.coupons import seed
from systems import coupons_pool, ids
from tests.support.plans import varied
from tests.support.target_process import ROOT, eventually, query

USERS = 1_000
TIGHT, OPEN, OWNED = coupons_pool.TIGHT[0], coupons_pool.OPEN[0], coupons_pool.OWNED[0]


@dataclass
class Target:
    """A running API."""

    port: int
    process: subprocess.Popen[bytes]
    database: str

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        text = body if isinstance(body, str) else json.dumps(body) if body is not None else None
        connection.request(method, path, text, headers)
        answer = connection.getresponse()
        said = answer.status, json.loads(answer.read())
        connection.close()
        return said

    def validate(
        self, coupon: int | str, user: int = 1, value: float = 500.0, order: str = "", request: str = ""
    ) -> Any:
        """What is said of a coupon."""
        code = coupon if isinstance(coupon, str) else coupons_pool.code(coupon)
        body = {"code": code, "userId": coupons_pool.user_id(user), "orderValue": value}
        headers = {"X-Request-Id": request} if request else {}
        status, said = self.ask(
            "POST", "/api/coupons/validate", body | ({"orderId": order} if order else {}), **headers
        )
        assert status == 200, said
        return said

    @property
    def waiting(self) -> int:
        """How much is still to be logged."""
        return int(self.ask("GET", "/api/health")[1]["validationLogQueueSize"])

    def logged(self) -> list[tuple[Any, ...]]:
        """The rows of the log."""
        return query(self.database, "SELECT request_id, is_valid, validation_reason FROM validation_logs ORDER BY 1")


@pytest.fixture(scope="module")
def template(cluster: Postgres) -> Iterator[str]:
    url = cluster.create("coupons_template")
    migrate("coupons", url)
    seed(url, 1, varied("coupon-steady", pool={"users": USERS}))
    yield "coupons_template"
    cluster.drop("coupons_template")


@contextmanager
def running(database: str, *words: str) -> Iterator[Target]:
    port = free_port()
    command = [sys.executable, "-m", "target", "coupons", "serve", "--port", str(port), "--pool", "12"]
    more = words if "--processes" in words else ("--processes", "1", *words)
    process = subprocess.Popen([*command, *more], cwd=ROOT, env={"DATABASE_URL": database})
    target = Target(port, process, database)

    def up() -> bool:
        try:
            return target.ask("GET", "/health")[0] == 200
        except OSError:
            return False

    try:
        eventually(up, process)
        yield target
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="module")
def database(cluster: Postgres, template: str) -> Iterator[str]:
    yield cluster.create("coupons_target", template)
    cluster.drop("coupons_target")


@pytest.fixture(scope="module")
def target(database: str) -> Iterator[Target]:
    with running(database, "--set", "flush_seconds=0.05") as found:
        yield found


@pytest.mark.parametrize(
    ("coupon", "user", "value", "reason"),
    [
        ("NONE-1", 1, 500.0, "NOT_FOUND"),
        (coupons_pool.code(OPEN).replace("-", "_"), 1, 500.0, "NOT_FOUND"),
        ("TIME-0370%", 1, 500.0, "NOT_FOUND"),
        (coupons_pool.OPEN_INACTIVE[0], 1, 500.0, "INACTIVE"),
        (coupons_pool.OPEN_EXPIRED[0], 1, 500.0, "EXPIRED"),
        (coupons_pool.LAPSED[0], 1, 500.0, "EXPIRED"),
        (coupons_pool.EARLY[0], 1, 500.0, "NOT_STARTED"),
        (OWNED, (coupons_pool.owner(OWNED, 1, USERS) + 1) % USERS, 500.0, "WRONG_USER"),
        (OPEN, 1, 0.5, "BELOW_MINIMUM"),
        (coupons_pool.USED_UP[0], 1, 500.0, "USED_UP"),
        (coupons_pool.ONCE[0], next(coupons_pool.users_of(coupons_pool.ONCE[0], 1, 1, USERS)), 500.0, "USED_BY_USER"),
    ],
)
def test_each_reason_is_said(target: Target, coupon: int | str, user: int, value: float, reason: str) -> None:
    assert target.validate(coupon, user, value) == {"valid": False, "reason": reason}


def test_an_order_is_applied_once_and_its_repetition_says_the_same(target: Target) -> None:
    before = query(target.database, f"SELECT current_total_uses FROM coupons WHERE id = '{ids.uuid_of(OPEN)}'")
    first, again = (target.validate(OPEN, order="order-1") for _ in range(2))
    other = target.validate(OPEN + 1, order="order-1")
    other_user = target.validate(OPEN, user=2, order="order-1")
    rows = query(target.database, "SELECT user_id, discount_amount FROM coupon_usage WHERE order_id = 'order-1'")
    after = query(target.database, f"SELECT current_total_uses FROM coupons WHERE id = '{ids.uuid_of(OPEN)}'")

    assert (first["valid"], first["replayed"], again["replayed"]) == (True, False, True)
    assert (again["discount"], again["finalAmount"]) == (first["discount"], first["finalAmount"])
    assert round(first["discount"] + first["finalAmount"], 2) == 500
    assert other == other_user == {"valid": False, "reason": "ORDER_USED"}
    assert [(user, float(off)) for user, off in rows] == [("user_0000001", first["discount"])]
    assert after[0][0] == before[0][0] + 1


def test_ten_of_many_at_once_are_served_and_the_same_order_once(target: Target) -> None:
    with ThreadPoolExecutor(40) as pool:
        said = list(pool.map(lambda n: target.validate(TIGHT, user=n // 2, order=f"crowd-{n // 2}"), range(40)))
    counted, used = query(
        target.database,
        "SELECT current_total_uses, (SELECT count(*) FROM coupon_usage WHERE coupon_id = c.id) FROM coupons c "
        f"WHERE id = '{ids.uuid_of(TIGHT)}'",
    )[0]
    seeded = coupons_pool.coupons(1, USERS)[TIGHT - 1].uses

    assert sum(one["valid"] and not one["replayed"] for one in said) == 10
    assert {one["reason"] for one in said if not one["valid"]} <= {"USED_UP", "USED_BY_USER"}
    assert counted == used == seeded + 10


def test_one_user_at_once_with_many_orders_is_served_once(target: Target) -> None:
    with ThreadPoolExecutor(20) as pool:
        said = list(pool.map(lambda n: target.validate(TIGHT + 1, user=500, order=f"mine-{n}"), range(20)))

    assert [one["valid"] for one in said].count(True) == 1
    assert {one["reason"] for one in said if not one["valid"]} == {"USED_BY_USER"}


def test_each_validation_is_logged_once_under_its_request(target: Target) -> None:
    for n in range(3):
        target.validate(OPEN, request=f"r-{n}")
    target.validate(OPEN, request="r-1")
    target.validate("NONE-2", request="r-9")
    eventually(lambda: target.waiting == 0)

    found = [row for row in target.logged() if row[0].startswith("r-")]
    assert found == [(f"r-{n}", True, None) for n in range(3)] + [("r-9", False, "NOT_FOUND")]


def test_a_status_is_switched_and_reads_say_what_there_is(target: Target) -> None:
    coupon = coupons_pool.SWITCHED[0]
    code, path = coupons_pool.code(coupon), f"/api/coupons/{coupons_pool.code(coupon)}"
    assert target.ask("PATCH", path, {"status": "inactive"}) == (200, {"code": code, "status": "inactive"})
    assert target.validate(coupon) == {"valid": False, "reason": "INACTIVE"}
    listed = target.ask("GET", "/api/coupons/active/time-specific")[1]["coupons"]
    assert target.ask("PATCH", path, {"status": "active"})[0] == 200

    assert target.ask("GET", path)[1]["status"] == "active"
    assert (
        target.ask("GET", "/api/coupons/NONE-3")[0]
        == target.ask("PATCH", "/api/coupons/NONE-3", {"status": "active"})[0]
    )
    assert code not in {one["code"] for one in listed}
    assert len(listed) == 600 + 199 + 100 + 200 + 300
    owner = coupons_pool.user_id(coupons_pool.owner(OWNED, 1, USERS))
    assert coupons_pool.code(OWNED) in [
        one["code"] for one in target.ask("GET", f"/api/coupons/user/{owner}")[1]["coupons"]
    ]
    history = target.ask("GET", f"/api/coupons/{ids.uuid_of(coupons_pool.USED_UP[0])}/usage-history")[1]["usages"]
    assert len(history) == 8


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ({"code": "X"}, 400),
        ({"code": "", "userId": "u", "orderValue": 1}, 400),
        ({"code": "X", "userId": "u", "orderValue": -1}, 400),
        ({"code": "X", "userId": "u", "orderValue": 1e12}, 400),
        ({"code": "X", "userId": "u", "orderValue": "a lot"}, 400),
        ({"code": "TIME-03701", "userId": "nobody", "orderValue": 500, "orderId": "o"}, 404),
        ({"code": "a\u0000b", "userId": "u", "orderValue": 1}, 400),
    ],
)
def test_what_can_not_be_validated_is_refused(target: Target, body: Any, status: int) -> None:
    assert target.ask("POST", "/api/coupons/validate", body)[0] == status


def test_ended_in_order_it_logs_what_waits_and_killed_it_does_not(cluster: Postgres, template: str) -> None:
    database = cluster.create("coupons_ended", template)
    with running(database, "--set", "flush_seconds=3600", "--processes", "2") as target:
        for n in range(5):
            target.validate(OPEN, request=f"end-{n}", order=f"end-{n}")
        waiting = target.waiting
    with running(database, "--set", "flush_seconds=3600") as killed:
        killed.validate(OPEN, request="killed", order="killed")
        killed.process.kill()
    orders = query(database, "SELECT order_id FROM coupon_usage WHERE order_id NOT LIKE 'seeded-%%' ORDER BY 1")

    assert waiting == 5
    assert [row[0] for row in target.logged()] == [f"end-{n}" for n in range(5)]
    assert [order for (order,) in orders] == [*(f"end-{n}" for n in range(5)), "killed"]
    cluster.drop("coupons_ended")


def test_a_batch_that_can_not_be_written_waits_and_answers_go_on(cluster: Postgres, template: str) -> None:
    database = cluster.create("coupons_waiting", template)
    query(database, "ALTER TABLE validation_logs RENAME TO away")
    with running(database, "--set", "flush_seconds=0.05") as target:
        for n in range(3):
            assert target.validate(OPEN, request=f"w-{n}")["valid"]
        eventually(lambda: target.waiting == 3)
        query(database, "ALTER TABLE away RENAME TO validation_logs")
        eventually(lambda: target.waiting == 0)
        assert [row[0] for row in target.logged()] == ["w-0", "w-1", "w-2"]
    cluster.drop("coupons_waiting")


def test_one_user_may_not_validate_too_often(database: str) -> None:
    with running(database, "--set", "user_rate=2") as target:
        body = {"code": "TIME-03701", "userId": "user_0000003", "orderValue": 500}
        began = time.monotonic()
        said = [target.ask("POST", "/api/coupons/validate", body)[0] for _ in range(12)]
        allowed = 2 + 2 * (time.monotonic() - began) + 1
        other = target.ask("POST", "/api/coupons/validate", body | {"userId": "user_0000004"})[0]

    assert said[:2] == [200, 200]
    assert 429 in said
    assert said.count(200) <= allowed
    assert other == 200


def test_an_unknown_setting_is_refused() -> None:
    words = ["coupons", "serve", "--port", "1", "--processes", "1", "--pool", "1", "--set", "flush=1"]
    done = subprocess.run(
        [sys.executable, "-m", "target", *words],
        cwd=ROOT,
        env={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert (
        "--set flush=1: expected a number for one of the settings of coupons: flush_seconds, user_rate" in done.stderr
    )
