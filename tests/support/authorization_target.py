"""The reference target of the authorizations as its tests see it: three organizations, their people, their units."""

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import jwt
from prometheus_client.parser import text_string_to_metric_families

from harness.plan import plans
from schema.migrate import migrate
from systems import authorizations as facts
from systems import ids
from systems.authorizations import CLAIM_ORGANIZATION, PATIENTS, PRACTITIONERS, Pool
from tests.support.target_process import Answer, Target, query, serving

KEY = "what practitioners' tokens are signed with in tests"
RUN = "20261120T235501-abcd"
OPERATIONS = 40
POOL = Pool(spread=10, hot_used=0, hot_scheduled=0)
HOT = 1
"""An authorization of the first organization with 50 units, none of them used or scheduled."""

SPREAD = 1002
"""One of the first organization with 1000 units, 500 of them scheduled."""

FOREIGN = 1003
"""One of the second organization."""


def with_authorizations(database: str) -> str:
    """`database`, now with the tables of the authorizations, the authorizations of POOL and no movement."""
    migrate("authorizations", database, plans.reference("authorizations", "database"))
    for table, columns, counts in (
        ("practitioners", "id, organization_id, name", PRACTITIONERS),
        ("patients", "id, organization_id, name", PATIENTS),
    ):
        for organization, count in enumerate(counts, 1):
            _insert("organizations", "id, name", [(ids.uuid_of(organization), str(organization))], database)
            first = 1 + sum(counts[: organization - 1])
            people = [(ids.uuid_of(n), ids.uuid_of(organization), str(n)) for n in range(first, first + count)]
            _insert(table, columns, people, database)
    _insert(
        "authorizations",
        "id, organization_id, patient_id, auth_number, total_units, used_units, scheduled_units, start_date, end_date",
        [
            (
                *(one.id, ids.uuid_of(one.organization), ids.uuid_of(one.patient), one.auth_number),
                *(one.total, one.used, one.scheduled, "2026-01-01", "2026-12-31"),
            )
            for one in POOL
        ],
        database,
    )
    return database


def failing(database: str, state: str, times: int) -> None:
    """Have the first `times` commits of a move fail with SQLSTATE `state`, as late as can be.

    How transactions were isolated that did not fail stands in the table `isolations`.
    """
    query(
        database,
        f"""
        CREATE SEQUENCE commits;
        CREATE TABLE isolations AS SELECT '' AS level LIMIT 0;
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('commits') <= {times} THEN RAISE EXCEPTION 'as ordered' USING ERRCODE = '{state}'; END IF;
            INSERT INTO isolations VALUES (current_setting('transaction_isolation'));
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON unit_movements DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION fail();
        """,
    )


def _insert(table: str, columns: str, rows: list[tuple[Any, ...]], database: str) -> None:
    row = f"({', '.join(['%s'] * len(rows[0]))})"
    values = [value for one in rows for value in one]
    query(
        database,
        f"INSERT INTO {table} ({columns}) VALUES {', '.join([row] * len(rows))} ON CONFLICT (id) DO NOTHING",
        *values,
    )


def token(practitioner: int = 1, key: str = KEY, algorithm: str = "HS256", **changes: Any) -> str:
    """A practitioner's token, good but for the changes; None takes a claim out."""
    claims = {
        "sub": ids.uuid_of(practitioner),
        CLAIM_ORGANIZATION: ids.uuid_of(facts.employer(practitioner)),
        "exp": int(time.time()) + 3600,
    } | changes
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm)


def key(op: int) -> str:
    """The key that operation `op` of a run makes."""
    return ids.key(RUN, op)


def path(number: int, move: str = "") -> str:
    return f"/api/authorizations/{ids.uuid_of(number)}" + (f"/{move}" if move else "")


@dataclass
class Units:
    """Moves units at a target that runs, as practitioner 1 unless it is said otherwise."""

    target: Target

    def move(self, kind: str, number: int, units: Any, key: str, practitioner: int = 1, **headers: str) -> Answer:
        body = json.dumps({"units": units}).encode()
        return self.target.ask("POST", path(number, kind), body, _headers(practitioner, key) | headers)

    def reserve(self, number: int, units: Any, key: str, practitioner: int = 1) -> Answer:
        return self.move("reserve", number, units, key, practitioner)

    def forty(self) -> list[Answer]:
        """Forty reserves of five units of SPREAD, one after the other, under the keys of operations 1 … 40."""
        return [self.reserve(SPREAD, 5, key(n)) for n in range(1, OPERATIONS + 1)]

    def eight(self, n: int) -> list[Answer]:
        """Round `n`: eight reserves of one unit of SPREAD at once."""
        return self.at_once(8, SPREAD, 1, [key(8 * n + m) for m in range(8)])

    def read(self, number: int, practitioner: int = 1) -> Answer:
        return self.target.ask("GET", path(number), None, {"Authorization": f"Bearer {token(practitioner)}"})

    def at_once(self, senders: int, number: int, units: int, keys: list[str]) -> list[Answer]:
        """Reserves by as many at one instant; who is told to try again later does so, whatever the machine's speed."""
        barrier = Barrier(senders)

        def send(key: str) -> Answer:
            barrier.wait()
            while (answer := self.reserve(number, units, key)).status == 503:
                pass
            return answer

        with ThreadPoolExecutor(senders) as pool:
            return list(pool.map(send, keys))

    def metrics(self) -> dict[tuple[str, ...], float]:
        """The counters: name and labels, and how often."""
        connection = http.client.HTTPConnection("127.0.0.1", self.target.port)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def _headers(practitioner: int, key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(practitioner)}", "Idempotency-Key": key}


@contextmanager
def moving(database: str, fault: str = "none", strategy: str = "", processes: int = 1) -> Iterator[Units]:
    """The API on a free port, up."""
    options = ["--strategy", strategy] if strategy else []
    with serving(database, processes, fault, *options, system="authorizations", PERF_JWT_KEY=KEY) as target:
        yield Units(target)


def counters(database: str, number: int) -> tuple[int, int, int]:
    """Used and scheduled units and version of an authorization."""
    found = query(
        database,
        "SELECT used_units, scheduled_units, version FROM authorizations WHERE id = %s",
        ids.uuid_of(number),
    )
    return found[0]  # type: ignore[return-value]


def movements(database: str, condition: str = "true") -> list[tuple[int, str, int, str, int]]:
    """Number of the authorization, kind, units, key and number of the practitioner, by key."""
    found = query(
        database,
        "SELECT authorization_id::text, kind, units, idempotency_key, practitioner_id::text FROM unit_movements "
        f"WHERE {condition} ORDER BY 4, created_at",
    )
    return [(int(of[-12:]), kind, units, key, int(by[-12:])) for of, kind, units, key, by in found]


def sums_differ(database: str) -> list[tuple[Any, ...]]:
    """The authorizations whose counters or version are not what they began with and the movements have made of it."""
    began = {one.id: (one.used, one.scheduled) for one in POOL}
    found = query(
        database,
        "SELECT a.id::text, used_units, scheduled_units, version,"
        " coalesce(sum(units) FILTER (WHERE kind = 'consume'), 0),"
        " coalesce(sum(CASE kind WHEN 'reserve' THEN units ELSE -units END), 0), count(m.id)"
        " FROM authorizations a LEFT JOIN unit_movements m ON m.authorization_id = a.id GROUP BY a.id",
    )
    return [row for row in found if row[1:4] != (began[row[0]][0] + row[4], began[row[0]][1] + row[5], row[6])]
