"""What machines read of a run: the same figures, escaped for each of their readers."""

import base64
import csv
import io
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from harness.check import Finding
from harness.verdict import CheckState
from reports.__main__ import report
from reports.render import github, hlog, openmetrics, timeline_csv
from reports.samples.series import Series
from tests.support.synthetic_run import Answer, synthetic_run
from tests.support.target_process import ROOT

GOLDEN = "HISTFAAAADF4nJNpmSzMwMAgyAABzFCaEch0M9ixgMH+A1SAiZXlMD/TU3Gm9nZGpoX1TAC5hwht"
"""What HdrHistogram's own Python package (0.10.8) makes of these seven times."""
SEVEN = [1, 5, 5, 1000, 3000, 1_000_000, 250_000_000]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic_run(tmp_path_factory.mktemp("runs")).folder


@pytest.fixture(scope="module")
def record(folder: Path) -> dict[str, Any]:
    return report(folder)


def decoded(text: str) -> dict[int, int]:
    """Bucket → count, read back by other code than that which wrote it."""
    raw = base64.b64decode(text)
    payload = zlib.decompress(raw[8:])
    data, place, found, at = payload[40:], 0, {}, 0
    while at < len(data):
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        number = -((value + 1) >> 1) if value & 1 else value >> 1
        if number < 0:
            place -= number
        else:
            found[place] = number
            place += 1
    assert struct.unpack(">i", payload[4:8])[0] == len(data)
    return found


def test_a_histogram_is_encoded_as_its_own_library_does() -> None:
    assert hlog.encode(hlog.counts(np.array(SEVEN))) == GOLDEN


@given(st.lists(st.integers(1, hlog.HIGHEST_NS), min_size=1, max_size=60))
def test_every_time_is_in_a_bucket_that_is_no_wider_than_a_thousandth(times: list[int]) -> None:
    found = decoded(hlog.encode(hlog.counts(np.array(times))))
    assert sum(found.values()) == len(times)
    for time in times:
        bucket = max(time.bit_length() - 11, 0)
        place = (bucket + 1) * 1024 + (time >> bucket) - 1024
        assert place in found
        assert 2**bucket <= max(time / 1000, 1)


def test_the_log_has_every_operation_that_ended_by_kind_and_second(folder: Path, record: dict[str, Any]) -> None:
    lines = (folder / "timeline.hlog").read_text().splitlines()
    assert lines[0] == "#[Histogram log format version 1.2]"
    found = [line.split(",") for line in lines[3:]]
    assert {line[0] for line in found} == {f"Tag={row['kind']}" for row in record["operations"][:-1]}
    assert sum(sum(decoded(line[4]).values()) for line in found) == record["totals"]["ended"]


def test_openmetrics_are_read_by_the_parser_of_others(folder: Path, record: dict[str, Any]) -> None:
    text = (folder / "metrics.txt").read_text()
    assert text.endswith("# EOF\n")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    verdicts = {one.labels["verdict"]: one.value for one in families["proofload_verdict"].samples}
    assert verdicts == {"GO": 1.0, "UNCHECKED": 0.0, "CONDITIONAL": 0.0, "INVALID": 0.0, "NO-GO": 0.0}
    assert len(families["proofload_rule_value"].samples) == len(record["rules"])
    operations = sum(one.value for one in families["proofload_operations"].samples)
    assert operations == record["operations"][-1]["count"]


def test_hostile_names_stay_labels(record: dict[str, Any]) -> None:
    rule = {**record["rules"][0], "text": 'p95"} 7\n# EOF\nevil{x="\\'}
    text = openmetrics.render({**record, "rules": [rule]})
    families = {family.name for family in text_string_to_metric_families(text)}
    assert not any("evil" in name for name in families)


@pytest.mark.parametrize("phase", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", 'a,"b"\nc'])
def test_no_phase_is_a_formula_in_a_spreadsheet(phase: str) -> None:
    one: list[float | None] = [0.1]
    course = Series(1, [0], one, one, one, one, one, one, [None], one, one)
    (_, line) = csv.reader(io.StringIO(timeline_csv.render(course, [(phase, 0.0, 1.0)])))
    assert not line[1].startswith(timeline_csv.FORMULA)
    assert phase in line[1]
    assert line[4] == ""


def test_the_timeline_has_a_line_a_step(folder: Path, record: dict[str, Any]) -> None:
    lines = list(csv.DictReader(io.StringIO((folder / "timeline.csv").read_text())))
    assert len(lines) >= record["run"]["seconds"]
    assert float(lines[3]["p50_s"]) == pytest.approx(0.02)
    assert lines[3]["phase"] == "steady"


def causes(*sentences: str, verdict: str = "NO-GO") -> dict[str, Any]:
    said = [{"verdict": verdict, "about": "rule", "sentence": sentence} for sentence in sentences]
    return {"verdict": verdict, "run": {"scenario": "a:b,c", "profile": "ci"}, "causes": said}


def test_annotations_are_escaped_and_few() -> None:
    (line,) = github.annotations(causes("50 % over\n::error::mine"))
    assert line == "::error title=NO-GO%3A a%3Ab%2Cc (ci)::50 %25 over%0A::error::mine"
    assert len(list(github.annotations(causes(*"abcdefghij")))) == 10
    many = list(github.annotations(causes(*"abcdefghijklmno")))
    assert len(many) == 10
    assert many[-1].endswith("and 6 more causes; see report.html")
    assert next(github.annotations(causes("x", verdict="CONDITIONAL"))).startswith("::warning ")


def test_the_summary_goes_to_the_step_only_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert github.publish(causes("x"), "summary") == []
    path = tmp_path / "step.md"
    path.write_text("before\n")
    monkeypatch.setenv(github.SUMMARY, str(path))
    assert len(github.publish(causes("x"), "summary")) == 1
    assert path.read_text() == "before\nsummary\n"


def test_the_command_publishes_what_it_found(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, answer=lambda place, kind, sched: Answer(6, 500))  # type: ignore[arg-type]
    step = tmp_path / "step.md"
    command = [sys.executable, "-m", "reports", str(run.folder)]
    environment = {"PATH": "/usr/bin:/bin", "GITHUB_STEP_SUMMARY": str(step)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    verdict = json.loads((run.folder / "verdict.json").read_text())
    assert done.stdout.count("::error title=") == min(len(verdict["causes"]), 10)
    assert verdict["verdict"] in step.read_text()


def test_the_summary_is_cut_where_it_gets_too_long(tmp_path: Path) -> None:
    findings = [
        Finding(f"X{place}", "A sentence that holds. " * 10, CheckState.HOLDS, 1, "things") for place in range(300)
    ]
    run = synthetic_run(tmp_path, findings=findings)
    report(run.folder)

    summary = (run.folder / "summary.md").read_text()
    assert len(summary.encode()) <= 30_000
    assert "p95(response_time) < 500ms" in summary
    assert summary.endswith("More is in `report.html`: this summary was cut to fit.\n")
