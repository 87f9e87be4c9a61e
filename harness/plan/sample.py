"""What a plan sends, as one request of it, and the answers that are understood: for people, before anything is sent."""

import importlib
import json
from collections.abc import Iterator
from typing import Any

from harness.plan import template
from harness.plan.scenario import Scenario

INDENT = "  "


def lines(scenario: Scenario, target: str) -> Iterator[str]:
    """A sample request to `target` ("" = not known yet) and the answers, if the system's facts have them (`sample`,
    `answers`), or the statements of an engine (`calls`); nothing else.
    """
    facts: Any = importlib.import_module(f"systems.{scenario.system}") if scenario.system else None
    if hasattr(facts, "sample"):
        route, headers, body, values = facts.sample(scenario.contract, scenario.pool, scenario.mix)
        method, path = template.filled(route, values).split(" ", 1)
        yield "a request (a sample; nothing is sent)"
        yield f"{INDENT}{method} {target.rstrip('/')}{path}"
        yield f"{INDENT}Content-Type: application/json"
        yield from (f"{INDENT}{name}: {text}" for name, text in template.filled(headers, values).items())
        yield f"{INDENT}{json.dumps(template.filled(body, values), ensure_ascii=False)}"
    if hasattr(facts, "calls"):
        yield "the statements that are sent (nothing is, yet)"
        yield from (f"{INDENT}{line}" for line in facts.calls(scenario.contract))
    if hasattr(facts, "answers"):
        yield "answers that are understood"
        yield from (f"{INDENT}{status}  {meaning}" for status, meaning in facts.answers(scenario.contract))
        yield f"{INDENT}any other: what it did is not known (UNKNOWN)"
