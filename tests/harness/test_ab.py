"""Which targets can be compared in pairs is known before anything is run."""

from typing import Any

import pytest

from harness import ab
from harness.errors import PlanError
from harness.stack.variant import Variant


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> list[Any]:
    """Nothing is run: what would be is noted, and interrupted."""
    noted: list[Any] = []
    monkeypatch.setenv("PERF_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PERF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PERF_SEED", "1")
    for name in ("TARGET_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ab, "_commit", lambda ref: {"HEAD": "a" * 40, "main": "b" * 40}[ref])
    monkeypatch.setattr(ab, "_git", lambda *_: type("Done", (), {"returncode": 0, "stderr": ""}))
    monkeypatch.setattr(ab.pipeline, "run", lambda *given: noted.append(given[3].strategy) or (None, 130))
    return noted


def compared(scenario: str, base: str) -> None:
    ab.run(scenario, "smoke", None, base, 1, Variant(strategy="xmin"), Variant(strategy="serial"), [])


def test_commits_of_an_engine_are_not_compared_for_its_users_import_this_checkouts(runs: list[Any]) -> None:
    with pytest.raises(PlanError, match=r"event_store is an engine, which its users import .* BASE_STRATEGY="):
        compared("event-append", "main")
    assert runs == []


def test_two_strategies_of_an_engine_are(runs: list[Any]) -> None:
    with pytest.raises(ab.RunError, match="pair 1 was interrupted"):
        compared("event-append", "HEAD")
    assert runs == ["xmin"]
