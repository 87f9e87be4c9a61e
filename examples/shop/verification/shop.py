"""Every acknowledged order is stored, once, as it was sent, and no other."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.check import Finding
from harness.plan.scenario import Scenario
from harness.run import Run
from schema.shop import ORDERS
from systems import ids, shop
from verification import checks, rows
from verification.case import Case, Observation
from verification.checks import Check
from verification.ledger import Ledger
from verification.ledger_checks import invariants, replayed
from verification.quiescence import still
from verification.reading import MOMENT, reader

SOURCE = rows.Source(
    ORDERS.name,
    key="key",
    committed="stored",
    completed="",
    columns={"id": "str", "thing": "str", "quantity": "int64", "stored": MOMENT},
)

CHECKS = (
    *invariants("order", shop.EXPECTED, races=False),
    Check(
        "SH1", "Every replay was answered with the id of the stored order.", "replays against stored orders", replayed
    ),
)


def observe(url: str, run: Run, ledger: Ledger) -> Observation:
    """Wait until no transaction writes, then read all that the checks need, in one snapshot."""
    until = ledger.ended + round(run.scenario.timeout_seconds * 1e9)
    with reader(url) as session:
        offset = session.clock_offset()
        with still(session, ledger, run.scenario, "SELECT 0", (SOURCE.table,)) as stillness:
            return Observation(
                source=SOURCE,
                settings=session.settings(),
                taken=pd.Timestamp(session.row("SELECT now()")[0]),
                clock_offset=offset,
                drained_seconds=stillness.drained_seconds,
                disturbance=stillness.disturbance,
                rows=rows.own(session, ledger.run, SOURCE, SOURCE.columns),
                foreign=rows.foreign(
                    session, ledger, SOURCE, f"thing {ids.POOL_SQL}", ledger.began + offset, until + offset
                ),
            )


def case(ledger: Ledger, seen: Observation) -> Case:
    """The orders that were sent beside those that are there."""
    return Case(ledger, seen, _expected)


def judge(case: Case) -> list[Finding]:
    """The findings of the checks."""
    return checks.judge(CHECKS, case)


def checks_of(_scenario: Scenario) -> Sequence[Check]:
    """All of them, whatever the plan says."""
    return CHECKS


def weakened(_case: Case) -> list[str]:
    """Nothing makes the checks say less than they could."""
    return []


def _expected(_run: str, keys: pd.DataFrame) -> pd.DataFrame:
    """What must be stored under `keys` (key, subject)."""
    return pd.DataFrame(
        {
            "thing": np.array([ids.uuid_of(n) for n in keys["subject"].tolist()], object),
            "quantity": [shop.quantity(op) for op in keys["key"].tolist()],
        }
    )
