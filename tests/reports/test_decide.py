"""The worst cause makes the verdict and is named in one sentence with numbers."""

from dataclasses import replace
from typing import Any

import pytest

from harness.check import Finding
from harness.plan.rules import COUNT, DURATION, RATE
from harness.run import LOST_PROCESS
from harness.verdict import EXIT_CODES, CheckState, RuleState, ValidityState, Verdict
from reports.decide import Decision, decide
from reports.rules.result import RuleResult
from reports.validity.result import ValidityResult

OURS = {"ours": True, "died": [], "fault": None}
DIED = {**OURS, "died": ["api"]}
THEIRS = {"ours": False, "died": ["api"]}


def result(
    text: str,
    state: RuleState,
    value: float | None,
    limit: float | None,
    margin: float | None,
    n: int = 100,
    *,
    kind: str = DURATION,
    comparison: str = "<",
    severity: str = "blocker",
    needs: float | None = None,
    detail: str = "",
    attainable: float | None = None,
) -> RuleResult:
    return RuleResult(
        id=text,
        text=text,
        measures="",
        severity=severity,
        state=state,
        value=value,
        interval=None,
        limit=limit,
        kind=kind,
        comparison=comparison,
        margin=margin,
        overshoot=None,
        n=n,
        n_eff=None,
        needs=needs,
        detail=detail,
        attainable=attainable,
    )


PASSED = result("p95(response_time) < 500ms", RuleState.PASS, 0.4, 0.5, 0.2)
EASY = result("p99(response_time) < 900ms", RuleState.PASS, 0.1, 0.9, 0.89)
OVER = result("p95(response_time) < 500ms", RuleState.CONDITIONAL, 0.6, 0.5, -0.2)
FAR_OVER = result("p99(response_time) < 900ms", RuleState.NO_GO, 1.8, 0.9, -1.0)
FARTHER = result("max(response_time) < 1s", RuleState.NO_GO, 5.0, 1.0, -4.0)
EMPTY = result("p95(end_to_end) < 1s", RuleState.ERROR, None, None, None, 0, detail="nothing to measure")
UNSURE = result("p99(lag) < 1s", RuleState.UNPROVEN, 0.5, 1.0, 0.5, needs=90.0)
ALONE = result("p50(lag) <= baseline +5%", RuleState.NOT_COMPARED, 0.5, None, None, detail="there is no baseline")


def major(rule: RuleResult) -> RuleResult:
    return replace(rule, severity="major")


def info(rule: RuleResult) -> RuleResult:
    return replace(rule, severity="info")


HOLDS = Finding("X1", "Each acknowledged message is stored.", CheckState.HOLDS, 171, "messages")
VIOLATED = Finding("X2", "No message is stored twice.", CheckState.VIOLATED, 171, "messages", witnesses=3)
WORSE = Finding("X3", "A rejected message is not stored.", CheckState.VIOLATED, 20, "rejections", witnesses=9)
UNDECIDED = Finding("X4", "A race is won once.", CheckState.UNDECIDED, 0, "races", detail="there was no race")
CRASHED = Finding("X5", "Time flies.", CheckState.UNDECIDED, 0, "times", detail="no such table", crashed=True)

OK = ValidityResult("V1", "The planned arrivals were begun", ValidityState.OK, "all", "99 %", "")
WARNING = ValidityResult("V9", "The machine was quiet", ValidityState.WARNING, "it was not", "quiet", "End the rest.")
HARMLESS = replace(WARNING, consequence="harmless: no rule rests on that")
REACHING = replace(WARNING, reach=(PASSED.text,), consequence="times could be wrong, which could change one rule")
ABORTED = {"aborted": {"rule": "ratio(errors) < 1%", "at": 12.0, "said": "30 of 400 are errors"}}
SMOKE = {"profile": "smoke"}
UNCHECKED = {"plan": {"unchecked": True}}
ALSO = ValidityResult("V13", "Long enough", ValidityState.NOT_APPLICABLE, "smoke", "long", "")
BROKEN = ValidityResult("V2", "The loop kept time", ValidityState.BROKEN, "the loop was 90 ms late at p99", "10 ms", "")


def decided(
    rules: Any = (PASSED,),
    findings: Any = (HOLDS,),
    validity: Any = (OK,),
    target: dict[str, Any] = OURS,
    **run: Any,
) -> Decision:
    return decide(rules, findings, validity, {"profile": "ci", "target": target, **run}, 1234)


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        # 1. Damage, whether or not the run is valid.
        ({"findings": [HOLDS, VIOLATED]}, Verdict.NO_GO),
        ({"findings": [VIOLATED], "validity": [BROKEN]}, Verdict.NO_GO),
        ({"findings": [VIOLATED, UNDECIDED]}, Verdict.NO_GO),
        ({"findings": [HOLDS, CRASHED]}, Verdict.NO_GO),
        ({"findings": [CRASHED], "validity": [BROKEN]}, Verdict.NO_GO),
        # 2. A crash of the target, likewise.
        ({"target": DIED}, Verdict.NO_GO),
        ({"target": DIED, "validity": [BROKEN], "findings": None}, Verdict.NO_GO),
        # A target that is not ours is not watched.
        ({"target": THEIRS}, Verdict.GO),
        ({"target": {}}, Verdict.GO),
        # 3. What makes a run invalid, whatever its rules say.
        ({"validity": [OK, BROKEN]}, Verdict.INVALID),
        ({"validity": [BROKEN], "rules": [FAR_OVER]}, Verdict.INVALID),
        ({"validity": [BROKEN], **ABORTED}, Verdict.INVALID),
        ({"findings": [HOLDS, UNDECIDED]}, Verdict.INVALID),
        ({"findings": [UNDECIDED], "rules": [FAR_OVER]}, Verdict.INVALID),
        ({"findings": None}, Verdict.INVALID),
        ({"findings": None, "rules": [FAR_OVER]}, Verdict.INVALID),
        # 4. Rules: blockers by far or without a figure, major ones by farther.
        ({"rules": [OVER, FAR_OVER]}, Verdict.NO_GO),
        ({"rules": [PASSED, EMPTY]}, Verdict.NO_GO),
        ({"rules": [PASSED, major(FAR_OVER)]}, Verdict.NO_GO),
        # A rule that ended the load, even if little was missing and little was compared.
        ({"rules": [OVER], **ABORTED}, Verdict.NO_GO),
        ({"rules": [PASSED], **ABORTED}, Verdict.NO_GO),
        ({"rules": [OVER], "findings": [UNDECIDED], **ABORTED}, Verdict.NO_GO),
        # 5. Conditions.
        ({"rules": [PASSED, OVER]}, Verdict.CONDITIONAL),
        ({"rules": [PASSED, UNSURE]}, Verdict.CONDITIONAL),
        ({"rules": [PASSED, major(OVER)]}, Verdict.CONDITIONAL),
        ({"rules": [PASSED, major(EMPTY)]}, Verdict.CONDITIONAL),
        ({"validity": [OK, REACHING]}, Verdict.CONDITIONAL),
        ({"validity": [HARMLESS, REACHING]}, Verdict.CONDITIONAL),
        # A warning that was not weighed could change anything.
        ({"validity": [OK, WARNING]}, Verdict.CONDITIONAL),
        # … but a smoke run is only warned.
        ({"validity": [OK, WARNING], **SMOKE}, Verdict.GO),
        ({"validity": [OK, BROKEN], **SMOKE}, Verdict.INVALID),
        # 6. Everything else.
        ({}, Verdict.GO),
        ({"validity": [OK, ALSO]}, Verdict.GO),
        ({"validity": [OK, HARMLESS]}, Verdict.GO),
        ({"rules": [PASSED, major(UNSURE)]}, Verdict.GO),
        ({"rules": [PASSED, info(FAR_OVER), info(OVER), info(EMPTY), info(UNSURE)]}, Verdict.GO),
        ({"rules": [PASSED, ALONE]}, Verdict.GO),
        # A plan that says so has its data not checked: the best it can be is UNCHECKED, and nothing else is excused.
        ({**UNCHECKED, "findings": []}, Verdict.UNCHECKED),
        ({**UNCHECKED, "findings": [], **SMOKE}, Verdict.UNCHECKED),
        ({**UNCHECKED, "findings": [], "validity": [BROKEN]}, Verdict.INVALID),
        ({**UNCHECKED, "findings": [], "rules": [OVER]}, Verdict.CONDITIONAL),
        ({**UNCHECKED, "findings": [], "rules": [FAR_OVER]}, Verdict.NO_GO),
        ({**UNCHECKED, "findings": [], "rules": [info(PASSED)]}, Verdict.INVALID),
        ({**UNCHECKED, "findings": None}, Verdict.INVALID),
        ({"plan": {"unchecked": False}, "findings": []}, Verdict.INVALID),
        # GO needs a rule that blocks and a check.
        ({"findings": []}, Verdict.INVALID),
        ({"rules": []}, Verdict.INVALID),
        ({"rules": [ALONE]}, Verdict.INVALID),
        ({"rules": [major(PASSED), info(PASSED)]}, Verdict.INVALID),
    ],
)
def test_the_first_row_that_applies_is_the_verdict(asked: dict[str, Any], verdict: Verdict) -> None:
    decision = decided(**asked)

    assert decision.verdict is verdict
    assert decision.reason == (decision.causes[0].sentence if decision.causes else decision.reason)


@pytest.mark.parametrize(
    ("severity", "verdict", "reason"),
    [
        ("blocker", Verdict.NO_GO, "Check X2 “No message is stored twice” is violated: 3 of 171 messages."),
        ("major", Verdict.CONDITIONAL, "Check X2 “No message is stored twice” is violated: 3 messages."),
        ("info", Verdict.GO, "The one rule and 1 of 2 checks of the data hold over 1,234 operations"),
    ],
)
def test_a_check_of_a_plan_says_itself_what_it_makes(severity: str, verdict: Verdict, reason: str) -> None:
    found = decided(rules=[PASSED], findings=[HOLDS, replace(VIOLATED, severity=severity)])

    assert found.verdict is verdict
    assert found.reason.startswith(reason)


def test_checks_that_block_nothing_prove_nothing() -> None:
    found = decided(findings=[replace(HOLDS, severity="major")])

    assert (found.verdict, found.reason) == (
        Verdict.INVALID,
        "No blocking check of the data was evaluated: nothing shows that it is right.",
    )


@pytest.mark.parametrize(
    ("facts", "verdict", "reason"),
    [
        ({"failed": "no connection to x"}, Verdict.NO_GO, "A process of service"),
        ({"failed": "no connection to x", "before": {"xid": 1}, "after": {"roles": []}}, Verdict.NO_GO, "A process of"),
        (
            {"failed": "no connection to x", "before": {"xid": 1}, "after": None},
            Verdict.INVALID,
            "PostgreSQL answered before the load and no longer after it: see its own log.",
        ),
        (
            {"failed": "no connection to x", "before": {"xid": 1}, "after": None, "database": {"ours": True}},
            Verdict.INVALID,
            "PostgreSQL answered before the load and no longer after it: see postgres.log in PERF_HOME.",
        ),
        ({"failed": "no room", "before": {"xid": 1}, "after": None}, Verdict.INVALID, "The run did not come"),
        ({"postgres": {"crashed": True}}, Verdict.INVALID, "PostgreSQL crashed during the run"),
    ],
)
def test_a_service_that_died_with_its_database_is_not_the_reason(
    facts: dict[str, Any], verdict: Verdict, reason: str
) -> None:
    found = decided(target=DIED, **facts)

    assert found.verdict is verdict
    assert found.reason.startswith(reason)
    assert any("died during the run" in cause.sentence for cause in found.causes)


def test_each_verdict_has_an_exit_code_of_its_own_but_those_of_success() -> None:
    assert sorted([*EXIT_CODES.values(), 2]) == [0, 0, 1, 2, 3, 4]
    assert [verdict for verdict, code in EXIT_CODES.items() if code == 0] == [Verdict.GO, Verdict.UNCHECKED]
    assert set(EXIT_CODES) == set(Verdict)


def test_all_causes_are_listed_the_worst_first() -> None:
    decision = decided(
        rules=[UNSURE, major(OVER), OVER, FAR_OVER, EMPTY, FARTHER, PASSED, ALONE, info(FAR_OVER)],
        findings=[HOLDS, CRASHED, UNDECIDED, VIOLATED, WORSE],
        validity=[OK, WARNING, BROKEN],
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
        (Verdict.CONDITIONAL, "rule"),
        (Verdict.CONDITIONAL, "rule"),
        (Verdict.CONDITIONAL, "validity"),
    ]
    assert "3 of 171 messages" in decision.reason
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
            {"rules": [result("rate(x) >= 10/s", RuleState.NO_GO, 5.0, 10.0, -0.5, 9, kind=RATE, comparison=">=")]},
            "Rule rate(x) >= 10/s is missed: 5.0/s from 9 samples, 50 % short of its limit of 10.0/s.",
        ),
        (
            {"rules": [result("count(errors) == 0", RuleState.NO_GO, 3.0, 0.0, None, 50, kind=COUNT, comparison="==")]},
            "Rule count(errors) == 0 is missed: 3 from 50 samples, outside its limit of 0.",
        ),
        (
            {"rules": [result("max(lag) < 1s", RuleState.CONDITIONAL, 1.0, 1.0, 0.0, 5)]},
            "Rule max(lag) < 1s is missed: 1 s from 5 samples, on, and so not within, its limit of 1 s.",
        ),
        (
            {
                "rules": [
                    result("p95(end_to_end) < 1s", RuleState.NO_GO, None, 1.0, None, 9, detail="8 of 9 were never")
                ]
            },
            "Rule p95(end_to_end) < 1s is missed: 8 of 9 were never.",
        ),
        (
            {"rules": [UNSURE]},
            "Rule p99(lag) < 1s holds with 500 ms from 100 samples, which don't prove it: "
            "it needs about 1 m 30 s more.",
        ),
        (
            {"rules": [PASSED, ALONE, info(FAR_OVER)]},
            "1 of 3 rules and all 1 checks of the data hold over 1,234 operations; closest to its limit is "
            "p95(response_time) < 500ms, with 400 ms against 500 ms.",
        ),
        (ABORTED, "Rule ratio(errors) < 1% ended the load after 12 s: 30 of 400 are errors."),
        ({"validity": [WARNING]}, "With care, V9: it was not; needed: quiet. End the rest."),
        (
            {"validity": [REACHING]},
            "With care, V9: it was not; times could be wrong, which could change one rule; needed: quiet. "
            "End the rest.",
        ),
        ({"rules": [ALONE]}, "No blocking rule was evaluated: no limit was judged."),
        ({"rules": [EMPTY]}, "Rule p95(end_to_end) < 1s could not be evaluated: nothing to measure."),
        ({"findings": [VIOLATED]}, "Check X2 “No message is stored twice” is violated: 3 of 171 messages."),
        ({"findings": [CRASHED]}, "Check X5 “Time flies” could not be run: no such table."),
        ({"findings": [UNDECIDED]}, "Check X4 “A race is won once” is undecided: there was no race."),
        ({"validity": [BROKEN]}, "Not valid, V2: the loop was 90 ms late at p99; needed: 10 ms."),
        ({"target": DIED}, "A process of service api died during the run; see api.log."),
        (
            {"target": {**DIED, "fault": "dies"}},
            "A process of service api died during the run (it ran with the fault dies on purpose); see api.log.",
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
        ({"validity": [BROKEN], "rules": [UNSURE]}, Verdict.CONDITIONAL),
        ({"validity": [BROKEN, WARNING]}, Verdict.CONDITIONAL),
        ({"validity": [BROKEN], "rules": [PASSED], **ABORTED}, Verdict.NO_GO),
        ({"validity": [BROKEN], "rules": []}, None),
        ({"rules": [FAR_OVER]}, None),
        ({}, None),
    ],
)
def test_of_an_invalid_run_it_is_said_what_its_rules_would_say(asked: dict[str, Any], would_be: Verdict | None) -> None:
    assert decided(**asked).would_be is would_be


def invalid(name: str) -> ValidityResult:
    return ValidityResult(name, f"{name} holds", ValidityState.BROKEN, f"{name} does not", "that it does", "")


CAUSES = ["BINDING", "INTERRUPTED", "WORKERS", "EXCEPTIONS", "STATUSES", "SUCCESSES", "V1", "V12", "SCALED", "V2"]


@pytest.mark.parametrize("place", range(len(CAUSES)))
def test_the_reason_is_what_caused_the_rest(place: int) -> None:
    later = CAUSES[place:]
    decision = decided(validity=[invalid(name) for name in reversed(later)])

    assert decision.reason == f"Not valid, {later[0]}: {later[0]} does not; needed: that it does."
    assert [cause.sentence.split(":")[0] for cause in decision.causes] == [f"Not valid, {name}" for name in later]


def test_a_process_that_was_lost_is_why_a_load_was_interrupted() -> None:
    conditions = [invalid("INTERRUPTED"), invalid("WORKERS")]

    assert "INTERRUPTED" in decided(validity=conditions, interrupted="SIGINT during the load").reason
    assert "WORKERS" in decided(validity=conditions, interrupted=f"{LOST_PROCESS} during the load").reason


def test_of_a_folder_that_is_not_bound_nothing_else_is_the_reason() -> None:
    decision = decided(findings=[VIOLATED], validity=[invalid("BINDING")], target=DIED)

    assert (decision.verdict, "BINDING" in decision.reason) == (Verdict.INVALID, True)


def test_an_unchecked_run_says_that_its_data_was_not_checked() -> None:
    decision = decided(**UNCHECKED, findings=[])
    invalid = decided(**UNCHECKED, findings=[], validity=[BROKEN])

    assert decision.reason == (
        "The one rule holds over 1,234 operations, the data was not checked; closest to its limit is "
        "p95(response_time) < 500ms, with 400 ms against 500 ms."
    )
    assert invalid.would_be is Verdict.UNCHECKED


LACKING = [replace(UNDECIDED, id=f"X{place}", detail=f"reason {place}") for place in range(10)]
ALIKE = [replace(UNDECIDED, id=f"X{place}") for place in range(10)]


@pytest.mark.parametrize(
    "asked",
    [{"validity": [BROKEN]}, {"target": DIED}, {**ABORTED, "rules": [OVER]}, {"validity": [invalid("BINDING")]}],
)
def test_checks_that_are_undecided_for_a_cause_that_is_named_are_one_line(asked: dict[str, Any]) -> None:
    causes = decided(findings=[HOLDS, *LACKING], **asked).causes

    lines = [cause.sentence for cause in causes if cause.about == "check"]
    assert lines == [f"10 checks are undecided, which may follow from that: {', '.join(one.id for one in LACKING)}."]
    assert "undecided" not in causes[0].sentence


@pytest.mark.parametrize(
    ("findings", "lines"),
    [
        (LACKING, [f"Check X{n} “A race is won once” is undecided: reason {n}." for n in range(10)]),
        (ALIKE, [f"Checks {', '.join(one.id for one in ALIKE)} are undecided: there was no race."]),
        (
            [replace(CRASHED, id=name) for name in ("X1", "X2")],
            ["Checks X1, X2 could not be run: no such table."],
        ),
    ],
)
def test_checks_with_one_reason_are_one_line(findings: list[Finding], lines: list[str]) -> None:
    assert [cause.sentence for cause in decided(findings=findings).causes] == lines


OFFERED = result(
    "rate(goodput) >= 95% of offered",
    RuleState.PASS,
    100.0,
    95.0,
    0.0526,
    kind=RATE,
    comparison=">=",
    attainable=0.0526,
)


@pytest.mark.parametrize(
    ("rules", "closest"),
    [
        ([OFFERED, PASSED], "p95(response_time) < 500ms"),
        ([replace(OFFERED, value=96.0, margin=0.0105), replace(EASY, margin=0.3)], "rate(goodput) >= 95% of offered"),
        ([replace(OFFERED, attainable=None), PASSED], "rate(goodput) >= 95% of offered"),
    ],
)
def test_a_go_names_the_rule_with_the_least_of_its_attainable_margin(rules: list[RuleResult], closest: str) -> None:
    assert f"closest to its limit is {closest}, " in decided(rules=rules).reason
