"""Whether the requests of a run have trace ids, and where their traces are shown: `trace` of run.json."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from systems.traces import HEADER

if TYPE_CHECKING:
    from harness.plan.scenario import Scenario
    from harness.settings import Settings

PLACE = "{trace}"
"""Stands for the trace id in the address of a page about it."""


def of(scenario: "Scenario", settings: "Settings") -> dict[str, Any] | None:
    """What run.json holds of it; None: requests have no trace id of ours.

    Our own target always gets them. Another one only if it is asked for, since each traced request costs it
    something; and never beside a header of that name that the plan has, or from users of another's locustfile, whose
    requests are their own.
    """
    stated = {str(name).lower() for name in scenario.contract.get("headers", {})}
    asked = settings.trace or ("on" if settings.trace_url or not settings.target_url else "off")
    if asked == "off" or scenario.foreign or HEADER in stated:
        return None
    return {"url": settings.trace_url}


def page(traced: Mapping[str, Any] | None, trace: str | None) -> str:
    """The address of the page about a trace, by `trace` of run.json; "" where none is known that one may link to."""
    template = str((traced or {}).get("url") or "")
    return template.replace(PLACE, trace) if trace and is_template(template) else ""


def is_template(text: str) -> bool:
    """Whether it is the address of a page about a trace."""
    return text.startswith(("http://", "https://")) and PLACE in text and not any(char.isspace() for char in text)
