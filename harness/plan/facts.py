"""The facts of a system, which its module states; what every system must say is checked."""

import importlib
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from harness.errors import PlanError
from harness.plan.rules import EFFECTS, METRICS
from systems import ids
from systems.effect import Effect

NO_FACTS = SimpleNamespace(MIX={}, EXPECTED={}, EFFECTS={})
"""What is known of the service behind a foreign locustfile: nothing."""


def facts_of(system: str) -> Any:
    """The facts of `system`; PlanError if they lack what every system must say."""
    try:
        facts = importlib.import_module(f"systems.{system}")
    except Exception as error:  # a file of the user's own
        raise PlanError(f"systems/{system}.py can't be imported: {type(error).__name__}: {error}") from None
    for name in ("MIX", "EXPECTED", "EFFECTS"):
        if not isinstance(getattr(facts, name, None), Mapping):
            raise PlanError(f"{facts.__file__}: no {name}: expected a table of kinds; see docs/adding-a-system.md")
    for kind in facts.MIX:
        for name in ("EXPECTED", "EFFECTS"):
            if kind not in getattr(facts, name):
                raise PlanError(f"{facts.__file__}: {name} has nothing of {kind!r}, which MIX has")
        for outcome, effect in facts.EFFECTS[kind].items():
            known = outcome in ("ACK", "REJECT", "SHED") and isinstance(effect, Effect)
            if not known or not 0 <= effect.items <= ids.MOST_ITEMS:
                raise PlanError(
                    f"{facts.__file__}: EFFECTS of {kind!r}: {outcome!r}: {effect!r}: expected ACK, REJECT or SHED "
                    f"with an Effect of 0 to {ids.MOST_ITEMS:,} items"
                )
    points = getattr(facts, "POINTS", ("stored",))
    if not points or len({"op", "item", *points}) < len(points) + 2:
        raise PlanError(f"{facts.__file__}: POINTS = {points!r}: expected the points of an effect, each once")
    for kind in facts.MIX:
        for effect in facts.EFFECTS[kind].values():
            if effect.until not in ("", *points):
                raise PlanError(f"{facts.__file__}: EFFECTS of {kind!r}: {effect!r}: expected `until` one of {points}")
    found = getattr(facts, "ROWS", ("", ""))
    if not (isinstance(found, tuple) and len(found) == 2 and all(isinstance(one, str) for one in found)):
        raise PlanError(f"{facts.__file__}: ROWS = {found!r}: expected (a table, its column of keys)")
    items = getattr(facts, "ITEMS", EFFECTS)
    if items != EFFECTS and items in METRICS:
        raise PlanError(f"{facts.__file__}: ITEMS = {items!r}: that is a metric; expected what effects are called")
    return facts
