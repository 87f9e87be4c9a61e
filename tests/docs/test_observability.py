"""The page about metrics and traces is true: its tables name what is told, and its examples do what they say."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.grafana import drawn
from deploy.prometheus.expressions import OVER
from harness.settings import ROOT
from harness.telling import EXPORTER
from reports.__main__ import report
from reports.live import __main__ as telling
from reports.live.families import COUNTER, families
from reports.live.otlp import DEFAULT_MS, EVERY
from tests.docs.test_commands_of_pages import LINK, MAKE, SETTING, targets
from tests.reports.compare.test_production import FakePrometheus, usual
from tests.support.synthetic_run import synthetic_run
from tests.support.told_load import ToldLoad

PAGE = ROOT / "docs" / "observability.md"
TEXT = PAGE.read_text(encoding="utf-8")
CODE = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
SHELL = [line for kind, code in CODE if kind == "sh" for line in code.splitlines()]


def test_its_table_names_everything_that_is_told_with_its_labels(tmp_path: Path) -> None:
    rows = [line.split(" | ") for line in TEXT.splitlines() if line.startswith("| `proofload_")]
    stated = {name: set(re.findall(r"`(\w+)`", row[1])) for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    told = {}
    for one in families(ToldLoad(tmp_path, "orchestrator-load").live):
        points = [labels for labels, _ in [*one.points, *one.times]]
        name = f"{one.name}_total" if one.kind == COUNTER else one.name
        told[name] = {label for labels in points for label in labels} - {"system", "scenario", "profile"}
        if not points:
            told[name] = stated[name]  # of a closed load nothing is offered
    assert stated == told


def test_its_configuration_is_ours_but_for_the_places() -> None:
    [said] = [yaml.safe_load(code) for kind, code in CODE if kind == "yaml"]
    ours = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert said.keys() == ours.keys()
    assert said["global"]["scrape_interval"] == ours["global"]["scrape_interval"]
    assert [one["job_name"] for one in said["scrape_configs"]] == [one["job_name"] for one in ours["scrape_configs"]]
    assert list(ROOT.glob(said["rule_files"][0]))


def test_its_python_is_true() -> None:
    [code] = [code for kind, code in CODE if kind == "python"]
    exec(code, {})


def test_its_commands_and_settings_are_there() -> None:
    assert set(MAKE.findall("\n".join(SHELL))) <= targets()
    known = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert set(SETTING.findall(TEXT)) <= set(SETTING.findall(known))
    assert [link for link in LINK.findall(TEXT) if not (PAGE.parent / link).exists()] == []
    assert (EVERY in TEXT, DEFAULT_MS, telling.LAST_S, OVER) == (True, 5000, 6.0, "1m")
    assert EXPORTER.startswith("opentelemetry.")


def test_its_comparison_is_made(tmp_path: Path) -> None:
    """By make, with the address and the folder of this test."""
    run = synthetic_run(tmp_path)
    report(run.folder)
    [line] = [line for line in SHELL if "compare-production" in line]
    fake = FakePrometheus(usual)
    try:
        words = [
            {"RUN": f"RUN={run.folder}", "PROMETHEUS_URL": f"PROMETHEUS_URL={fake.url}"}.get(
                word.partition("=")[0], word
            )
            for word in shlex.split(line)
        ]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    finally:
        fake.server.shutdown()
        fake.server.server_close()
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'rate(http_request_duration_seconds_count{job="api"}[300s])' in fake.asked[1]["query"]
    assert "production's busiest step" in done.stdout
    assert json.loads((run.folder / "production.json").read_text())["step"] == 300


@pytest.mark.parametrize("answered", [True, False])
def test_its_page_is_drawn_of_what_there_is(answered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: drawn.Lines = [("p95", [(10.0, 0.02), (20.0, 0.04)])] if answered else []
    monkeypatch.setattr(drawn, "evaluated", lambda *_: lines)
    found = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "messages.json").read_text())
    page = drawn.page(found, "http://127.0.0.1:9", 0.0, 60.0)
    assert page.count("<h2>") == len(found["panels"])
    assert page.count("<p>Nothing.</p>") == (0 if answered else len(found["panels"]))
    assert ("<svg" in page) is answered
