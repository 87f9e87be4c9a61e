"""Searches with load, target and database: a paced target's capacity is found, by rate and by users, and proven right.

The target does 60 a second however slow the machine is, as long as it can do those.
"""

from pathlib import Path
from typing import Any

import pytest

from harness import search
from harness.plan.scenario import Scenario
from harness.stack.postgres import Postgres
from harness.stack.variant import Variant
from harness.verdict import CheckState
from tests.support.judged import When, judged, kill
from tests.support.plans import varied

PACED = {"api": {"start": "{python} -m tests.support.paced --port {port} --pool {pool} --rate 60"}}
POOL = {"users": 1_000, "strangers": 1_000}


def searching(of: dict[str, Any], **table: Any) -> Scenario:
    rules = ["p95(response_time) < 250ms", "ratio(errors) < 1%", "p95(end_to_end) < 30s", "value(capacity) >= 40/s"]
    own = {"arrivals": None, "search": of, "rules": rules, "drain": "8s", "timeout": "8s", **table}
    return varied("sustained", "smoke", own, service=PACED, pool=POOL)


@pytest.mark.usefixtures("nurseries")
def test_two_processes_find_what_a_paced_target_can_do_and_all_of_it_is_verified(
    cluster: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERF_PROCESSES", "2")
    # Half of the races are stored by the second of the two: the database has them under the first one's number.
    rules = ["p95(response_time) < 250ms", "ratio(errors) < 1%", "max(end_to_end) < 30s"]
    mix = {"process": 95, "race": 5}
    does = 60 / 1.05
    scenario = searching({"from": 20, "to": 500, "for": "3s"}, max_users=60, rules=rules, mix=mix)

    found = judged(cluster, tmp_path, scenario, Variant())

    result = found.verdict["search"]
    assert result["over"]
    assert result["rate"] == pytest.approx(does, rel=0.05), result
    assert result["interval"][0] < does < result["interval"][1]
    assert not result["disagreements"]
    assert found.checks(CheckState.VIOLATED) == set()
    assert found.checks(CheckState.HOLDS) >= {"X1", "X2", "X4"}
    conditions = {one["id"]: one["state"] for one in found.verdict["validity"]}
    assert {conditions[name] for name in ("BINDING", "WORKERS", "V4", "V11", "V12", "EXCEPTIONS")} == {"ok"}
    assert len(found.verdict["generator"]) == 2
    # What of the step far beyond was not begun in time was dropped, and is no part of the next.
    phases = [one["phase"] for one in found.verdict["timeline"]]
    assert phases[:4] == ["warm-up", "step-1", "pause", "step-2"]


@pytest.mark.usefixtures("nurseries")
def test_users_are_searched_by_their_number(cluster: Postgres, tmp_path: Path) -> None:
    """Of 60 a second each of u users gets one in u / 60 s: 250 ms for 15 of them."""
    found = judged(
        cluster, tmp_path, searching({"from": 2, "to": 64, "for": "2s", "by": "users"}, max_users=None), Variant()
    )

    result = found.verdict["search"]
    assert result["over"]
    assert result["unit"] == "users"
    assert 8 <= result["held"] <= 15
    assert result["rate"] == pytest.approx(60, rel=0.1)
    assert found.checks(CheckState.VIOLATED) == set()
    assert "settle" in [one["phase"] for one in found.verdict["timeline"]]


def test_a_search_whose_judge_was_killed_is_invalid(cluster: Postgres, tmp_path: Path) -> None:
    killed = When(30, kill("reports.search"))

    found = judged(
        cluster, tmp_path, searching({"from": 20, "to": 50, "for": "3s"}, max_users=60), Variant(), meanwhile=killed
    )

    assert found.run.facts["interrupted"] == "the search exited unexpectedly during the load"
    assert found.verdict["exit_code"] == 3
    assert (record := search.read(found.run.folder)) is not None
    assert not record.ended
