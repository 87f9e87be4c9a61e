"""A change of level over many runs is found where it is, and noise is not called one."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.__main__ import report
from reports.compare.history import history, records, render
from reports.statistics.change_points import FEWEST, change_points
from reports.verdict_file import bound
from tests.support.synthetic_run import synthetic_run
from tests.support.target_process import ROOT


def noisy(*levels: tuple[int, float], seed: int = 1, noise: float = 0.03) -> list[float]:
    draw = np.random.default_rng(seed)
    return [level * float(np.exp(draw.normal(0, noise))) for count, level in levels for _ in range(count)]


def test_a_change_is_found_where_it_is() -> None:
    (found,) = change_points(noisy((12, 1.0), (10, 1.3)))
    assert found.at == 12
    assert found.ratio == pytest.approx(1.3, rel=0.05)


def test_several_changes_are_found_in_their_order() -> None:
    assert [point.at for point in change_points(noisy((12, 1.0), (12, 1.5), (12, 1.0)))] == [12, 24]


def test_noise_is_seldom_called_a_change() -> None:
    assert sum(bool(change_points(noisy((20, 1.0), seed=seed))) for seed in range(40)) <= 1


def test_too_few_or_too_small_is_nothing() -> None:
    assert change_points([1.0] * 3 + [9.0] * (FEWEST - 4)) == []
    assert change_points([1.0] * 10 + [1.02] * 10) == []
    assert change_points([1.0] * 20) == []


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return report(synthetic_run(tmp_path_factory.mktemp("runs")).folder)


def kept(folder: Path, record: dict[str, Any], levels: list[float], **changes: Any) -> None:
    for place, level in enumerate(levels):
        made = copy.deepcopy(record)
        made["run"] |= {"id": f"20261101T{place:06d}abcdef", **changes}
        response = made["operations"][-1]["response"]
        made["operations"][-1]["response"] = {name: value * level for name, value in response.items()}
        (folder / f"20261101T{place:06d}-smoke").mkdir()
        (folder / f"20261101T{place:06d}-smoke" / "verdict.json").write_text(json.dumps(bound(made, None)))


def test_the_page_names_the_run_from_which_on_it_changed(tmp_path: Path, record: dict[str, Any]) -> None:
    kept(tmp_path, record, noisy((10, 1.0), (10, 1.4)))
    found = history(records(tmp_path, "smoke")[0])

    assert found["counted"] == 20
    assert [change["run"] for change in found["changes"]["p95"]] == ["20261101T000010abcdef"]
    assert found["changes"]["rate"] == []
    page = render(found)
    assert 'from run <span class="mono">20261101T000010abcdef</span> on' in page
    assert page.count("No change of level was found.") == 1
    assert "11-01 00:00" in page
    assert page.count("<circle") == 60
    assert "http" not in page


def test_runs_on_something_else_and_invalid_ones_are_shown_and_do_not_count(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    kept(tmp_path, record, [1.0] * 5)
    for place in (0, 1):
        path = tmp_path / f"20261101T{place:06d}-smoke" / "verdict.json"
        made = json.loads(path.read_text())
        made |= {"verdict": "INVALID"} if place else {"run": {**made["run"], "host": {"cpu": "other"}}}
        path.write_text(json.dumps(bound(made, None)))
    (tmp_path / "20261101T000009-smoke").mkdir()
    (tmp_path / "20261101T000009-smoke" / "verdict.json").write_text("{cut")
    found = history(records(tmp_path, "smoke")[0])

    assert [bool(run["why"]) for run in found["runs"]].count(True) == 2
    assert found["counted"] == 3
    page = render(found)
    assert "Nothing is said of these runs: 3 of them are valid and ran on what the latest ran on" in page
    assert "8 are needed" in page
    assert "change of level" not in page
    assert "ran on something else (processor" in page


def test_the_command_writes_the_page_or_says_what_is_missing(tmp_path: Path, record: dict[str, Any]) -> None:
    kept(tmp_path, record, [1.0] * 2)
    for profile, code in (("smoke", 0), ("full", 2)):
        command = [sys.executable, "-m", "reports.compare.history", str(tmp_path), "--profile", profile]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "history.html").exists()
