"""JUnit has a case for every rule, check and condition, and fails for what counts only."""

from pathlib import Path
from xml.etree import ElementTree as xml

from reports.__main__ import report
from tests.support.synthetic_run import HOLDING, synthetic_run, taking
from tests.support.verdicts import INFO, MAJOR, UNDECIDED, VIOLATED


def test_junit_has_a_case_for_every_rule_check_and_condition(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, answer=taking(0.6), findings=[*HOLDING, VIOLATED, UNDECIDED], load={"exceptions": 1})
    verdict = report(run.folder)

    suite = xml.fromstring((run.folder / "junit.xml").read_text())
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    assert suite.get("name") == "sustained"
    assert len(cases) == len(verdict["rules"]) + len(verdict["checks"]) + len(verdict["validity"]) + 1
    assert cases["p95(response_time) < 500ms"] == ["system-out"]
    assert cases["p99(response_time) < 900ms"] == []
    assert cases["X1: Each acknowledged message is stored."] == []
    assert cases["X2: No message is stored twice."] == ["failure"]
    assert cases["X4: A race is won once."] == ["error"]
    assert cases["EXCEPTIONS: The users' own code raised nothing"] == ["error"]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == (str(len(cases)), "2", "2")


def test_a_rule_that_blocks_nothing_fails_no_case(tmp_path: Path) -> None:
    rules = ["ratio(errors) < 1%", "p95(lag) <= baseline +1%", MAJOR, {**INFO, "rule": "p50(response_time) < 500ms"}]
    report(synthetic_run(tmp_path, table={"rules": rules}, answer=taking(0.8)).folder)

    suite = xml.fromstring((next(tmp_path.glob("*/2*")) / "junit.xml").read_text())
    cases = {case.get("name"): [child.tag for child in case] for case in suite}

    assert cases["p95(response_time) < 500ms"] == ["system-out"]
    assert cases["p50(response_time) < 500ms"] == ["system-out"]
    # With four conditions that a smoke run without a monitor has nothing for.
    assert cases["p95(lag) <= baseline +1%"] == ["skipped"]
    assert [suite.get(name) for name in ("failures", "errors", "skipped")] == ["0", "0", "5"]
