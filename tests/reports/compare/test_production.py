"""Production's rate and p95, by its Prometheus, beside a run's; what can't be had is said, with what would fix it."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from harness.errors import PlanError, RunError
from harness.settings import ROOT
from reports.__main__ import report
from reports.compare import production
from reports.compare.range import Range, fetch
from tests.support.synthetic_run import synthetic_run

SELECTOR = 'http_request_duration_seconds{job="api",route="/x"}'
Answers = Callable[[str], tuple[int, Any]]


class FakePrometheus:
    """Answers queries as the test says, and keeps them."""

    def __init__(self, answers: Answers) -> None:
        self.asked: list[dict[str, str]] = []
        self.token = ""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                words = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                fake.asked.append({name: value[0] for name, value in words.items()} | {"path": self.path})
                fake.token = self.headers.get("Authorization", "")
                code, said = answers(words["query"][0])
                body = said.encode() if isinstance(said, str) else json.dumps(said).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def series(*values: float) -> dict[str, Any]:
    points = [[1_700_000_000 + 300 * place, str(value)] for place, value in enumerate(values)]
    return {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": points}]}}


@pytest.fixture
def prometheus() -> Iterator[Callable[[Answers], FakePrometheus]]:
    made: list[FakePrometheus] = []

    def make(answers: Answers) -> FakePrometheus:
        made.append(FakePrometheus(answers))
        return made[-1]

    yield make
    for one in made:
        one.server.shutdown()
        one.server.server_close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = synthetic_run(tmp_path_factory.mktemp("runs"))
    report(found.folder)
    return found.folder


def usual(query: str) -> tuple[int, Any]:
    return 200, series(0.005, 0.010, 0.015) if "quantile" in query else series(3, 6, 4)


def told(run: Path, url: str, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "reports.compare.production", str(run), "--prometheus", url, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    return done.returncode, done.stdout + done.stderr


def test_both_are_beside_each_other(run: Path, prometheus: Callable[[Answers], FakePrometheus]) -> None:
    fake = prometheus(usual)
    code, said = told(run, fake.url, "--query", SELECTOR, "--last", "7d", "--step", "5m")

    assert code == 0, said
    found = json.loads((run / production.FILE).read_text())
    # The busiest step is the second: what the p95 was then is what the run's is compared with.
    assert found["production"]["rate"] == {"median": 4, "busiest": 6}
    assert found["production"]["p95"] == {"median": 0.010, "busiest": 0.010, "worst": 0.015}
    assert found["beside"]["rate"] == pytest.approx(12, rel=0.2)
    assert found["beside"]["load"] == pytest.approx(found["beside"]["rate"] / 6)
    assert found["beside"]["time"] == pytest.approx(2)
    assert re.search(r"rate +4\.0/s +6\.0/s +1\d.*/s +[12]\.\d", said), said
    assert re.search(r"p95 +10 ms +10 ms +20 ms +2\.00", said), said
    assert " times production's busiest step" in said
    p95, rate = (one["query"] for one in fake.asked)
    labels = '{job="api",route="/x"}[300s]'
    assert p95 == f"histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{labels})))"
    assert rate == f"sum(rate(http_request_duration_seconds_count{labels}))"
    start, end = (float(fake.asked[0][name]) for name in ("start", "end"))
    assert end - start == pytest.approx(7 * 86_400)
    assert fake.asked[0]["path"] == "/api/v1/query_range"


@pytest.mark.parametrize(
    ("histogram", "name", "units"),
    [
        ("a_seconds", "a_seconds", 1),
        ('a_seconds_bucket{x="1"}', "a_seconds", 1),
        ("a:b_milliseconds", "a:b_milliseconds", 1000),
        ("latency_ms_count", "latency_ms", 1000),
    ],
)
def test_a_histogram_has_a_p95_and_a_rate(histogram: str, name: str, units: float) -> None:
    p95, rate, found = production.queries(histogram, 60)
    assert f"rate({name}_bucket" in p95
    assert f"rate({name}_count" in rate
    assert found == units


@pytest.mark.parametrize("histogram", ["", "rate(a[5m])", "a b", "1a", "{job='x'}"])
def test_what_is_no_selector_is_refused(histogram: str) -> None:
    with pytest.raises(PlanError, match="expected the name of a histogram"):
        production.queries(histogram, 60)


REFUSED = {
    "nothing": (lambda _: (200, {"status": "success", "data": {"result": []}}), "gives nothing in this range"),
    "several": (lambda _: (200, {"status": "success", "data": {"result": [{}, {}]}}), "gives 2 series"),
    "refused": (lambda _: (400, {"status": "error", "error": "parse error: unexpected {"}), "parse error: unexpected"),
    "no json": (lambda _: (200, "<html>login</html>"), "expected what a Prometheus answers"),
    "not found": (lambda _: (404, "nothing here"), "404: b'nothing here'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_had_is_said(name: str, prometheus: Callable[[Answers], FakePrometheus]) -> None:
    answers, said = REFUSED[name]
    fake = prometheus(answers)
    with pytest.raises(RunError, match=re.escape(said)) as raised:
        fetch(fake.url, "up", Range(0, 60, 5))
    assert fake.url in str(raised.value)


def test_a_token_is_sent_and_never_shown(
    prometheus: Callable[[Answers], FakePrometheus], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_TOKEN", "s3cret")
    fake = prometheus(lambda _: (401, "who are you"))
    with pytest.raises(RunError) as raised:
        fetch(fake.url, "up", Range(0, 60, 5))
    assert fake.token == "Bearer s3cret"
    assert "s3cret" not in str(raised.value)


def test_a_range_without_requests_is_nothing_to_compare_with() -> None:
    for rates in ([], [(0.0, 0.0)]):
        with pytest.raises(RunError, match="nothing happened in production"):
            production.figures(rates, [])
    found = production.figures([(0.0, 2.0)], [])
    assert found["p95"] == {"median": None, "busiest": None, "worst": None}


def test_what_is_wrong_on_the_command_line(run: Path, prometheus: Callable[[Answers], FakePrometheus]) -> None:
    fake = prometheus(usual)
    for words, said in (
        (("--query", SELECTOR, "--op", "proces"), "OP=proces: no such operation"),
        (("--query", SELECTOR, "--last", "soon"), "LAST=soon"),
        (("--query", SELECTOR, "--last", "30d", "--step", "1s"), "expected 1 to 11,000 steps"),
        (("--p95", "x"), "P95 and RATE go together"),
        ((), "expected the name of a histogram"),
        (("--query", SELECTOR, "--prometheus", "prometheus:9090"), "PROMETHEUS_URL='prometheus:9090'"),
        (("--query", SELECTOR, "--prometheus", "http://127.0.0.1:9"), "expected a Prometheus there"),
    ):
        options = production.parsed([str(run), "--prometheus", fake.url, *words])
        with pytest.raises((PlanError, RunError), match=re.escape(said)):
            production.compare(options, 1.7e9)


@pytest.mark.parametrize(
    ("rate", "verdict", "said"),
    [
        (4.0, "GO", "less than production's busiest step: 0.40 times as much"),
        (10.0, "GO", "as much as production's busiest step"),
        (30.0, "GO", "3.0 times production's busiest step"),
        (30.0, "INVALID", "its figures mean nothing"),
        (None, "GO", "no rate to compare"),
    ],
)
def test_what_follows_is_said(rate: float | None, verdict: str, said: str) -> None:
    row = {"kind": "all", "rate": rate, "response": {"p95": 0.02}}
    about = {"run": {"id": "r", "scenario": "peak", "profile": "ci"}, "verdict": verdict, "operations": [row]}
    beside = production.beside({"rate": {"busiest": 10.0}, "p95": {"busiest": 0.01}}, about, "all")
    assert said in production.conclusion(beside)
