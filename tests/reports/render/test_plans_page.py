"""Plans of statements as a page: what is wrong comes first, with what to try."""

import json
from pathlib import Path

import pytest

from reports.render.plans_page import FILE, advice, render

PLAN = {"Node Type": "Limit", "Actual Rows": 1000.0, "Shared Hit Blocks": 600, "Shared Read Blocks": 7}


def told(sql: str, *wrong: str) -> dict[str, object]:
    return {"sql": sql, "given": {}, "when": "after the load", "shape": "Limit", "wrong": list(wrong), "plan": PLAN}


def test_what_is_wrong_comes_first_and_nothing_is_taken_for_markup(tmp_path: Path) -> None:
    plans = [told("SELECT right"), told("SELECT a < b", "390 rows are read and then filtered: (x)")]
    (tmp_path / FILE).write_text(json.dumps(plans))

    page = render(tmp_path, "event-append (smoke)")

    assert page is not None
    assert page.index("SELECT a &lt; b") < page.index("SELECT right")
    assert "1 of 1" in page
    assert "split OR" in page
    assert "607" in page


@pytest.mark.parametrize("text", [None, "", "{", '{"a": '])
def test_without_plans_there_is_no_page(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)

    assert render(tmp_path, "x") is None


def test_what_is_not_wrong_needs_no_advice() -> None:
    assert advice([]) == ""
    assert advice(["what is read is sorted, expected an index that has it in order"])
