"""How PostgreSQL does the statements of the engine: those that were sent, explained during the load and after it, with
their parameters and for any, and streams from their beginning, from the middle and from their end.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from harness.run import Run
from systems import event_store_pool
from systems.event_store_sql import statements
from verification.case import Found
from verification.reading import Reader

FILE = "plans.json"
"""All plans, in the run folder."""
TABLES = ("domain_events", "snapshots")
NODES = ("Index Scan", "Index Only Scan")
COMPARED = re.compile(r"\b(\w+)\s*(?:=|>=?|<=?)\s*(?:ANY\()?(?:ARRAY\[)?%\(\w+\)s")
"""A column that a statement compares with a parameter; …"""
TOGETHER = re.compile(r"\((\w+(?:::\w+)*(?:, \w+(?:::\w+)*)+)\)\s*[<>]=?\s*\(%")
"""… or several of them at once, …"""
ONE_BY_ONE = re.compile(r"\bglobal_seq = ANY")
"""… or rows one by one, by their unique number: then nothing else need be asked of an index."""
JOINED = re.compile(r"\(\w+ = \(?\w+\.\w+\)?(?:::\w+)?\)")
"""A condition that finds what another part of the plan has found, and says nothing of what was asked for."""
PARAMETER = re.compile(r"%\((\w+)\)s")
REMOVED, REMOVED_SHARE = 50, 0.05
"""So many rows may be read in vain, or such a share of those that are answered."""
FEW = 50
"""Where no more are read at all, it is no matter in which order and by what."""
IN_VAIN = 4
"""Of a stream so many may be read for each that is answered, and as many as a batch has besides."""
POSITION = {"global_seq", "tx_id"}
"""What a stream is read from; also near its end."""
SEARCHES = 2
ROWS = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'domain_events'::regclass"
UNKNOWN = """
SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid = ANY(%(tables)s::regclass[]) AND c.reltuples <> 0 AND (
    SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY(i.indkey)) > 0
AND NOT EXISTS (SELECT FROM pg_stats s WHERE s.schemaname = c.relnamespace::regnamespace::text
    AND s.tablename = c.relname AND s.attname = a.attname)
ORDER BY c.relname, a.attnum
"""
"""The indexed columns of which there are no statistics."""
OFF = 2.0
"""By that factor the number of rows that PostgreSQL goes by may be off."""


@dataclass(frozen=True)
class Plan:
    """How a statement was done once."""

    sql: str
    given: Mapping[str, Any] | Sequence[Any]
    when: str
    """during the load, after it, for any parameters, from the beginning …"""
    plan: Mapping[str, Any]

    def nodes(self) -> list[Mapping[str, Any]]:
        """All parts of the plan."""
        return list(_below(self.plan))

    @property
    def reading(self) -> list[Mapping[str, Any]]:
        """Those that read a table."""
        return [node for node in self.nodes() if node.get("Relation Name") in TABLES or "Index Name" in node]

    @property
    def shape(self) -> str:
        """Its nodes and indexes, in one word."""
        return " < ".join(
            f"{node['Node Type']} {node['Index Name']}" if "Index Name" in node else node["Node Type"]
            for node in self.nodes()
        )

    @property
    def blocks(self) -> int:
        """How many pages were read, from memory or not."""
        return int(self.plan.get("Shared Hit Blocks", 0)) + int(self.plan.get("Shared Read Blocks", 0))


def _below(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for one in node.get("Plans", ()):
        yield from _below(one)


@dataclass(frozen=True)
class Plans:
    """All that were taken, and what PostgreSQL knows of the table."""

    plans: tuple[Plan, ...]
    rows: float
    """By how many rows it plans; -1: never analysed."""
    unknown: Sequence[str]
    """The indexed columns of which it has no statistics."""
    counted: int
    """How many rows there are."""
    contract: Mapping[str, Any]


def wrong(plan: Plan, contract: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with how a statement was done: sentences, in order of severity.

    Near the end of a stream another index may be as good, for a large tenant: any will do that leads to little else
    than the answer. But it must begin at the position: what is below is all that was ever stored.
    """
    rows_of = [row.split(", ") for row in TOGETHER.findall(plan.sql)]
    wanted = {*COMPARED.findall(plan.sql), *(name.partition("::")[0] for row in rows_of for name in row)}
    values = plan.given.values() if isinstance(plan.given, Mapping) else plan.given
    arrays = sum(len(value) for value in values if isinstance(value, list))
    rows = _rows(plan.plan)
    conditions = JOINED.sub("", " ".join(str(node.get("Index Cond", "")) for node in plan.nodes()))
    alone = wanted == {"global_seq"}
    if ONE_BY_ONE.search(conditions):
        wanted = set()
    removed = sum(_removed(node) for node in plan.nodes())
    read = sum(_rows(node) * float(node.get("Actual Loops", 1)) for node in plan.reading)
    given = plan.given if isinstance(plan.given, Mapping) else {}
    near = read + removed <= (IN_VAIN * rows + given["limit"] if "limit" in given else FEW)
    if near:
        wanted &= POSITION if "limit" in given else set()
    # A full batch may be cut off a few more that had to be sorted.
    full = near and rows >= given.get("limit", math.inf)
    if not full and read > REMOVED + 2 * rows + arrays:
        yield f"{read:,.0f} rows are read for an answer of {rows:,.0f}"
    for node in plan.reading:
        if node["Node Type"] not in NODES:
            yield f"{node.get('Relation Name', 'a table')} is read by a {node['Node Type']}, expected an index"
    for column in sorted(wanted):
        if not re.search(rf"\b{column}\b", conditions):
            yield f"no index has a condition on {column}: {conditions or 'none at all'}"
    for node in plan.nodes():
        loops = float(node.get("Actual Loops", 1))
        if not near and _removed(node) > max(REMOVED, arrays, REMOVED_SHARE * _rows(node) * loops):
            yield f"{_removed(node):,.0f} rows are read and then filtered: {node.get('Filter', 'by a recheck')}"
        if node["Node Type"] in ("Sort", "Incremental Sort") and not near:
            yield "what is read is sorted, expected an index that has it in order"
        searches = float(node.get("Index Searches", 0))
        # A number is unique without a tenant: to look for it in each of them is as good.
        if not arrays and not alone and searches > SEARCHES * max(loops, 1):
            yield f"an index is searched {searches:,.0f} times: its leading column is not asked for"
    most = contract["stream_blocks"] * ((read + removed if near else rows) + arrays) + contract["depth_blocks"]
    if plan.blocks > most:
        yield f"{plan.blocks:,} pages are read for {rows:,.0f} rows, expected at most {most:,.0f}"


def _rows(node: Mapping[str, Any]) -> float:
    return float(node.get("Actual Rows", 0))


def _removed(node: Mapping[str, Any]) -> float:
    """How many rows a part of a plan read in vain."""
    each = float(node.get("Rows Removed by Filter", 0)) + float(node.get("Rows Removed by Index Recheck", 0))
    return each * float(node.get("Actual Loops", 1))


def read(session: Reader, run: Run) -> Plans:
    """The plans that the load took, and the same statements explained now; they are left in the run folder."""
    sent = [one for path in sorted(run.folder.glob("plans-*.jsonl")) for one in _lines(path)]
    last = {one["sql"]: one["given"] or {} for one in sent}
    taken = [
        Plan(one["sql"], one["given"] or {}, "during the load", one["plan"][0]["Plan"]) for one in sent if one["plan"]
    ]
    cursor = session.cursor
    cursor.execute("SELECT count(*), coalesce(max(global_seq), 0) FROM domain_events")
    ((counted, head),) = cursor.fetchall()
    for sql, given in last.items():
        taken += _explained(cursor, sql, given, "after the load")
        if isinstance(given, Mapping):
            taken += _explained(cursor, sql, given, "for any parameters", any_=True)
    named = statements(run.scenario.contract["statements"])
    for sql, given, when in _regimes(named, int(head)):
        if sql in last:
            taken += _explained(cursor, sql, given, when)
    cursor.execute(ROWS)
    ((rows,),) = cursor.fetchall()
    cursor.execute(UNKNOWN, {"tables": list(TABLES)})
    unknown = tuple(name for (name,) in cursor.fetchall())
    found = Plans(tuple(taken), float(rows), unknown, int(counted), run.scenario.contract)
    told = [
        {
            "sql": plan.sql.strip(),
            "given": plan.given,
            "when": plan.when,
            "shape": plan.shape,
            "wrong": list(wrong(plan, run.scenario.contract)),
            "plan": plan.plan,
        }
        for plan in taken
    ]
    run.write_text(FILE, json.dumps(told, indent=1, default=str))
    return found


def _lines(path: Path) -> Iterator[Any]:
    """The lines of a JSONL, but one that is torn."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _regimes(named: Mapping[str, str], head: int) -> Iterable[tuple[str, Mapping[str, Any], str]]:
    """Streams from their beginning, from the middle and from their end; of all, of a large and of a small tenant."""
    places = {"from the beginning": 0, "from the middle": head // 2, "from the end": max(head - 5, 0)}
    for when, position in places.items():
        yield named["stream"], {"position": position, "limit": 1_000}, when
        for tenant, size in ((0, "a large"), (event_store_pool.TENANTS - 1, "a small")):
            given = {"tenant": event_store_pool.tenant_id(tenant), "position": position, "limit": 1_000}
            yield named["stream_tenant"], given, f"{when}, {size} tenant"
    # By transaction the seeded events are all of one, the first.
    given = {"tx": 0, "position": 0, "limit": 1_000}
    yield named["stream_xmin"], given, "from the beginning"
    yield named["stream_xmin_tenant"], {**given, "tenant": event_store_pool.tenant_id(0)}, "from the beginning"


def _explained(cursor: Any, sql: str, given: Any, when: str, any_: bool = False) -> list[Plan]:
    """The plan of a statement; none if it can't be explained."""
    how = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
    try:
        cursor.execute("BEGIN READ ONLY")
        if any_:
            # A client that prepares a stream has the size of its batches in the statement.
            sized = sql.replace("%(limit)s", str(given.get("limit", "NULL")))
            names = list(dict.fromkeys(PARAMETER.findall(sized)))
            text = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", sized).replace("%%", "%")
            cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            cursor.execute(f"PREPARE proofload_plan AS {text}")
            values = f"({', '.join(f'%({name})s' for name in names)})" if names else ""
            cursor.execute(f"{how} EXECUTE proofload_plan{values}", given)
        else:
            cursor.execute(f"{how} {sql}", given)
        (((plan,),),) = cursor.fetchall()
        return [Plan(sql, given, when, plan["Plan"])]
    except psycopg2.Error:
        return []
    finally:
        cursor.execute("ROLLBACK")
        if any_:
            cursor.execute("DEALLOCATE ALL")


def judged(plans: Plans) -> Found:
    """PLAN."""
    said = [(plan, why) for plan in plans.plans for why in wrong(plan, plans.contract)]
    told = []
    if not plans.counted / OFF <= plans.rows <= plans.counted * OFF:
        told.append(f"PostgreSQL plans by {plans.rows:,.0f} rows, there are {plans.counted:,}: ANALYZE domain_events")
    if plans.unknown:
        told.append(f"there are no statistics of {', '.join(plans.unknown)}: ANALYZE domain_events, snapshots")
    if not said and not told:
        shapes = _shapes(plans.plans)
        return Found(len(plans.plans), detail=f"{len(shapes)} statements, {sum(map(len, shapes.values()))} shapes")
    bad = {(plan.sql, plan.when) for plan, _ in said}
    statistics = {"rows": plans.rows, "counted": plans.counted, "without statistics": list(plans.unknown)}
    first: dict[str, Any] = statistics
    if said:
        plan, why = said[0]
        told.insert(0, f"{len(bad)} of {len(plans.plans)} plans are not as they must be; {plan.when}: {why}")
        first = {"sql": plan.sql.strip(), "given": plan.given, "when": plan.when, "why": why, "shape": plan.shape}
    return Found(
        len(plans.plans), max(len(bad), 1), "; ".join(told), first, sql="ANALYZE VERBOSE domain_events, snapshots;"
    )


def _shapes(plans: Sequence[Plan]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for plan in plans:
        found.setdefault(plan.sql, set()).add(plan.shape)
    return found
