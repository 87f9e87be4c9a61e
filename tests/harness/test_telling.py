"""What tells of a load is there as long as the run, and a little longer for one who asked; and is refused in time."""

import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from harness import telling
from harness.errors import PlanError, StackError
from harness.settings import Settings
from harness.stack import process
from tests.reports.live.test_otlp import Collector
from tests.support.synthetic_run import synthetic_run


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name in ("PERF_LIVE_PORT", "PERF_LIVE_BIND", "PERF_OTLP_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings()


def asked(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return str(answer.read().decode())


def test_it_answers_as_long_as_the_run_and_then_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, port, collector = synthetic_run(tmp_path), process.free_port(), Collector()
    deadline = time.monotonic() + 60
    asked_for = settings(monkeypatch, PERF_LIVE_PORT=str(port), PERF_OTLP_URL=collector.url)
    with telling.told(run, asked_for):
        text = ""
        while "proofload_operations_total" not in text:
            assert time.monotonic() < deadline, (run.folder / "live.log").read_text()
            try:
                text = asked(port)
            except OSError:
                time.sleep(0.05)
        assert f'run="{run.id}"' in text
        with pytest.raises(urllib.error.HTTPError, match="404"):
            asked(port, "/")
    with pytest.raises(OSError, match="refused"):
        asked(port)
    assert (run.folder / "live.log").read_text() == ""
    collector.server.shutdown()
    collector.server.server_close()
    # At the beginning, and once more at the end.
    assert len(collector.got) >= 2


def test_nothing_is_started_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = synthetic_run(tmp_path)
    with telling.told(run, settings(monkeypatch)):
        pass
    assert not (run.folder / "live.log").exists()


def test_a_port_that_is_taken_is_refused_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=rf"port {port} of 127\.0\.0\.1 .*PERF_LIVE_PORT="):
            telling.require(settings(monkeypatch, PERF_LIVE_PORT=str(port)))


def test_an_address_that_is_not_ours_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of the addresses for documentation (RFC 5737), which no machine has.
    with pytest.raises(StackError, match=r"of 192\.0\.2\.1 can't be used"):
        telling.require(settings(monkeypatch, PERF_LIVE_PORT="9464", PERF_LIVE_BIND="192.0.2.1"))


def test_without_the_exporter_it_is_said_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    url = {"PERF_OTLP_URL": "http://127.0.0.1:4318"}
    telling.require(settings(monkeypatch, **url))
    monkeypatch.setattr(telling, "EXPORTER", "opentelemetry.exporter.nothing.of.it")
    with pytest.raises(PlanError, match=r"is not installed: .* installs it"):
        telling.require(settings(monkeypatch, **url))


@pytest.mark.parametrize("url", ["collector:4318", "grpc://collector:4317", "http://"])
def test_what_is_no_collector_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlanError, match="PERF_OTLP_URL"):
        settings(monkeypatch, PERF_OTLP_URL=url)
