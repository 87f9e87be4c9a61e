"""[check.<name>] and [quiesce] of a plan: SQL of the user's own that gives no row, or 0, when the data is right."""

import re

from harness.errors import nearest
from harness.plan.rules import BLOCKER, SEVERITIES
from harness.plan.scenario import OwnCheck, Quiesce
from harness.plan.toml_table import Table, Where

NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")
TIMEOUT = "30s"


def checks(where: Where, stated: object) -> tuple[OwnCheck, ...]:
    """The checks of the table `check`, in its order; PlanError for what is unknown or missing."""
    return tuple(_check(where, name, table) for name, table in Table(where, "check", stated).rest.items())


def quiesce(where: Where, stated: object) -> Quiesce | None:
    """What is awaited before the data is read, if the plan says it."""
    if stated is None:
        return None
    table = Table(where, "quiesce", stated)
    found = Quiesce(_query(table), table.seconds("within", TIMEOUT))
    table.done()
    return found


def _check(where: Where, name: str, stated: object) -> OwnCheck:
    if not NAME.fullmatch(name):
        where.fail(name, f"check.{name}: expected a name of lower-case letters, digits, hyphens and underscores")
    table = Table(where, f"check.{name}", stated)
    severity = table.take("severity", BLOCKER)
    if severity not in SEVERITIES:
        where.fail(severity, f"check.{name}: severity = {severity!r}; {nearest(str(severity), SEVERITIES)}", "severity")
    found = OwnCheck(
        name, table.text("title"), _query(table), table.flag("before"), severity, table.seconds("timeout", TIMEOUT)
    )
    table.done()
    return found


def _query(table: Table) -> str:
    return table.text("sql").strip().removesuffix(";").rstrip()
