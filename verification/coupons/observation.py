"""What is read of the database of the coupons, in one snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import pandas as pd

from harness.database import quoted
from harness.run import Run
from systems import coupons, ids
from verification import catalogue, durability, looks, own_checks, plans, rows
from verification.arrays import Array
from verification.before import before
from verification.case import Observation, Totals
from verification.coupons.queue import Queue, drained
from verification.divided.keeping import Keeping
from verification.ledger import Ledger
from verification.quiescence import require_own_rows, still
from verification.reading import MOMENT, Reader, reader
from verification.rows import Source

USAGES = "usages"
"""The table of a divided run that has them."""
NUMBER = "right({column}::text, 12)"
"""SQL for the number of a coupon, by its id, as text."""


@dataclass(frozen=True, kw_only=True)
class Coupons(Observation):
    """What was read of users, coupons, usages and the log."""

    seed: int
    usage_source: Source
    usages: pd.DataFrame
    """The rows of this run, by their orders."""
    usage_totals: Totals | None = None
    usage_order: Array | None = None
    """As `totals` and `order` are of `rows`."""
    foreign_usages: pd.DataFrame
    counters: pd.DataFrame
    """Coupons whose uses are not as counted, or too many: number, counted, used, most."""
    coupons: int
    """How many coupons were compared for that."""
    too_often: pd.DataFrame
    """Users that used a coupon more often than one may: number, user_id, used, most."""
    users_of: int
    """How many pairs of a user and a coupon were compared for that."""
    pool: Mapping[str, tuple[int, str]]
    """Of users, coupons and earlier usages, how many there are, and their digest."""
    seeded_pool: Mapping[str, Any] | None
    """The same as seeding left it; None if it is not on record."""
    died: tuple[str, ...]
    """The services of which a process ended by itself during the load."""
    queue: Queue
    plans: tuple[plans.Plan, ...]

    def without_others(self) -> Self:
        """Without the usages under other keys, too."""
        return replace(super().without_others(), foreign_usages=self.foreign_usages.iloc[:0])


def source(names: Mapping[str, Any]) -> Source:
    """Where validations are logged, by the `names` of a plan's [database]."""
    sql = _quoted(names)
    written = sql["log_written"] or sql["log_validated"]
    return Source(
        sql["logs"],
        key=sql["log_request"],
        points={"stored": "written"},
        columns={
            "coupon": "int64",
            "code": "str",
            "user": "int64",
            "order_id": "str",
            "value": "int64",
            "valid": "int64",
            "reason": "str",
            "discount": "int64",
            "final": "int64",
            "validated": MOMENT,
            "written": MOMENT,
        },
        named={
            "coupon": f"coalesce({NUMBER.format(column=sql['log_coupon'])}::bigint, 0)",
            "code": sql["log_code"],
            "user": user(sql["log_user"]),
            "order_id": sql["log_order"],
            "value": cents(sql["log_value"]),
            "valid": f"{sql['log_valid']}::int",
            "reason": f"coalesce({sql['log_reason']}, '')",
            "discount": cents(sql["log_discount"]),
            "final": cents(sql["log_final"]),
            "validated": sql["log_validated"],
            "written": written,
        },
    )


def usage_source(names: Mapping[str, Any]) -> Source:
    """Where uses are recorded."""
    sql = _quoted(names)
    columns = {"coupon": "int64", "user": "int64", "discount": "int64", "used_at": MOMENT}
    if not names["usage_discount"]:
        del columns["discount"]
    return Source(
        sql["usages"],
        key=sql["usage_order"],
        points={"stored": "used_at"},
        columns=columns,
        named={
            "coupon": f"{NUMBER.format(column=sql['usage_coupon'])}::bigint",
            "user": user(sql["usage_user"]),
            "discount": cents(sql["usage_discount"]),
            "used_at": sql["usage_at"],
        },
    )


def _quoted(names: Mapping[str, Any]) -> dict[str, str]:
    return {key: quoted(name) if name else "" for key, name in names.items() if isinstance(name, str)}


def cents(column: str) -> str:
    """SQL for an amount in cents; −1 for none, −2 for what is not whole cents."""
    amount = f"{column}::numeric"
    return (
        f"CASE WHEN {column} IS NULL THEN -1 WHEN scale({amount}) <= 2 OR {amount} * 100 = round({amount} * 100) "
        f"THEN ({amount} * 100)::bigint ELSE -2 END"
    )


def user(column: str) -> str:
    """SQL for the number of a user; −1 for one that is none of the pool."""
    # Without its digits it is what all have in common; a regular expression takes five times as long.
    known = f"{column} LIKE 'user\\________' AND rtrim({column}, '0123456789') = 'user_'"
    return f"CASE WHEN {known} THEN substr({column}, 6)::bigint ELSE -1 END"


def observe(url: str, run: Run, ledger: Ledger, keeping: Keeping | None = None) -> Coupons:
    """Wait until all is logged and no client writes, then read all that the checks need, in one snapshot.

    With `keeping`, that keeps log and usages, and the ledger need have no more than the operations of which the last
    ones ended.
    """
    keeping_usages = Keeping(keeping.store, table=USAGES) if keeping else None
    names = run.scenario.database
    place, used = source(names), usage_source(names)
    sql = _quoted(names)
    began = before(run)
    queue = drained(run, ledger)
    with reader(url) as session:
        require_own_rows(session, ledger, url, place.table, place.key)
        offset = session.clock_offset()
        # The log may be lost by a crash, as the contract says; what was applied may not.
        kept = durability.read(session, run, [used.table, sql["coupons"]])
        plan = plans.read(session, looked_up_by(run.scenario.contract, names))
        with still(session, ledger, "SELECT 0", (place.table, used.table, sql["coupons"])) as stillness:
            seen = Coupons(
                source=place,
                settings=session.settings(),
                taken=pd.Timestamp(session.row("SELECT now()")[0]),
                clock_offset=offset,
                drained_seconds=stillness.drained_seconds,
                disturbance=stillness.disturbance,
                rows=rows.own(session, ledger.run, place, place.columns, take=keeping.take_rows if keeping else None),
                foreign=rows.foreign(session, ledger.run, place, "false", began),
                before=began,
                durability=kept,
                schema=catalogue.read(session, run),
                looks=looks.read(run, place.table, place.key),
                own=own_checks.read(session, run.scenario),
                seed=run.facts["seed"],
                usage_source=used,
                usages=rows.own(
                    session, ledger.run, used, used.columns, take=keeping_usages.take_rows if keeping_usages else None
                ),
                foreign_usages=rows.foreign(session, ledger.run, used, f"{sql['usage_coupon']} {ids.POOL_SQL}", began),
                counters=_counters(session, sql),
                coupons=session.row(f"SELECT count(*) FROM {sql['coupons']}")[0],
                too_often=_too_often(session, sql),
                users_of=session.row(
                    f"SELECT count(*) FROM (SELECT DISTINCT {sql['usage_coupon']}, {sql['usage_user']} "
                    f"FROM {sql['usages']}) AS pairs"
                )[0],
                pool=_pool(session, sql),
                seeded_pool=run.facts.get("seeding", {}).get("pool"),
                died=tuple((run.facts.get("target") or {}).get("died") or ()),
                queue=queue,
                plans=plan,
            )
    return replace(seen, usage_totals=keeping_usages.totals) if keeping_usages else seen


def looked_up_by(contract: Mapping[str, Any], names: Mapping[str, Any]) -> list[plans.LookUp]:
    """The look-ups that a validation makes, and how they must be done."""
    covered = contract["covered"]
    return [
        plans.LookUp(names["coupons"], (names["coupon_code"],), index_only=covered),
        plans.LookUp(names["usages"], (names["usage_coupon"], names["usage_user"])),
        plans.LookUp(names["usages"], (names["usage_order"],)),
    ]


def _counters(session: Reader, sql: Mapping[str, str]) -> pd.DataFrame:
    counted, most = sql["current_total_uses"], sql["max_total_uses"]
    return session.frame(
        f"""
        SELECT {NUMBER.format(column=f"coalesce(c.{sql['coupon_id']}, u.coupon)")}, coalesce(c.{counted}, 0),
            coalesce(u.used, 0), coalesce(c.{most}, -1)
        FROM {sql["coupons"]} c FULL JOIN (
            SELECT {sql["usage_coupon"]} AS coupon, count(*) AS used FROM {sql["usages"]} GROUP BY 1
        ) u ON u.coupon = c.{sql["coupon_id"]}
        WHERE c.{counted} IS DISTINCT FROM coalesce(u.used, 0)
        OR greatest(c.{counted}, u.used) > c.{most} ORDER BY 1
        """,
        {"number": "int64", "counted": "int64", "used": "int64", "most": "int64"},
    )


def _too_often(session: Reader, sql: Mapping[str, str]) -> pd.DataFrame:
    coupon, most = sql["usage_coupon"], sql["max_uses_per_user"]
    return session.frame(
        f"""
        SELECT {NUMBER.format(column=f"u.{coupon}")}, u.{sql["usage_user"]}, count(*), c.{most}
        FROM {sql["usages"]} u JOIN {sql["coupons"]} c ON c.{sql["coupon_id"]} = u.{coupon}
        WHERE c.{most} IS NOT NULL GROUP BY u.{coupon}, u.{sql["usage_user"]}, c.{most} HAVING count(*) > c.{most}
        ORDER BY 1, 2
        """,
        {"number": "int64", "user_id": "str", "used": "int64", "most": "int64"},
    )


def _pool(session: Reader, sql: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    found = {table: session.row(query) for table, query in coupons.pool_digests_sql(sql).items()}
    return {table: (int(count), str(digest)) for table, (count, digest) in found.items()}
