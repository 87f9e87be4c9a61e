"""Scenarios for tests: one of the shipped plans with other keys in its table."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from harness.plan import plans, reading
from harness.plan.scenario import Scenario
from harness.plan.toml_table import Where

USERS, STRANGERS = (plans.reference("messages", "pool")[name] for name in ("users", "strangers"))
"""The pool of the messages."""

SUSTAINED = {
    "arrivals": {
        "smoke": [{"rate": 12, "for": "15s"}],
        "ci": [{"rate": 12, "for": "10s", "phase": "warm-up"}, {"rate": 12, "for": "2m"}],
        "full": [{"rate": 12, "for": "1m", "phase": "warm-up"}, {"rate": 12, "for": "1h"}],
    },
}


def varied(name: str, profile: str = "smoke", table: Mapping[str, Any] | None = None, **top: Any) -> Scenario:
    """Scenario `name` of the shipped plans, with the keys of `table` in its own (None: taken out), and other `top`
    tables (contract, database, pool, service). `sustained` has an even load here, without bursts.
    """
    for path in plans.files():
        tables, text = plans.read(path)
        if name in tables["scenario"]:
            changed = {**deepcopy(tables), **top}
            own = {**changed["scenario"][name], **(SUSTAINED if name == "sustained" else {}), **(table or {})}
            if "rules" in own and "rules" not in (table or {}):
                own["rules"] = [
                    rule for rule in own["rules"] if "baseline" not in str(rule)
                ]  # it says where the run is
            if own.keys() & (table or {}).keys() & {"arrivals", "stages"} or name == "sustained":
                # These have no bursts, unless they say so; nor is there a limit for them.
                own["rules"] = [_without_bursts(rule) for rule in own.get("rules") or () if "{phase=burst}" not in rule]
            changed["scenario"][name] = {key: value for key, value in own.items() if value is not None}
            return reading.resolve(changed, name, profile, Where(path, text, name))
    raise KeyError(name)


def _without_bursts(rule: Any) -> Any:
    return rule.replace("{phase!=burst}", "") if isinstance(rule, str) else rule
