"""What was seeded is as it was asked for, and stays as it is."""

from types import SimpleNamespace
from typing import Any

from verification.event_store import pool, seeded

FIGURE = {"what": "tenants", "asked": "10", "found": "10", "right": True}


def case(**seen: Any) -> Any:
    return SimpleNamespace(seen=SimpleNamespace(**seen))


def test_a_figure_that_is_not_as_it_was_asked_for_is_named() -> None:
    wrong = FIGURE | {"found": "9", "right": False}

    assert seeded(case(figures=[FIGURE])).witnesses == 0
    found = seeded(case(figures=[FIGURE, wrong]))
    assert (found.compared, found.witnesses, found.detail) == (2, 1, "tenants: asked 10, found 9")


def test_without_figures_there_is_nothing_to_compare() -> None:
    assert seeded(case(figures=())).compared == 0


def test_events_of_the_pool_that_say_something_else_are_found() -> None:
    assert pool(case(pool=(5, "1"), seeded_pool=(5, "1"))).witnesses == 0
    assert pool(case(pool=(5, "2"), seeded_pool=(5, "1"))).witnesses == 1
    assert pool(case(pool=(4, "1"), seeded_pool=(5, "1"))).witnesses == 1
    assert pool(case(pool=(5, "1"), seeded_pool=None)).compared == 0
