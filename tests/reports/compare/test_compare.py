"""A comparison is of runs of the same thing only, says what changed and by how much, and never more than it knows."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.verdict import Verdict
from reports import comparability
from reports.__main__ import report
from reports.compare.__main__ import NOT_COMPARABLE, comparison, verdict
from reports.render import compare_page
from reports.statistics.paired import Change
from tests.support import commands
from tests.support.synthetic_run import synthetic_run, taking

ABOUT = {"scenario": "peak", "profile": "ci", "base": {"ref": "main"}, "head": {"ref": "mine"}, "advisory": False}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return report(synthetic_run(tmp_path_factory.mktemp("runs")).folder)


def scaled(record: dict[str, Any], times: float) -> dict[str, Any]:
    """The same run, with response times `times` as long."""
    made = copy.deepcopy(record)
    response = made["operations"][-1]["response"]
    made["operations"][-1]["response"] = {name: value * times for name, value in response.items()}
    made["spectrum"] = [[q, r * times, s * times] for q, r, s in made["spectrum"]]
    return made


def pairs(record: dict[str, Any], *times: float) -> dict[str, Any]:
    return comparison([record] * len(times), [scaled(record, t) for t in times], dict(ABOUT))


@pytest.mark.parametrize(
    ("times", "change", "expected"),
    [
        ([1.10, 1.11, 1.12, 1.10, 1.09, 1.10], Change.REGRESSED, Verdict.CONDITIONAL),
        ([1.7] * 6, Change.REGRESSED, Verdict.NO_GO),
        ([0.8] * 6, Change.IMPROVED, Verdict.GO),
        ([1.0, 1.01, 0.99, 1.0, 1.0, 1.01], Change.NO_CHANGE, Verdict.GO),
        ([1.3, 0.8, 1.2, 0.9, 1.4, 0.7], Change.INCONCLUSIVE, Verdict.CONDITIONAL),
        ([1.5], Change.INCONCLUSIVE, Verdict.CONDITIONAL),
    ],
)
def test_what_pairs_say(record: dict[str, Any], times: list[float], change: Change, expected: Verdict) -> None:
    found = pairs(record, *times)
    assert found["change"] == change
    assert verdict(found) is expected
    by_name = {one["metric"]["name"]: one for one in found["metrics"]}
    assert by_name["goodput"]["ratio"] == pytest.approx(1)
    assert json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("host", "cpu"), "another", "processor differs: Example CPU and another"),
        (("host", "cores"), 3, "cores differs: 8 and 3"),
        (("database", "settings"), {"fsync": "off"}, "PostgreSQL's fsync differs: on and off"),
        (("versions",), {"locust": "1"}, "version of locust differs: 2.47.0 and 1"),
        (("versions",), None, "version of proofload differs: 0.1.0 and not known"),
        (("profile",), "full", "profile differs: smoke and full"),
    ],
)
def test_runs_on_something_else_are_not_comparable_and_it_is_said_in_words(
    record: dict[str, Any], path: tuple[str, ...], value: Any, said: str
) -> None:
    other = copy.deepcopy(record)
    place = other["run"]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    found = comparison([record] * 6, [other] * 6, dict(ABOUT))

    assert found["change"] == NOT_COMPARABLE
    assert found["metrics"] == []
    assert said in found["reasons"]
    assert verdict(found) is Verdict.INVALID
    page = compare_page.render(found)
    assert "✗ differs" in page
    assert "{&#39;" not in page
    assert "Response times" not in page


def test_what_reads_the_same_and_is_not_differs_all_the_same(record: dict[str, Any]) -> None:
    """An empty table and none; a number in a digit that is not written."""
    other = copy.deepcopy(record)
    other["run"]["seconds"] += 1e-9
    assert comparability.reasons(record, record) == []
    assert len(comparability.reasons(record, other)) == 1
    one, two = ({**record, "run": {**record["run"], "versions": value}} for value in ({}, None))
    assert comparability.reasons(one, two) == ["version of differs: {} and None"]


def test_pairs_may_be_seeded_differently_and_the_runs_of_one_may_not(record: dict[str, Any]) -> None:
    other = copy.deepcopy(record)
    other["run"]["seeding"]["digest"] = "another"
    assert comparison([record, other], [record, other], dict(ABOUT))["change"] != NOT_COMPARABLE
    assert comparison([record, other], [record, record], dict(ABOUT))["change"] == NOT_COMPARABLE


def test_a_pair_of_another_machine_than_the_first_is_not_comparable(record: dict[str, Any]) -> None:
    other = copy.deepcopy(record)
    other["run"]["host"]["kernel"] = "another"
    found = comparison([record, other], [record, other], dict(ABOUT))
    assert found["change"] == NOT_COMPARABLE


@pytest.mark.parametrize(("word", "about"), [("INVALID", "validity"), ("NO-GO", "check")])
def test_a_run_whose_figures_mean_nothing_is_not_compared(record: dict[str, Any], word: str, about: str) -> None:
    bad = {**record, "verdict": word, "reason": "why", "causes": [{"verdict": word, "about": about, "sentence": "why"}]}
    assert comparison([record], [bad], dict(ABOUT))["change"] == NOT_COMPARABLE


def test_a_run_that_a_person_changed_is_compared_with_none_not_even_with_one_like_it(record: dict[str, Any]) -> None:
    changed = {**record, "run": {**record["run"], "steered": [{"second": 3.25, "users": 9, "spawn": 1.0}]}}

    for base, head in ((record, changed), (changed, record), (changed, changed)):
        found = comparison([base], [head], dict(ABOUT))
        assert (found["change"], found["metrics"]) == (NOT_COMPARABLE, [])
        assert "changed by hand: " in found["reasons"][0]
        assert "9 users from 3.2 s on" in found["reasons"][0]


def test_a_run_that_misses_a_rule_is_compared(record: dict[str, Any]) -> None:
    slow = {**scaled(record, 2.0), "verdict": "NO-GO"}
    slow["causes"] = [{"verdict": "NO-GO", "about": "rule", "sentence": "slow"}]
    assert comparison([record] * 6, [slow] * 6, dict(ABOUT))["change"] == Change.REGRESSED


def test_the_page_has_every_metric_both_tails_and_nothing_from_elsewhere(record: dict[str, Any]) -> None:
    about = {**ABOUT, "head": {"ref": "<script>alert(1)</script>"}}
    found = comparison([record] * 6, [scaled(record, 1.2)] * 6, about)
    page = compare_page.render(found)

    assert "<script" not in page
    assert page.count('class="line side-') == 12 + 2  # and in the legend
    assert all(name in page for name in ("p50", "p95", "goodput", "+20.0 %"))
    assert "http" not in page
    assert page == compare_page.render(found)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return commands.run("reports.compare", *words)


def test_two_runs_are_compared_and_called_no_proof(tmp_path: Path) -> None:
    one, other = synthetic_run(tmp_path), synthetic_run(tmp_path, answer=taking(0.03))
    for run in (one, other):
        report(run.folder)
    done = command(str(one.folder), str(other.folder))

    assert done.returncode == 0, done.stderr
    assert "two runs only" in done.stdout
    assert "+50.0 %" in done.stdout
    assert (other.folder / "comparison.html").exists()


def test_two_runs_that_are_not_comparable_are_no_success_and_leave_nothing(tmp_path: Path) -> None:
    runs = [synthetic_run(tmp_path), synthetic_run(tmp_path, profile="ci")]
    for run in runs:
        report(run.folder)
    before = [sorted(run.folder.iterdir()) for run in runs]
    done = command(*(str(run.folder) for run in runs))

    assert done.returncode == 3, done.stderr
    assert "? NOT COMPARABLE" in done.stdout
    assert "profile differs: smoke and ci" in done.stdout
    assert [sorted(run.folder.iterdir()) for run in runs] == before


def test_bad_input_is_a_sentence(tmp_path: Path) -> None:
    for words, said in (
        ([str(tmp_path)], "perf-ab"),
        ([str(tmp_path), str(tmp_path)], "make report"),
        (["a", "b", "c"], "3 folders"),
    ):
        done = command(*words)
        assert done.returncode == 2, words
        assert said in done.stderr
        assert "Traceback" not in done.stderr
