"""Prometheus itself: takes our configuration and alerts, and gives data for each expression of each dashboard."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.__main__ import dashboards
from deploy.grafana.drawn import evaluated, page
from harness.plan import plans, reading
from harness.settings import ROOT
from harness.stack import process
from reports.compare import production
from systems import traces
from tests.support.told_load import ToldLoad

pytestmark = pytest.mark.machine

FOLDER = ROOT / "deploy" / "prometheus"
OVER = "5s"
"""Instead of Grafana's interval: some scrapes of a second."""
PLAN = """
system = "messages"
title = "Messages"
[scenario.observed]
purpose = "some seconds to look at"
users = { MessageSender = 1 }
max_users = 40
service.deliver = { processes = 1 }
arrivals.smoke = [{ rate = 30, for = "12s" }]
validity = { loop_lag = "30s", loop_gap = "1m", sent = "50%" }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%", "rate(goodput) >= 20% of offered"]
"""


def tool(name: str) -> str:
    found = shutil.which(name)
    if not found:
        pytest.skip(f"no {name} here: `apt-get install prometheus`")
    return found


def checked(*words: str) -> None:
    done = subprocess.run([tool("promtool"), *words], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_configuration_and_alerts_are_of_prometheus(tmp_path: Path) -> None:
    checked("check", "config", "prometheus.yml")
    checked("check", "rules", *(str(path) for path in (FOLDER / "alerts").iterdir()))


def test_an_alert_fires_when_its_rule_is_missed_and_not_else(tmp_path: Path) -> None:
    """Of peak: three in a hundred take more than half a second for three minutes, then ten do; and nothing fails, until
    some do.
    """
    common = 'scenario="peak",op="process",phase="peak"'
    series = {
        f"proofload_response_seconds_count{{{common}}}": "0+600x5 3600+600x5",
        f'proofload_response_seconds_bucket{{{common},le="0.5"}}': "0+582x5 3492+540x5",
        f'proofload_operations_total{{{common},outcome="ACK",expected="yes"}}': "0+600x5 3600+600x5",
        f'proofload_operations_total{{{common},outcome="UNKNOWN",expected="no"}}': "0+0x5 12+12x5",
    }
    wanted = {"p95(response_time{phase!=burst}) < 500ms", "ratio(errors) < 1%"}
    groups = yaml.safe_load((FOLDER / "alerts" / "messages.yml").read_text())["groups"]
    [peak] = [one for one in groups if one["name"] == "peak"]
    rules = [one for one in peak["rules"] if one["labels"]["rule"] in wanted]
    assert {one["labels"]["rule"] for one in rules} == wanted

    def expected(minute: str, firing: bool) -> dict[str, Any]:
        alerts = [{"exp_labels": one["labels"], "exp_annotations": one["annotations"]} for one in rules]
        return {"eval_time": minute, "alertname": "RuleMissed", "exp_alerts": alerts if firing else []}

    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "peak", "rules": rules}]}))
    stated = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": [expected("4m", False), expected("9m", True)],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(stated))
    checked("test", "rules", str(tmp_path / "test.yml"))


class Scraped:
    """Loads of systems that go on as long as this is asked: what Prometheus gets of each, at a path of its own."""

    def __init__(self, runs: Path, scenarios: list[str]) -> None:
        loads = {f"/{name}": ToldLoad(runs, name) for name in scenarios}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                load = loads[self.path]
                load.step()
                body = load.text()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.paths = list(loads)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], str]]:
    """Starts a Prometheus that asks, once a second, each of these jobs at its address and path; its URL."""
    running: list[subprocess.Popen[bytes]] = []

    def start(jobs: dict[str, str]) -> str:
        program, port = tool("prometheus"), process.free_port()
        configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
        configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        configuration["rule_files"] = [str(FOLDER / "alerts" / "*.yml")]
        configuration["scrape_configs"] = [
            {
                "job_name": name,
                "metrics_path": f"/{address.partition('/')[2]}",
                "static_configs": [{"targets": [address.partition("/")[0]]}],
            }
            for name, address in jobs.items()
        ]
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        words = [f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
        words += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
        running.append(process.start([program, *words], tmp_path / "prometheus.log", dict(os.environ)))
        url = f"http://127.0.0.1:{port}"
        _until(lambda: _get(f"{url}/-/ready") is not None)
        return url

    yield start
    for one in running:
        process.stop(one)


def _get(url: str) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bytes(answer.read())
    except OSError:
        return None


def _until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _up(url: str, jobs: int) -> bool:
    found = json.loads(_get(f"{url}/api/v1/query?query=min_over_time(up[1m])==1") or b"{}")
    return len(found.get("data", {}).get("result", [])) >= jobs


def _has_rates(url: str, jobs: int) -> bool:
    query = "count(count by (job) (rate(proofload_operations_total[5s])))"
    found = json.loads(_get(f"{url}/api/v1/query?query={query.replace(' ', '%20')}") or b"{}")
    result = found.get("data", {}).get("result", [])
    return bool(result) and float(result[0]["value"][1]) >= jobs


def _most_told(system: str) -> str:
    """A scenario of which all is told: an open one, if the system has one."""
    names = plans.scenarios(system)
    return next((name for name in names if reading.find(name, "smoke").open), names[0])


def _nothing(url: str, found: dict[str, Any], start: float, end: float) -> list[str]:
    """The expressions of a dashboard that give nothing."""
    return [
        f"{panel['title']}: {target['expr']}"
        for panel in found["panels"]
        for target in panel["targets"]
        if not evaluated(url, {**panel, "targets": [target]}, start, end, OVER)
    ]


def test_every_expression_of_every_dashboard_gives_data(
    prometheus: Callable[[dict[str, str]], str], tmp_path: Path
) -> None:
    tool("prometheus")
    scraped = Scraped(tmp_path / "runs", [_most_told(system) for system in plans.systems()])
    start = time.time()
    url = prometheus({path[1:]: f"{scraped.address}{path}" for path in scraped.paths})
    _until(lambda: _has_rates(url, len(scraped.paths)))
    missing = {path: _nothing(url, found, start, time.time()) for path, found in dashboards().items()}
    deadline = time.monotonic() + 60
    try:
        # A rate takes two samples before the last step of a range, which each job has at a moment of its own.
        while any(missing.values()) and time.monotonic() < deadline:
            missing = {
                path: _nothing(url, dashboards()[path], start, time.time()) for path, left in missing.items() if left
            }
    finally:
        scraped.server.shutdown()
        scraped.server.server_close()
    assert {path.stem: left for path, left in missing.items() if left} == {}


def test_a_real_load_is_seen_drawn_and_compared(prometheus: Callable[[dict[str, str]], str], tmp_path: Path) -> None:
    """The pipeline with its reference target, asked by Prometheus as it goes on; KEEP_PAGES keeps the pages."""
    tool("prometheus")
    (tmp_path / "plan.toml").write_text(PLAN)
    live, target = process.free_port(), process.free_port()
    url = prometheus({"load": f"127.0.0.1:{live}/metrics", "target": f"127.0.0.1:{target}/metrics"})
    start = time.time()
    variables = {"PERF_LIVE_PORT": str(live), "PERF_TARGET_PORT": str(target), "PERF_RUNS": str(tmp_path / "runs")}
    variables |= {"PERF_TRACE_URL": "https://jaeger.example/trace/{trace}"}
    command = [sys.executable, "-m", "harness", "run", "observed", "--profile", "smoke"]
    command += ["--plan", str(tmp_path / "plan.toml")]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    end = time.time()
    folder = tmp_path / "runs" / "observed" / "latest"
    verdict = json.loads((folder / "verdict.json").read_text())

    # Every operation that is named is named with its trace.
    trace = verdict["slowest"][0]["trace"]
    assert traces.operation_of(verdict["run"]["id"], trace) == int(verdict["slowest"][0]["key"][-16:], 16)
    assert f'href="https://jaeger.example/trace/{trace}"' in (folder / "report.html").read_text()

    kept = Path(os.environ.get("KEEP_PAGES") or tmp_path)
    for path, found in dashboards().items():
        if path.stem in ("overview", "messages"):
            missing = _nothing(url, found, start, end)
            assert missing == []
            (kept / f"{path.stem}.html").write_text(page(found, url, start, end, OVER), encoding="utf-8")
    # What it told last is what the report has.
    ended = _last(url, "sum(proofload_operations_total)", end)
    assert ended == verdict["totals"]["ended"]
    assert _last(url, "proofload_load_running", end) == 0
    assert _last(url, 'proofload_rules{state="missed"}', end) == 0
    assert _last(url, "sum(proofload_offered_total)", end) == verdict["totals"]["planned"]
    # The target was asked meanwhile, too.
    assert evaluated(url, _panel("pool_in_use"), start, end)

    words = [str(folder), "--prometheus", url, "--query", "proofload_response_seconds", "--last", "60s", "--step", "5s"]
    compared = production.compare(production.parsed(words), end)
    assert compared["production"]["rate"]["busiest"] == pytest.approx(30, rel=0.5)


def _panel(expression: str) -> dict[str, Any]:
    return {"targets": [{"expr": expression, "legendFormat": "x"}]}


def _last(url: str, expression: str, end: float) -> float:
    """The latest value of a single series."""
    [(_, points)] = evaluated(url, _panel(expression), end - 60, end)
    return points[-1][1]
