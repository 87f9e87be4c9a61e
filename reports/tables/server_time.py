"""How much of an operation's time the server takes, where users call an engine in the database themselves.

pg_stat_statements counts by statement, the journal by operation: kinds that send the same statement make one row.
"""

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reports.samples.evidence import Evidence

Row = dict[str, Any]
Statement = Mapping[str, Any]

VARIES = re.compile(r"%\(\w+\)s|'[^']*'|\b\d+\b")
"""What pg_stat_statements has a number of a parameter for, or a whole list of them."""


def server_time(evidence: Evidence) -> list[Row]:
    """A row for all kinds that share statements: `kinds`, how many `operations` ended, their mean service time
    (`service`, s), and how much of it the server worked on their statements (`server`, s). The rest is the client, the
    way between, and what begins and commits.

    None where the system names no statements, where they were not counted, or where a service of ours besides the
    engine may send them too.
    """
    scenario = evidence.samples.scenario
    facts: Any = importlib.import_module(f"systems.{scenario.system}") if scenario.system else None
    sends = {kind: names for kind, names in getattr(facts, "SENDS", {}).items() if scenario.mix.get(kind)}
    ran = {name for name, one in scenario.services.items() if one.processes}
    ran.update(name for stage in scenario.stages for name in stage.scale)
    if not sends or not evidence.statements or len(ran) > 1:
        return []
    spent = _spent(facts.statements(scenario.contract["statements"]), evidence.statements)
    frame, groups = evidence.samples.frame, evidence.samples.frame.groups
    rows = []
    for kinds, names in shared(sends):
        codes = [frame.kinds.index(kind) for kind in kinds if kind in frame.kinds]
        own = frame.values("service_s", groups.timed & np.isin(groups.kind, codes))
        if len(own) and any(name in spent for name in names):
            server = sum(spent.get(name, 0.0) for name in sorted(names)) / len(own)
            rows.append({"kinds": kinds, "operations": len(own), "service": float(own.mean()), "server": server})
    return rows


def shared(sends: Mapping[str, Sequence[str]]) -> list[tuple[list[str], set[str]]]:
    """The kinds in groups, so that no two groups send the same statement, and the statements of each."""
    groups: list[tuple[list[str], set[str]]] = []
    for kind, names in sends.items():
        kinds, own = [kind], set(names)
        for other in [group for group in groups if group[1] & own]:
            groups.remove(other)
            kinds, own = [*other[0], *kinds], own | other[1]
        groups.append((kinds, own))
    return groups


def _spent(statements: Mapping[str, str], counted: Sequence[Statement]) -> dict[str, float]:
    """How long the server worked on each statement (s), by name."""
    found: dict[str, float] = {}
    for name, seconds in _named(statements, counted):
        found[name] = found.get(name, 0.0) + seconds
    return found


def _named(statements: Mapping[str, str], counted: Sequence[Statement]) -> Iterator[tuple[str, float]]:
    patterns = {name: counted_as(sql) for name, sql in statements.items()}
    for one in counted:
        # A list of another length is another statement to the server.
        yield from ((name, one["seconds"]) for name, pattern in patterns.items() if pattern.fullmatch(one["query"]))


def counted_as(sql: str) -> re.Pattern[str]:
    """What pg_stat_statements calls this statement of ours, whose parameters are psycopg2's, in one line."""
    return re.compile(r"\S.*?".join(map(re.escape, VARIES.split(" ".join(sql.split())))))
