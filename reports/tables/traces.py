"""The traces of the operations that a finding names by their keys."""

import re
from collections.abc import Iterator
from typing import Any

from harness.check import Finding
from systems import ids
from systems.traces import trace_of

MOST = 10
"""So many are listed of a finding: its witnesses name few operations."""


def checks(findings: tuple[Finding, ...], run: str, traced: bool) -> list[dict[str, Any]]:
    """The findings as verdict.json holds them: with the traces of the operations that its witnesses name."""
    return [{**one.as_json(), "traces": _traces(one, run) if traced else []} for one in findings]


def _traces(one: Finding, run: str) -> list[str]:
    key = re.compile(f"{re.escape(run)}-({ids.PLAIN_SUFFIX})")
    ops = [int(found, 16) for text in _texts([one.first, one.worst, one.detail]) for found in key.findall(text)]
    ops += [op for witness in (one.first, one.worst) for op in _attempts(witness)]
    return [trace_of(run, op) for op in dict.fromkeys(ops)][:MOST]


def _attempts(witness: dict[str, Any]) -> Iterator[int]:
    """The numbers of the operations that a witness shows."""
    attempts = witness.get("attempts")
    for attempt in attempts if isinstance(attempts, list) else ():
        if isinstance(attempt, dict) and type(attempt.get("operation")) is int:
            yield attempt["operation"]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
