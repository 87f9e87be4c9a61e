"""What can be known to be wrong is refused by a run and by its plan alike, before a database is touched."""

import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import database, refusal
from harness.errors import DatabaseError, GuardError, PlanError, ProofloadError, StackError
from harness.plan import reading
from harness.plan.scenario import Scenario
from harness.settings import Settings
from harness.stack import disk
from harness.stack import postgres as pg
from harness.stack.process import free_port
from harness.stack.variant import Variant
from tests.support.in_process import refused
from tests.support.plans import varied

DOWN = "http://127.0.0.1:1"
NOWHERE = "postgresql://u@127.0.0.1:1/db"


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(*_: object) -> None:
        raise AssertionError("a database was touched")

    monkeypatch.setattr(database, "driver", touched)


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = {"/health": b"up", "/metrics": b"things_total 1\n", "/empty": b""}.get(self.path)
        self.send_response(404 if found is None else 200)
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def up() -> Iterator[str]:
    """A target that is healthy."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def settings(**values: Any) -> Settings:
    return replace(Settings(), **values)


def test_what_is_right_is_not_refused(up: str) -> None:
    refusal.refuse(varied("peak"), Settings(), Variant())
    refusal.refuse(varied("peak"), Settings(), Variant(fault="ack_before_commit"))
    refusal.refuse(varied("high-contention"), Settings(), Variant(strategy="for_update"))
    theirs = settings(target_url=up, database_url=NOWHERE, metrics_url=f"{up}/metrics")
    refusal.refuse(varied("peak"), theirs, Variant())
    # Ours is not up yet.
    port = free_port()
    refusal.refuse(
        varied("peak"), settings(target_port=port, metrics_url=f"http://127.0.0.1:{port}/metrics"), Variant()
    )


def service(start: str) -> Scenario:
    scenario = varied("peak")
    return replace(scenario, services={"api": replace(scenario.services["api"], start=start)})


@pytest.mark.parametrize(
    ("scenario", "values", "variant", "says"),
    [
        (varied("peak"), {}, Variant(fault="ack_befor_commit"), "did you mean 'ack_before_commit'"),
        (varied("peak"), {}, Variant(strategy="for_update"), "--strategy for_update: the target"),
        (varied("high-contention"), {}, Variant(strategy="for_updat"), "did you mean 'for_update'"),
        (varied("peak"), {"processes": 500_000}, Variant(), "PERF_PROCESSES=500000: this machine has"),
        (varied("peak"), {"metrics_url": "http://127.0.0.1:1/metrics"}, Variant(), "127.0.0.1:1 gave no metrics"),
        (varied("peak"), {"metrics_url": "127.0.0.1/metrics"}, Variant(), "PERF_METRICS_URL='127.0.0.1/metrics'"),
        (varied("peak"), {"metrics_url": "http://example.com/m"}, Variant(), "PERF_ALLOW_HOSTS=example.com"),
        (varied("peak"), {"metrics_url": "http://a:b@127.0.0.1/m"}, Variant(), "PERF_METRICS_URL has a user"),
        (varied("peak"), {"target_group": "/docker/abc"}, Variant(), "PERF_TARGET_CGROUP without TARGET_URL"),
        (varied("peak"), {"target_group": "/no/such", "ca_file": None}, Variant(), "/no/such: no control group"),
        (varied("peak"), {"target_url": DOWN, "database_url": NOWHERE}, Variant(), "Connection refused"),
        (varied("peak"), {"target_url": "http://[::1", "database_url": NOWHERE}, Variant(), "is not a URL"),
        (varied("peak"), {"database_url": "postgresql://u@localhost/db?host=other"}, Variant(), "host in its query"),
        (service("{python} x.py"), {}, Variant(fault="late"), "--fault late: no service of messages has {fault}"),
        (service("no-such-program --port {port}"), {}, Variant(), "no program no-such-program"),
        (service("{python} -c 'x"), {}, Variant(), "expected the words of a command"),
        (service("{python} -c {}"), {}, Variant(), "expected the words of a command"),
        (varied("worker-scaling"), {"scale_command": "x '{processes}"}, Variant(), "expected the words of a command"),
        (varied("worker-scaling"), {"scale_command": "no-such-program {processes}"}, Variant(), "no program no-such"),
        (varied("peak"), {"ca_file": "/nowhere.pem"}, Variant(), "PERF_CA_FILE=/nowhere.pem"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(
    scenario: Scenario, values: dict[str, Any], variant: Variant, says: str, up: str
) -> None:
    theirs = {"target_url": up, "database_url": NOWHERE} if {"scale_command", "ca_file"} & set(values) else {}
    with pytest.raises(ProofloadError) as caught:
        refusal.refuse(scenario, settings(**theirs, **values), variant)
    assert says in str(caught.value)
    assert isinstance(caught.value, PlanError | GuardError | StackError | DatabaseError)


def test_metrics_that_are_none_are_refused(up: str) -> None:
    for path in ("/empty", "/nowhere"):
        with pytest.raises(PlanError, match="gave no metrics"):
            refusal.refuse(varied("peak"), settings(metrics_url=f"{up}{path}"), Variant())


def test_a_plan_refuses_what_a_run_does(capfd: pytest.CaptureFixture[str]) -> None:
    nowhere = {"TARGET_URL": "http://127.0.0.1:1", "DATABASE_URL": NOWHERE}

    assert "Connection refused" in refused(capfd, "plan", "peak", "--profile", "smoke", environment=nowhere)


@pytest.mark.parametrize(
    ("name", "contract", "says"),
    [
        ("peak", {"health": "/health"}, "a method and a path"),
        ("peak", {"process": "post /x"}, "a method and a path"),
        ("peak", {"process": "POST /x\u00fc"}, "a method and a path"),
        ("peak", {"created": 42}, "a status, 100 to 599"),
        ("peak", {"message_id": "a\nb"}, "no control characters"),
        ("high-contention", {"token_header": "X Token"}, "the name of a header"),
        ("high-contention", {"reserve": "POST /{authorization}"}, "unknown word {authorization}; known: id"),
    ],
)
def test_a_contract_that_can_not_be_kept_is_refused(name: str, contract: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanError) as caught:
        varied(name, contract=contract)
    assert says in str(caught.value)


PLAN = 'system = "messages"\ntitle = "x"\n[scenario.one]\npurpose = "y"\nusers = { MessageSender = 1 }\n' \
    'max_users = 5\narrivals.smoke = [{ rate = 5, for = "1s" }]\nrules = ["p95(response_time) < 30s"]\n'  # fmt: skip


def test_a_plan_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN, encoding="utf-8-sig")

    assert reading.find("one", "smoke", path).title == "x"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (PLAN.encode("utf-16"), "not UTF-8"),
        (PLAN.encode("utf-16-le"), "not TOML"),
        (PLAN.replace("x", "ü").encode("latin-1"), "not UTF-8"),
        (PLAN.replace('title = "x"', "title = 5").encode(), "title = 5: expected a text"),
        (PLAN.replace('purpose = "y"', "purpose = 5").encode(), "purpose = 5: expected a sentence"),
        (PLAN.replace('"messages"', "5").encode(), "system = 5: expected a text"),
        (PLAN.replace("scenario.one", 'scenario."../one"').encode(), "expected a name of letters"),
        (b'scenario = "one"', "expected tables"),
        (PLAN.replace("rate = 5", "rate = nan").encode(), "expected a number above 0"),
        (PLAN.replace("rate = 5", "rate = inf").encode(), "expected a number above 0"),
        (b"a = " + b"[" * 5000, "not TOML"),
    ],
)
def test_a_plan_that_is_none_is_named(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(content)

    with pytest.raises(PlanError) as caught:
        reading.find("one", "smoke", path)
    assert says in str(caught.value)
    assert "plan.toml" in str(caught.value)


def disturbing(*words: str, **table: Any) -> Scenario:
    """`peak`, which disturbs by these words, one stage after the other."""
    stages = [{"rate": 10, "for": "10s", "phase": f"number {n}", "disturb": text} for n, text in enumerate(words)]
    rules = ["ratio(errors) < 1%"]
    return varied("peak", table={"arrivals": {"smoke": [{"rate": 10, "for": "5s"}, *stages]}, "rules": rules, **table})


BY_US = (
    "kill target",
    "restart deliver",
    "stop api 3s",
    "restart postgres",
    "cut connections",
    "delay 200ms postgres",
    "drop answers 1%",
    "throttle 1MB/s",
)


def test_what_is_ours_can_be_disturbed(up: str) -> None:
    refusal.refuse(disturbing(*BY_US), Settings(), Variant())
    theirs = settings(target_url=up, database_url=NOWHERE, disturb_command="true {disturbance}")
    refusal.refuse(disturbing(*BY_US, "fill disk", "command x"), theirs, Variant())


@pytest.mark.parametrize("word", [*BY_US, "fill disk", "command x"])
def test_what_is_not_is_refused_without_a_command_that_does_it(word: str, up: str) -> None:
    with pytest.raises(PlanError) as caught:
        refusal.refuse(disturbing(word), settings(target_url=up, database_url=NOWHERE), Variant())
    assert str(caught.value).startswith(f"peak: disturb = {word!r}: ")
    assert "expected PERF_DISTURB_CMD, a command which does that, with {disturbance}" in str(caught.value)


@pytest.mark.parametrize(
    ("scenario", "values", "says"),
    [
        (disturbing("restart postgres"), {"database_url": NOWHERE}, "what it is about is not ours: expected PERF_DIST"),
        (disturbing("delay 1s postgres"), {"database_url": NOWHERE}, "what it is about is not ours: expected PERF_DIS"),
        (disturbing("fill disk"), {"database_url": NOWHERE}, "what it is about is not ours"),
        (disturbing("command x"), {}, "a command of yours does it: expected PERF_DISTURB_CMD"),
        (disturbing("command x"), {"disturb_command": "true"}, "with {disturbance} and perhaps {state}"),
        (disturbing("command x"), {"disturb_command": "no-such {disturbance}"}, "PERF_DISTURB_CMD: no program no-such"),
        (disturbing("command x"), {"disturb_command": "'x {disturbance}"}, "expected the words of a command"),
        (disturbing("kill deliver", service={"deliver": {"processes": 0}}), {}, "service deliver has no processes"),
    ],
)
def test_a_disturbance_that_can_not_be_made_is_refused(scenario: Scenario, values: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanError) as caught:
        refusal.refuse(scenario, settings(**values), Variant())
    assert says in str(caught.value)


def test_no_disk_is_filled_that_something_else_is_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pg, "folder", lambda home: home)
    with pytest.raises(PlanError) as caught:
        refusal.refuse(disturbing("fill disk"), settings(home=tmp_path / "a" / "b", runs=tmp_path / "c"), Variant())
    assert f"run folders are on the disk of {tmp_path}, too: expected PostgreSQL on a small disk" in str(caught.value)
    monkeypatch.setattr(disk, "unfit", lambda folder, runs: "")
    refusal.refuse(disturbing("fill disk"), Settings(), Variant())


def test_the_database_of_a_target_elsewhere_is_not_ours_either() -> None:
    foreign = replace(disturbing("restart postgres"), system="", services={})
    with pytest.raises(PlanError, match="what it is about is not ours"):
        refusal.refuse(foreign, settings(target_url=DOWN), Variant())


def test_a_line_to_a_target_that_listens_nowhere_is_refused() -> None:
    scenario = disturbing("delay 1s")
    alone = replace(scenario, services={"deliver": scenario.services["deliver"]})
    with pytest.raises(PlanError, match="no service listens at a port: expected 'delay … postgres'"):
        refusal.refuse(alone, Settings(), Variant())


def test_a_plan_refuses_a_disturbance_that_a_run_would(capfd: pytest.CaptureFixture[str]) -> None:
    given = {"DATABASE_URL": NOWHERE}

    assert "PERF_DISTURB_CMD" in refused(capfd, "plan", "peak-disturbed", "--profile", "smoke", environment=given)
