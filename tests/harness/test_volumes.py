"""Volumes are read from words, and what can't be run at several is refused before anything is sent."""

from types import SimpleNamespace
from typing import Any

import pytest

from harness import volumes
from harness.errors import PlanError
from harness.stack.variant import Variant


@pytest.mark.parametrize(
    ("words", "found"), [(["10m", "1M", "300k"], [300_000, 1_000_000, 10_000_000]), (["1_000", "20"], [20, 1_000])]
)
def test_volumes_are_ascending(words: list[str], found: list[int]) -> None:
    assert volumes.sizes(words) == found


@pytest.mark.parametrize(
    ("words", "why"),
    [(["1g", "2m"], "volume '1g'"), (["1m"], "two or more"), (["1m", "1000k"], "two or more"), ([], "two or more")],
)
def test_what_is_no_volume_or_only_one_is_refused(words: list[str], why: str) -> None:
    with pytest.raises(PlanError, match=why):
        volumes.sizes(words)


def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> list[Any]:
    monkeypatch.setenv("PERF_RUNS", str(tmp_path))
    found: list[Any] = []
    monkeypatch.setattr(volumes.pipeline, "run", lambda *given: found.append(given))
    return found


def test_a_system_without_a_volume_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    runs = started(monkeypatch, tmp_path)
    with pytest.raises(PlanError, match=r"systems/messages.py: no VOLUME"):
        volumes.run("sustained", "smoke", None, [1, 2], Variant(), {}, [])
    assert not runs


def test_a_volume_that_can_not_be_is_refused_before_the_first_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    runs = started(monkeypatch, tmp_path)
    with pytest.raises(PlanError, match="expected 10,000 to 100,000,000"):
        volumes.run("event-scale", "smoke", None, [20_000, 1_000_000_000], Variant(), {}, [])
    assert not runs


def test_each_volume_has_a_run_and_all_are_reported_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    sets, reported = [], []
    monkeypatch.setenv("PERF_RUNS", str(tmp_path))

    def run(*given: Any) -> tuple[Any, int]:
        sets.append(given[-1])
        return tmp_path / f"run{len(sets)}", 0

    monkeypatch.setattr(volumes.pipeline, "run", run)
    monkeypatch.setattr(volumes.Run, "open", lambda _: SimpleNamespace(facts={"interrupted": None}))
    monkeypatch.setattr(volumes, "report", lambda folder: reported.append((folder / "volumes.json").read_text()) or 4)

    assert volumes.run("event-scale", "smoke", None, [20_000, 40_000], Variant(), {"pool.largest": 100}, []) == 4
    assert [one["pool.events"] for one in sets] == [20_000, 40_000]
    assert {one["pool.largest"] for one in sets} == {100}
    assert "run1" in reported[0]
    assert "run2" in reported[0]
