"""The course of events, and dead letters, told from literal tables."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from systems import ids
from systems.orchestrator import REASON, digest, made
from systems.orchestrator_orders import order
from verification.found import Found, Part
from verification.orchestrator import work

RUN = "20261120T235501a1b2c3"


def table(**columns: Any) -> Any:
    """A case whose rows are all known."""
    frame = pd.DataFrame(columns)
    return SimpleNamespace(
        rows=frame,
        known=np.arange(len(frame)),
        part_of_rows=lambda tell, compared, places, sums: Part(tell, compared, len(places), sums=sums),
    )


@pytest.mark.parametrize(
    ("course", "broken"),
    [
        (0, 0),
        (1, 0),
        (1234, 0),
        (11234, 0),
        (134, 0),
        (12344, 0),
        (1324, 1),
        (2134, 1),
        (12343, 1),
        (12341234 % 10**7, 1),
    ],
)
def test_a_service_that_works_before_the_one_before_it_is_told(course: int, broken: int) -> None:
    assert work.in_order(table(course=[1234, course])).told().witnesses == broken


POISON = made("poison", order(1), "")


def letter(op: int, why: str = f"inventory: {REASON} SKU-0000", **changes: Any) -> str:
    event = {**POISON, "correlationId": ids.item_key(RUN, op, 0), **changes}
    return json.dumps({"queue": "inventory-service-queue", "reason": why, "body": json.dumps(event)})


def buried(*letters: str) -> Found:
    """What is said of two poisoned events and a good one, of operations 1 to 3, and these letters."""
    case = table(dead_reason=[REASON, REASON, None])
    case.poisoned = np.array([True, True, False])
    case.row_effect = np.array([0, 1, 2])
    case.ledger = SimpleNamespace(
        run=RUN,
        keys=pd.DataFrame({"key": [1, 2, 3]}),
        possible=SimpleNamespace(lines=lambda key, item: np.where(item == 0, key, -1)),
    )
    digests, found = np.array([digest(POISON["context"])]), work.letters(RUN, pd.DataFrame({"body": list(letters)}))
    case.drawn = SimpleNamespace(poison_digest=digests, place=lambda op, item: np.zeros(len(op), np.int64))
    case.seen = SimpleNamespace(in_database=True, also={"dead": found})
    return work.dead(case).told()


def test_each_poisoned_event_is_one_letter() -> None:
    assert (buried(letter(1), letter(2)).witnesses, buried(letter(2), letter(1), "no JSON").witnesses) == (0, 0)


@pytest.mark.parametrize(
    ("letters", "said"),
    [
        ([letter(1)], "1 are missing"),
        ([], "2 are missing"),
        ([letter(1), letter(2), letter(2)], "1 too many"),
        ([letter(1), letter(2), letter(3)], "1 too many"),
        ([letter(1), letter(2, why="")], "1 there without the reason"),
        ([letter(1), letter(2, context={})], "1 there without the reason or otherwise than sent"),
    ],
)
def test_a_letter_too_few_or_too_many_or_otherwise_is_told(letters: list[str], said: str) -> None:
    found = buried(*letters)

    assert found.witnesses >= 1
    assert said in found.detail
