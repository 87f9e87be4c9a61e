"""Where messages are stored, by the names of a plan, and what is read of them and of their users, in one snapshot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness import settled
from harness.database import quoted
from harness.plan.scenario import Scenario
from harness.run import Run
from systems import ids, messages
from verification import binary, catalogue, constraints, durability, looks, own_checks, rows
from verification.before import before
from verification.case import Case, Observation
from verification.divided.keeping import Keeping
from verification.ledger import Ledger
from verification.messages import coded
from verification.quiescence import require_own_rows, still
from verification.reading import MOMENT, Reader, reader

COLUMNS = {
    "id": ("message_id", "str"),
    "user_id": ("message_user", "str"),
    "message_type": ("message_type", "str"),
    "message_content": ("message_content", "str"),
    "scheduled_send_time": ("scheduled_send_time", MOMENT),
    "status": ("status", "str"),
    "created_at": ("created", MOMENT),
    "sent_at": ("sent", MOMENT),
}
"""What is read of a message: what [database] calls it, and as what."""


EARLY = "early"
"""The table of a divided run that has its rows before the drain."""
TIMES = {"stored": "created_at", "sent": "sent_at"}
"""The points of a message, and the columns that tell when it reached them."""


def source(names: Mapping[str, Any]) -> rows.Source:
    """Where messages are stored, by the `names` of a plan's [database]."""
    sql = quoted_names(names)
    there = {column: (sql[name], dtype) for column, (name, dtype) in COLUMNS.items() if names[name]}
    if status := _status(names):
        there["status"] = (status, "str")
    return rows.Source(
        sql["messages"],
        key=sql["key"] or f"substring({sql['message_content']} from '{ids.PLAIN_KEY}')",
        points={point: column if column in there else "" for point, column in TIMES.items()},
        columns={column: dtype for column, (_, dtype) in there.items()},
        named={column: name for column, (name, _) in there.items()},
    )


def quoted_names(names: Mapping[str, Any]) -> dict[str, str]:
    """Tables and columns, as SQL has them."""
    return {key: quoted(name) if name else "" for key, name in names.items() if isinstance(name, str)}


def _literal(text: str) -> str:
    """SQL for a text, in a query with parameters."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def _status(names: Mapping[str, Any]) -> str:
    """SQL for the status of a message, in our words where it is one of theirs; "" if nothing tells it."""
    if not names["status"]:
        sent = f"CASE WHEN {quoted(names['sent'])} IS NULL THEN '{messages.SCHEDULED}' ELSE '{messages.SENT}' END"
        return f"({sent})" if names["sent"] else ""
    column = f"{quoted(names['status'])}::text"
    theirs = [f"WHEN {_literal(names[name])} THEN '{ours}'" for name, ours in messages.STATUSES.items()]
    if all(names[name] == ours for name, ours in messages.STATUSES.items()):
        return column
    return f"(CASE {column} {' '.join(theirs)} ELSE {column} END)"


@dataclass(frozen=True, kw_only=True)
class Messages(Observation):
    """What was read of users and messages."""

    coded: bool = False
    """Whether `rows` are as `verification.messages.coded` reads them."""
    early: pd.DataFrame | None
    """The run's rows before the drain: op, status, sent_at; None: nothing was written to their table since."""
    settled: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(0, settled.RECORD))
    """What was sent before each disturbance (`harness.settled`)."""
    keys: constraints.UniqueKey | None
    """None if there is no column of keys."""
    users: constraints.Reference
    pool: int
    """How many users the pool has."""
    expected_pool: int
    """How many the plan asks for."""
    pool_digest: str
    seeded_digest: str | None
    """The digest that seeding recorded; None if there is none."""


def observe(url: str, run: Run, ledger: Ledger, keeping: Keeping | None = None) -> Messages:
    """Wait until all is delivered and no client writes, then read all that the checks need, in one snapshot.

    With `keeping`, that keeps the rows of the run, and the ledger need have no more than the operations of which the
    last ones ended.
    """
    plain, place = run.scenario.database, source(run.scenario.database)
    names, table, key = quoted_names(plain), place.table, place.key
    pending = _pending(place, ledger.run, names["scheduled_send_time"])
    began = before(run)
    with reader(url) as session, reader(url) as earlier:
        require_own_rows(session, ledger, url, table, key)
        offset = session.clock_offset()
        kept = durability.read(session, run, [table])
        # What was there before the drain is read only if something has changed: so long it is kept to be seen.
        with earlier.snapshot():
            (then,) = earlier.fingerprint([table])
            with still(session, ledger, pending, (table, names["users"])) as stillness:
                read = _columns(run.scenario, place)
                as_numbers = _as_numbers(session, run.scenario, read)
                own = _own(session, ledger.run, run.scenario, read, as_numbers, keeping)
                # They are decoded meanwhile, so that they come last.
                return Messages(
                    source=place,
                    settings=session.settings(),
                    taken=pd.Timestamp(session.row("SELECT now()")[0]),
                    clock_offset=offset,
                    drained_seconds=stillness.drained_seconds,
                    disturbance=stillness.disturbance,
                    coded=as_numbers,
                    foreign=rows.foreign(session, ledger.run, place, f"{names['message_user']} {ids.POOL_SQL}", began),
                    before=began,
                    durability=kept,
                    schema=catalogue.read(session, run),
                    looks=looks.read(run, table, key),
                    own=own_checks.read(session, run.scenario),
                    early=None if stillness.prints[table] == then else _early(earlier, ledger.run, place, keeping),
                    settled=settled.read(run.folder),
                    users=constraints.reference(
                        session,
                        plain["messages"],
                        plain["message_user"],
                        plain["users"],
                        (plain["message_id"], plain["user_id"]),
                    ),
                    pool=session.row(messages.pool_count_sql(names))[0],
                    expected_pool=run.scenario.pool["users"],
                    pool_digest=session.row(messages.pool_digest_sql(names))[0],
                    seeded_digest=run.facts.get("seeding", {}).get("digest"),
                    rows=(found := own()),
                    keys=constraints.unique_key(
                        session,
                        plain["messages"],
                        plain["key"],
                        ledger.run,
                        found,
                        keeping.totals.rows if keeping else len(found),
                    )
                    if plain["key"]
                    else None,
                )


def _columns(scenario: Scenario, place: rows.Source) -> rows.Source:
    """What is read of the rows of the run: their ids only if answers tell them."""
    told = scenario.contract["message_id"]
    return replace(place, columns={name: of for name, of in place.columns.items() if told or name != "id"})


def _as_numbers(session: Reader, scenario: Scenario, place: rows.Source) -> bool:
    """Whether the rows of the run can be read as numbers, which is quicker."""
    names = scenario.database
    uuids = [names[COLUMNS[name][0]] for name in ("id", "user_id") if name in place.columns]
    as_sent = messages.text_of(scenario.contract) == messages.PLAIN_CONTENT
    return bool(names["key"] and as_sent and rows.readable(session, place.table, uuids))


def _own(
    session: Reader, run: str, scenario: Scenario, place: rows.Source, as_numbers: bool, keeping: Keeping | None
) -> Callable[[], pd.DataFrame]:
    """What gives the rows of the run."""
    take = keeping.take_rows if keeping else None
    if as_numbers:
        return coded.own(session, run, place, messages.texts(scenario.contract["content"]), take)
    found = rows.own(session, run, place, place.columns, take=take)
    return lambda: found


def _pending(place: rows.Source, run: str, due: str) -> str:
    """SQL for how many messages of `run` are due and not sent; for 0 if no column tells."""
    if "status" not in place.named:
        return "SELECT 0"
    in_time = f"AND {due} <= now() " if due else ""
    return (
        f"SELECT count(*) FROM {place.table} WHERE {place.named['status']} = '{messages.SCHEDULED}' "
        f"{in_time}AND {place.key} LIKE '{run}-%'"
    )


def _early(session: Reader, run: str, place: rows.Source, keeping: Keeping | None) -> pd.DataFrame:
    """op, status (None, if it is no known one) and sent_at of the messages of `run`, but for keys that name no op."""
    known = np.array([messages.SCHEDULED, messages.SENT, messages.FAILED, None], object)
    if "status" not in place.named:
        return pd.DataFrame({"op": [], "status": [], "sent_at": []})
    status = f"array_position(ARRAY{known[:-1].tolist()}, {place.named['status']}) - 1"
    columns = {"status": status, "sent_at": f"{place.named.get('sent_at', 'NULL')}::timestamptz"}
    types = {"status": binary.WHOLE, "sent_at": binary.MOMENT}

    def named(found: dict[str, npt.NDArray[Any]]) -> pd.DataFrame:
        return pd.DataFrame({**found, "status": known[found["status"]]})

    found = session.columns(
        f"SELECT {rows.digits(place.key)}, {binary.selected(columns, types)} FROM {place.table} "
        f"WHERE {rows.whole(place.key)}",
        {"op": binary.HEX, **types},
        rows.of_run(run),
        (lambda piece: keeping.take(EARLY, named(piece))) if keeping else None,
    )
    return named(found)


def of_part(seen: Messages, tables: Mapping[str, pd.DataFrame]) -> Messages:
    """What was read of a part of the keys, which `seen` has already, with what else was kept of it in `tables`."""
    return replace(seen, early=tables.get(EARLY, seen.early))


def learnt(case: Case) -> pd.DataFrame:
    """What is to be known of each part to judge what was read beside its rows: the keys that are in several."""
    return constraints.repeated(case.ledger.run, case.rows)


def joined(seen: Messages, learnt: Sequence[pd.DataFrame]) -> Messages:
    """What was read beside the rows, with what was learnt of all parts."""
    if seen.keys is None:
        return seen
    return replace(seen, keys=constraints.with_repeated(seen.keys, learnt))
