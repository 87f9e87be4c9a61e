"""The reference target keeps the contract of the orchestrator; what it accepts goes through all services."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from harness.stack.postgres import Postgres
from schema.migrate import migrate
from systems import orchestrator
from systems.orchestrator_orders import order
from tests.support.target_process import Answer, Target, eventually, process, query, serving

PATH = "/api/orchestrator"
pytestmark = pytest.mark.usefixtures("nurseries")


@pytest.fixture(scope="module")
def database(cluster: Postgres) -> Iterator[str]:
    url = cluster.create("orchestrator_target")
    migrate("orchestrator", url)
    yield url
    cluster.drop("orchestrator_target")


@pytest.fixture(scope="module")
def target(database: str) -> Iterator[Target]:
    with serving(database, 2, system="orchestrator") as found:
        yield found


def event(key: str = "", number: int = 1, **changes: Any) -> dict[str, Any]:
    return {**order(number), "correlationId": key or f"k-{uuid4()}", **changes}


def post(target: Target, path: str, body: Any) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return target.ask("POST", f"{PATH}/{path}", raw)


def rows(database: str, *keys: str) -> list[tuple[Any, ...]]:
    columns = f"correlation_id, queue, {', '.join(orchestrator.STEPS)}, dead_reason"
    return query(database, f"SELECT {columns} FROM orchestrator_events WHERE correlation_id = ANY(%s)", list(keys))


def test_events_come_in_one_by_one_and_by_the_hundred_and_each_has_its_effects_once(
    target: Target, database: str
) -> None:
    one, many, lines = event(), [event(number=n) for n in range(1, 31)], [event(number=n) for n in range(31, 61)]
    poison = orchestrator.made("poison", order(3), f"k-{uuid4()}")
    first = post(target, "events", one)
    again = post(target, "events", one)
    bulk = post(target, "events/bulk", {"events": [*many, poison, many[0]]})
    ndjson = post(target, "events/bulk-ndjson", "\n".join(map(json.dumps, [*lines, many[1]])).encode())

    assert (first.status, first.body["status"], first.body["correlationId"]) == (202, "ACCEPTED", one["correlationId"])
    assert again.body == {**first.body, "status": "DUPLICATE"}
    assert {name: bulk.body[name] for name in ("total", "successful", "failed", "duplicates", "failures")} == {
        "total": 32,
        "successful": 32,
        "failed": 0,
        "duplicates": 1,
        "failures": [],
    }
    assert (ndjson.status, ndjson.body["successful"], ndjson.body["duplicates"]) == (202, 31, 1)

    keys = [each["correlationId"] for each in (one, *many, *lines)]
    options = ["--number", "1", "--delivery-ms", "0", "--work", "all", "--set", "visible_s=0.8", "--set", "unacked=5"]
    with process(database, "deliver", *options, system="orchestrator"):
        eventually(lambda: all(row[5] for row in rows(database, *keys)))
        eventually(lambda: rows(database, poison["correlationId"])[0][6])
        left = "SELECT count(*) FROM queue_messages JOIN queues ON queues.id = queue WHERE name <> %s"
        eventually(lambda: query(database, left, orchestrator.DEAD_LETTERS) == [(0,)])
    found = {row[0]: row[1:] for row in rows(database, *keys, poison["correlationId"])}

    for each in (one, *many, *lines):
        queue = orchestrator.queue_of(each["type"], each["context"])
        assert found[each["correlationId"]] == (queue, 1, 1, 1, 1, None)
    assert found[poison["correlationId"]][1:5] == (1, 0, 0, 0)
    assert orchestrator.REASON in found[poison["correlationId"]][5]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"type": "Unheard"}, "no route"),
        ({"orchestrationName": "none"}, "no orchestration"),
        ({"context": None}, "context"),
        ({"context": []}, "context"),
        ({"context": {"note": "x" * orchestrator.MESSAGE_BYTES}}, "longer"),
        ({"context": {"note": "\0"}}, "can't be stored"),
        ({"type": ""}, "type"),
        ({"correlationId": 5}, "correlationId"),
        ({"correlationId": "x" * 500}, "correlationId"),
    ],
)
def test_an_event_that_can_t_be_taken_says_why_and_leaves_the_others_alone(
    target: Target, database: str, change: dict[str, Any], why: str
) -> None:
    good, bad = event(), {**event(), **change}
    single = post(target, "events", bad)
    bulk = post(target, "events/bulk", {"events": [bad, good]})
    (failure,) = bulk.body["failures"]

    assert single.status == 400
    assert why in str(single.body)
    assert (bulk.status, bulk.body["successful"], bulk.body["failed"]) == (202, 1, 1)
    assert why in failure["error"]
    assert failure["correlationId"] == bad["correlationId"]
    assert set(failure) == {"eventId", "correlationId", "type", "error"}
    assert [row[0] for row in rows(database, good["correlationId"], str(bad["correlationId"]))] == [
        good["correlationId"]
    ]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("events/bulk", b'{"events": [', 400),
        ("events/bulk", {"events": []}, 400),
        ("events/bulk", {"events": [1] * 1001}, 400),
        ("events/bulk", {}, 400),
        ("events/bulk-ndjson", b"\n\n", 400),
        ("events", b"{", 400),
        ("events/bulk", b" " * (1 << 20) + b"{}", 413),
        ("events/bulk-ndjson", b"x" * ((1 << 20) + 1), 413),
        ("events/none", {}, 404),
    ],
)
def test_a_request_that_can_t_be_taken_is_refused_as_a_whole(target: Target, path: str, body: Any, status: int) -> None:
    answer = post(target, path, body)

    assert answer.status == status
    assert answer.body["error"]


def test_a_dry_run_says_where_and_leaves_nothing(target: Target, database: str) -> None:
    dear = event(number=next(n for n in range(1, 99) if order(n)["context"]["orderTotal"] >= 1000))
    said = post(target, "events/dry-run", dear).body
    nowhere = post(target, "events/dry-run", event(type="Unheard")).body

    assert said["target"] == orchestrator.REVIEW
    assert said["condition"] == "context.orderTotal >= 1000"
    assert nowhere["target"] is None
    assert rows(database, dear["correlationId"]) == []


def test_routes_are_told_and_read_again_by_all_processes(target: Target) -> None:
    before = target.ask("GET", f"{PATH}/config").body
    reloaded = post(target, "config/reload", b"")
    eventually(lambda: target.ask("GET", f"{PATH}/config").body["version"] == before["version"] + 1)

    assert (reloaded.status, reloaded.body["status"]) == (200, "RELOADED")
    assert target.ask("GET", f"{PATH}/orchestrations").body == {"orchestrations": ["order-processing"]}
    assert target.ask("GET", f"{PATH}/orchestrations/order-processing").body["routes"][0]["eventType"] == "OrderCreated"
    assert target.ask("GET", f"{PATH}/orchestrations/none").status == 404
    assert target.ask("GET", f"{PATH}/health").body["status"] == "UP"


def test_queues_and_metrics_tell_what_went_through(database: str) -> None:
    with serving(database, 1, system="orchestrator") as fresh:
        _told(fresh)


def _told(target: Target) -> None:
    before = target.ask("GET", f"{PATH}/queues").body["queues"]
    post(target, "events/bulk", {"events": [event(number=n) for n in range(1, 11)] + [event(type="Unheard")]})
    queues = target.ask("GET", f"{PATH}/queues").body["queues"]
    connection = http.client.HTTPConnection("127.0.0.1", target.port)
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read().decode()
    connection.close()

    assert set(queues) == set(orchestrator.QUEUES)
    assert sum(one["depth"] for one in queues.values()) - sum(one["depth"] for one in before.values()) == 10
    assert {name for name, one in queues.items() if one["deadLetters"]} == {orchestrator.DEAD_LETTERS}
    for line in (
        "orchestrator_events_processed_total 10.0",
        "orchestrator_events_routed_total 10.0",
        "orchestrator_events_failed_total 1.0",
        "orchestrator_routing_time_seconds_count 10.0",
    ):
        assert line in metrics.splitlines()


def test_too_much_at_a_time_is_shed_and_nothing_of_it_is_enqueued(database: str) -> None:
    with serving(database, 1, "none", "--set", "most_requests=0", system="orchestrator") as target:
        one = event()
        answer = post(target, "events", one)

        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert post(target, "events/bulk", {"events": [one]}).status == 503
        assert rows(database, one["correlationId"]) == []


def test_while_too_much_waits_for_the_services_nothing_more_is_taken(cluster: Postgres) -> None:
    url = cluster.create("orchestrator_full")
    migrate("orchestrator", url)
    try:
        with serving(url, 1, "none", "--set", "most_queued=5", system="orchestrator") as target:
            first = post(target, "events/bulk", {"events": [event(number=n) for n in range(9)]})
            eventually(lambda: post(target, "events", event()).status == 503)

            assert first.status == 202
            assert post(target, "events/dry-run", event()).status == 200
    finally:
        cluster.drop("orchestrator_full")


@pytest.mark.parametrize("said", ["memory:", "sqs:ftp://x", "kafka:"])
def test_a_queue_that_there_is_not_is_refused_before_anything_is_served(
    said: str, database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["serve", "--port", "1", "--processes", "1", "--pool", "1"]
    with process(database, *words, system="orchestrator", TARGET_QUEUE=said) as running:
        assert running.wait(60) == 2
    assert f"TARGET_QUEUE={said}: expected postgres: or sqs:http" in capfd.readouterr().err
