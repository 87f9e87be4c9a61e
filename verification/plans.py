"""Look-ups are made by an index, on all that they ask for: by the plans of the very statements that the target sent.

They are taken from pg_stat_statements, and explained as prepared statements are planned: for any parameters.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from verification.case import Found
from verification.reading import Reader

STATEMENTS = """
SELECT query, sum(calls)::bigint FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND toplevel AND query ~* '^\\s*SELECT' GROUP BY query ORDER BY 2 DESC
"""
COMPARISON = r'\b{column}"?\s*(?:=|~~\*?|(?:I?LIKE))\s*\$\d'
"""A column that a statement compares with a parameter, and how: also as a pattern, which must not be."""
NODES = ("Index Scan", "Index Only Scan")
SETTINGS = "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = on"
UNKNOWN = "pg_stat_statements has no statement that looks something up"
"""Why there may be nothing to compare."""


@dataclass(frozen=True)
class LookUp:
    """Rows of a table that are looked up by columns, each compared with a parameter."""

    table: str
    columns: tuple[str, ...]
    index_only: bool = False
    """Whether an index must have all that is asked for, so that the table itself is not read."""

    def made_by(self, query: str) -> bool:
        """Whether a statement does it, and no more."""
        return re.search(rf'\bFROM "?{re.escape(self.table)}"?(?=\W|$)', query, re.IGNORECASE) is not None and all(
            re.search(COMPARISON.format(column=re.escape(one)), query, re.IGNORECASE) for one in self.columns
        )


@dataclass(frozen=True)
class Plan:
    """How a statement of the target is done."""

    look_up: LookUp
    query: str
    calls: int
    nodes: tuple[Mapping[str, Any], ...] = field(default=())
    """The parts of its plan that read the table."""
    why: str = ""
    """Why it could not be explained."""

    @property
    def wrong(self) -> str:
        """What is wrong with it; "" = nothing."""
        return next(self._wrong(), "")

    def _wrong(self) -> Iterator[str]:
        if not self.nodes:
            yield f"no part of its plan reads {self.look_up.table}"
        for node in self.nodes:
            how = node["Node Type"]
            if how == "Bitmap Heap Scan":
                how = "Bitmap"
            if how not in (*NODES, "Bitmap"):
                yield f"it is done by a {how}, expected an index"
            condition = f"{node.get('Index Cond', '')}{node.get('Recheck Cond', '')}"
            for column in self.look_up.columns:
                if not re.search(rf'\b{re.escape(column)}"?\)?(::\w+\)?)? = \$', condition):
                    yield f"its index has no condition on {column}: {condition or 'none at all'}"
            if "Filter" in node:
                yield f"rows are read and then filtered: {node['Filter']}"
            if self.look_up.index_only and how != "Index Only Scan":
                yield f"it is done by an {how}, expected an Index Only Scan: the table is read for each"


def read(session: Reader, look_ups: Sequence[LookUp]) -> tuple[Plan, ...]:
    """The plans of the statements that did these look-ups; none where the server counts no statements."""
    cursor = session.cursor
    found = []
    try:
        cursor.execute(STATEMENTS)
        statements = cursor.fetchall()
    except psycopg2.Error:
        return ()
    for query, calls in statements:
        for look_up in look_ups:
            if look_up.made_by(query):
                found.append(_explained(cursor, look_up, query, int(calls)))
                break
    return tuple(found)


def _explained(cursor: Any, look_up: LookUp, query: str, calls: int) -> Plan:
    try:
        # psycopg2 must not take what is in it for its own parameters: it is sent without any.
        cursor.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {query}")
        (((plan,),),) = cursor.fetchall()
    except psycopg2.Error as error:
        return Plan(look_up, query, calls, why=str(error).strip().splitlines()[0])
    root = (json.loads(plan) if isinstance(plan, str) else plan)["Plan"]
    return Plan(look_up, query, calls, tuple(_reading(root, look_up.table)))


def _reading(node: Mapping[str, Any], table: str) -> Iterator[Mapping[str, Any]]:
    if node.get("Relation Name") == table:
        yield node
    for below in node.get("Plans", ()):
        yield from _reading(below, table)


def by_index(plans: Sequence[Plan]) -> Found:
    """Whether each of them is done by an index."""
    known = [plan for plan in plans if not plan.why]
    wrong = [plan for plan in known if plan.wrong]
    if not wrong:
        unexplained = [plan for plan in plans if plan.why]
        detail = f"{len(unexplained)} could not be explained: {unexplained[0].why}" if unexplained else ""
        return Found(len(known), detail=detail)
    worst = max(wrong, key=lambda plan: plan.calls)
    first = {"query": worst.query, "calls": worst.calls, "wrong": worst.wrong, "plan": list(worst.nodes)}
    return Found(
        len(known),
        len(wrong),
        f"{len(wrong)} of {len(known)} look-ups are not done as they must be; of {worst.calls:,} calls: {worst.wrong}",
        first,
        sql=f"EXPLAIN (GENERIC_PLAN) {worst.query};",
    )
