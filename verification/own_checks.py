"""Checks of the user's own: each is a query of the plan that gives no row if the data is right."""

import psycopg2

from harness import own_checks
from harness.check import Finding
from harness.database import first_line
from harness.own_checks import Answer
from harness.plan.scenario import OwnCheck, Scenario
from harness.verdict import CheckState
from verification.reading import Reader

WHAT = "query of the plan"

Answers = dict[str, Answer | str]
"""What each query gave, by the name of its check; or why it could not be run."""


def read(reader: Reader, scenario: Scenario) -> Answers:
    """Ask the queries of the plan, in the snapshot that `reader` is in."""
    return {one.name: _asked(reader, one) for one in scenario.own_checks}


def _asked(reader: Reader, check: OwnCheck) -> Answer | str:
    try:
        return own_checks.answer(reader.cursor, check.sql, check.seconds)
    except psycopg2.Error as error:
        return first_line(error)


def findings(scenario: Scenario, answers: Answers, before: dict[str, int], disturbance: str) -> list[Finding]:
    """What the checks of the plan say; `before` is how many rows those gave that were also asked before the load."""
    return [_finding(one, answers.get(one.name), before.get(one.name), disturbance) for one in scenario.own_checks]


def _finding(check: OwnCheck, found: Answer | str | None, before: int | None, disturbance: str) -> Finding:
    if not isinstance(found, Answer):
        why = f"the query could not be run: {found}" if found else "the database could not be read"
        return Finding(check.name, check.title, CheckState.UNDECIDED, 0, WHAT, detail=why, crashed=True, sql=check.sql)
    if not found.rows:
        state, detail = CheckState.HOLDS, ""
        if disturbance:
            state, detail = CheckState.UNDECIDED, f"not quiescent: {disturbance}"
        return Finding(check.name, check.title, state, 1, WHAT, detail=detail, severity=check.severity)
    told = f"its query gave {found.rows:,} rows"
    if before is not None:
        told += f", and {before:,} before the load" if before else ", and none before the load"
    if found.rows == 1 and list(found.shown[0].values()) == [0]:
        told += (
            ", one with a 0: a query that counts always gives one, so that it can't hold; expected HAVING count(*) > 0"
        )
    return Finding(
        check.name,
        check.title,
        CheckState.VIOLATED,
        max(found.rows, 1),
        "rows that its query gave",
        found.rows,
        told,
        {"rows": list(found.shown)},
        sql=f"{check.sql}{chr(10) if '--' in check.sql else ''};",
        severity=check.severity,
        said=f"{told[:1].upper()}{told[1:]}.",
    )
