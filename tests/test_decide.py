"""The worst cause makes the verdict and is named in one sentence with numbers."""

from typing import Any

import pytest

from harness.check import Finding
from harness.rules import COUNT, DURATION, RATE
from harness.verdict import EXIT_CODES, CheckState, RuleState, Verdict
from reports.decide import Decision, decide
from reports.evaluate import RuleResult
from reports.generator import ValidityResult

OURS = {"ours": True, "died": False, "fault": None}
DIED = {**OURS, "died": True}
THEIRS = {"ours": False, "died": True}

PASSED = RuleResult("p95(response_time) < 500ms", RuleState.PASS, 0.4, 0.5, DURATION, "<", 0.2, 100, "")
EASY = RuleResult("p99(response_time) < 900ms", RuleState.PASS, 0.1, 0.9, DURATION, "<", 0.89, 100, "")
OVER = RuleResult("p95(response_time) < 500ms", RuleState.CONDITIONAL, 0.6, 0.5, DURATION, "<", -0.2, 100, "")
FAR_OVER = RuleResult("p99(response_time) < 900ms", RuleState.NO_GO, 1.8, 0.9, DURATION, "<", -1.0, 100, "")
FARTHER = RuleResult("max(response_time) < 1s", RuleState.NO_GO, 5.0, 1.0, DURATION, "<", -4.0, 100, "")
EMPTY = RuleResult("p95(end_to_end) < 1s", RuleState.ERROR, None, None, DURATION, "<", None, 0, "nothing to measure")

HOLDS = Finding("X1", "Each acknowledged message is stored.", CheckState.HOLDS, 171, "messages")
VIOLATED = Finding("X2", "No message is stored twice.", CheckState.VIOLATED, 171, "messages", witnesses=3)
WORSE = Finding("X3", "A rejected message is not stored.", CheckState.VIOLATED, 20, "rejections", witnesses=9)
UNDECIDED = Finding("X4", "A race is won once.", CheckState.UNDECIDED, 0, "races", detail="there was no race")
CRASHED = Finding("X5", "Time flies.", CheckState.UNDECIDED, 0, "times", detail="no such table", crashed=True)

OK = ValidityResult("V1", "The planned arrivals were begun", "ok", "all", "99 %", "")
BROKEN = ValidityResult("V2", "The loop kept time", "broken", "the loop was 90 ms late at p99", "10 ms", "")


def decided(
    rules: Any = (PASSED,), findings: Any = (HOLDS,), validity: Any = (OK,), target: dict[str, Any] = OURS
) -> Decision:
    return decide(rules, findings, validity, target, 1234)


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({}, Verdict.GO),
        # Rules.
        ({"rules": [PASSED, OVER]}, Verdict.CONDITIONAL),
        ({"rules": [OVER, FAR_OVER]}, Verdict.NO_GO),
        ({"rules": [PASSED, EMPTY]}, Verdict.NO_GO),
        # What makes a run invalid, whatever its rules say.
        ({"validity": [OK, BROKEN]}, Verdict.INVALID),
        ({"validity": [BROKEN], "rules": [FAR_OVER]}, Verdict.INVALID),
        ({"findings": [HOLDS, UNDECIDED]}, Verdict.INVALID),
        ({"findings": [UNDECIDED], "rules": [FAR_OVER]}, Verdict.INVALID),
        ({"findings": None}, Verdict.INVALID),
        ({"findings": None, "rules": [FAR_OVER]}, Verdict.INVALID),
        # GO needs a rule and a check.
        ({"findings": []}, Verdict.INVALID),
        ({"rules": []}, Verdict.INVALID),
        # Damage, whether or not the run is valid.
        ({"findings": [HOLDS, VIOLATED]}, Verdict.NO_GO),
        ({"findings": [VIOLATED], "validity": [BROKEN]}, Verdict.NO_GO),
        ({"findings": [VIOLATED, UNDECIDED]}, Verdict.NO_GO),
        ({"findings": [HOLDS, CRASHED]}, Verdict.NO_GO),
        ({"findings": [CRASHED], "validity": [BROKEN]}, Verdict.NO_GO),
        ({"target": DIED}, Verdict.NO_GO),
        ({"target": DIED, "validity": [BROKEN], "findings": None}, Verdict.NO_GO),
        # A target that is not ours is not watched.
        ({"target": THEIRS}, Verdict.GO),
        ({"target": {}}, Verdict.GO),
    ],
)
def test_the_first_row_that_applies_is_the_verdict(asked: dict[str, Any], verdict: Verdict) -> None:
    decision = decided(**asked)

    assert decision.verdict is verdict
    assert decision.reason == (decision.causes[0].sentence if decision.causes else decision.reason)


def test_each_verdict_has_an_exit_code_of_its_own() -> None:
    assert sorted([*EXIT_CODES.values(), 2]) == [0, 1, 2, 3, 4]
    assert set(EXIT_CODES) == set(Verdict)


def test_all_causes_are_listed_the_worst_first() -> None:
    decision = decided(
        rules=[OVER, FAR_OVER, EMPTY, FARTHER, PASSED],
        findings=[HOLDS, CRASHED, UNDECIDED, VIOLATED, WORSE],
        validity=[OK, BROKEN],
        target=DIED,
    )

    assert [(cause.verdict, cause.about) for cause in decision.causes] == [
        (Verdict.NO_GO, "check"),
        (Verdict.NO_GO, "check"),
        (Verdict.NO_GO, "check"),
        (Verdict.NO_GO, "target"),
        (Verdict.INVALID, "validity"),
        (Verdict.INVALID, "check"),
        (Verdict.NO_GO, "rule"),
        (Verdict.NO_GO, "rule"),
        (Verdict.NO_GO, "rule"),
        (Verdict.CONDITIONAL, "rule"),
    ]
    assert "9 of 20 rejections" in decision.reason
    assert "max(response_time)" in decision.causes[6].sentence


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (
            {"rules": [EASY, PASSED]},
            "All 2 rules and all 1 checks of the data hold over 1,234 operations; "
            "closest to its limit is p95(response_time) < 500ms, with 400 ms against 500 ms.",
        ),
        (
            {"rules": [FAR_OVER]},
            "Rule p99(response_time) < 900ms is missed: 1.8 s from 100 samples, 100 % over its limit of 900 ms.",
        ),
        (
            {
                "rules": [
                    RuleResult(
                        "rate(x) >= 95% of offered", RuleState.NO_GO, 5.0, 10.0, RATE, ">=", -0.5, 9, "10/s offered"
                    )
                ]
            },
            "Rule rate(x) >= 95% of offered is missed: 5.0/s from 9 samples, 50 % short of its limit of 10.0/s.",
        ),
        (
            {"rules": [RuleResult("count(errors) == 0", RuleState.NO_GO, 3.0, 0.0, COUNT, "==", None, 50, "")]},
            "Rule count(errors) == 0 is missed: 3 from 50 samples, outside its limit of 0.",
        ),
        (
            {"rules": [RuleResult("max(lag) < 1s", RuleState.CONDITIONAL, 1.0, 1.0, DURATION, "<", 0.0, 5, "")]},
            "Rule max(lag) < 1s is missed: 1 s from 5 samples, on, and so not within, its limit of 1 s.",
        ),
        (
            {
                "rules": [
                    RuleResult(
                        "p95(end_to_end) < 1s",
                        RuleState.NO_GO,
                        None,
                        1.0,
                        DURATION,
                        "<",
                        None,
                        9,
                        "8 of 9 were never completed",
                    )
                ]
            },
            "Rule p95(end_to_end) < 1s is missed: 8 of 9 were never completed.",
        ),
        ({"rules": [EMPTY]}, "Rule p95(end_to_end) < 1s could not be evaluated: nothing to measure."),
        ({"findings": [VIOLATED]}, "Check X2 “No message is stored twice” is violated: 3 of 171 messages."),
        ({"findings": [CRASHED]}, "Check X5 “Time flies” could not be run: no such table."),
        ({"findings": [UNDECIDED]}, "Check X4 “A race is won once” is undecided: there was no race."),
        ({"validity": [BROKEN]}, "Not valid, V2: the loop was 90 ms late at p99; needed: 10 ms."),
        ({"target": DIED}, "A process of the target died during the run; see target.log."),
        (
            {"target": {**DIED, "fault": "dies"}},
            "A process of the target died during the run (it ran with the fault dies on purpose); see target.log.",
        ),
    ],
)
def test_the_reason_is_one_sentence_with_numbers(asked: dict[str, Any], reason: str) -> None:
    assert decided(**asked).reason == reason


@pytest.mark.parametrize(
    ("asked", "would_be"),
    [
        ({"validity": [BROKEN]}, Verdict.GO),
        ({"validity": [BROKEN], "rules": [OVER]}, Verdict.CONDITIONAL),
        ({"validity": [BROKEN], "rules": [OVER, FAR_OVER]}, Verdict.NO_GO),
        ({"validity": [BROKEN], "rules": []}, None),
        ({"rules": [FAR_OVER]}, None),
        ({}, None),
    ],
)
def test_of_an_invalid_run_it_is_said_what_its_rules_would_say(asked: dict[str, Any], would_be: Verdict | None) -> None:
    assert decided(**asked).would_be is would_be
