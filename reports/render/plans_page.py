"""The plans of the statements of a run as a page: statement by statement what each was, what is wrong, what to do."""

import json
from pathlib import Path
from typing import Any

from reports.render.page import page

FILE = "plans.json"
"""What verification left in the run folder."""

ADVICE = (
    (
        "is sorted",
        "An index on the compared columns, and then on those of ORDER BY, has the rows in order.",
    ),
    ("no index has a condition", "An index must begin with the columns that are compared; OR and min() may hide one."),
    ("then filtered", "Put the filtered column into the index, or bound the range; split OR into UNION ALL."),
    ("expected an index", "CREATE INDEX on the columns that are compared; then ANALYZE."),
    ("leading column", "Compare the first column of the index too: here that of the tenant."),
    ("pages are read", "Bound the range that is walked, or have an index that ends where the answer does."),
)
"""What to try where a plan is wrong, by what is said of it."""


def render(folder: Path, run: str) -> str | None:
    """plans.html of the run in `folder`, called `run`; None if it has no plans, or none that can be read."""
    try:
        plans: list[dict[str, Any]] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    statements: dict[str, list[dict[str, Any]]] = {}
    for one in plans:
        statements.setdefault(one["sql"], []).append({**one, "try": advice(one["wrong"])})
    # Those first in which something is wrong.
    ordered = sorted(statements.items(), key=lambda pair: not any(one["wrong"] for one in pair[1]))
    return page("plans.html.j2", run=run, statements=ordered, blocks=blocks)


def advice(wrong: list[str]) -> str:
    """What to try where this is wrong; "" = nothing."""
    return next((text for word, text in ADVICE for one in wrong if word in one), "")


def blocks(plan: dict[str, Any]) -> int:
    """How many pages were read."""
    return int(plan.get("Shared Hit Blocks", 0)) + int(plan.get("Shared Read Blocks", 0))
