"""What is read of the database of the event store, in one snapshot; and what the load left beside its journal."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.run import Run
from systems import event_store, event_store_pool, ids
from verification import catalogue, durability, looks, own_checks, rows
from verification.before import before
from verification.case import Observation
from verification.event_store import plans, stored
from verification.ledger import Ledger
from verification.quiescence import require_own_rows, still
from verification.reading import MOMENT, Reader, reader
from verification.rows import Source

CRC_SINCE = 180000
"""The version of PostgreSQL that computes CRC-32; for an older one the text is read, and it is computed here."""
LINE = "concat_ws(E'\\t', event_id, tenant_id, aggregate_type, aggregate_id, seq, event_type, payload, metadata)"
"""SQL for an event as text, as `systems.event_store.line` makes it."""
CHECKSUM = f"crc32(convert_to({LINE}, 'UTF8'))"
ALL = -2
"""Instead of a stream: all of them."""
TENANT = (
    "CASE WHEN starts_with(tenant_id, 'tenant-') AND tenant_id <> 'tenant-' "
    "AND translate(substr(tenant_id, 8), '0123456789', '') = '' THEN substr(tenant_id, 8)::bigint ELSE -1 END"
)
"""The number of a tenant. A regular expression would say the same in twice as long."""
STREAM = (
    f"CASE WHEN starts_with(aggregate_id, '{ids.UUID_PREFIX}') AND length(aggregate_id) = {len(ids.UUID_PREFIX) + 12} "
    "AND translate(right(aggregate_id, 12), '0123456789', '') = '' THEN right(aggregate_id, 12)::bigint + "
    f"CASE WHEN aggregate_id <= '{event_store.aggregate_id(event_store.HOT + event_store.HOTS - 1)}' "
    f"AND tenant_id <> '{event_store_pool.tenant_id(0)}' THEN {event_store.HOT - 1} ELSE 0 END ELSE -1 END"
)
"""The number of a stream. Those that all write have the aggregate ids of seeded ones, and other tenants. A regular
expression would say the same in three times as long."""
EVENTS = {"position": "int64", "stream": "int64", "tenant": "int64", "seq": "int64", "tx": "int64"}
"""What is read of every event; then its checksum."""
NUMBERS = f"global_seq, {STREAM}, {TENANT}, seq, tx_id::text::bigint"
BROKEN = f"""
WITH streams AS MATERIALIZED (
    SELECT tenant_id, aggregate_id, count(*) AS events, min(seq) AS first, max(seq) AS last, sum(seq) AS once,
        sum(seq * seq) AS twice FROM domain_events GROUP BY tenant_id, aggregate_id
)
SELECT {ALL}, '', count(*), 0, 0 FROM streams UNION ALL
SELECT {STREAM}, tenant_id, events, first, last FROM streams
WHERE first <> 1 OR last <> events OR once <> events * (events + 1) / 2
OR twice <> events * (events + 1) * (2 * events + 1) / 6
"""
"""How many streams there are, as a stream ALL; and those whose places are not 1 to their number, each once."""

Records = npt.NDArray[np.void]


@dataclass(frozen=True, kw_only=True)
class EventStore(Observation):
    """What was read of events, snapshots and tokens."""

    seed: int
    policy: str
    """How the engine deals with gaps."""
    events: pd.DataFrame
    """The events that a processor may have received: EVENTS, checksum; in the order of their positions."""
    broken: pd.DataFrame
    """Streams with gaps or places that are there twice: stream, tenant, events, first, last."""
    streams: int
    """How many streams there are."""
    texts: pd.DataFrame
    """The text of all events of the streams that were loaded: stream, seq, line; in their order."""
    snapshots: pd.DataFrame
    """All snapshots: stream, tenant, seq, state."""
    tokens: pd.DataFrame
    """How far processors are: processor, position, gaps, tx, batches."""
    pool: tuple[int, str]
    seeded_pool: tuple[int, str] | None
    """How many seeded events there are, and a digest of them: now, and as seeding left them (None: not on record)."""
    figures: Sequence[Mapping[str, Any]]
    """What was measured of the pool when it was seeded."""
    first: int
    """The least position of all events."""
    noons: Mapping[int, int]
    """The position before the first event since noon of each day."""
    heads: Mapping[int, int]
    """The last seeded position of each tenant."""
    received: Records
    loaded: Records
    """What the load left beside its journal (`systems.event_store`)."""
    plans: plans.Plans


def source(computes: bool = True) -> Source:
    """Where events are stored; whether the server `computes` checksums, or the text is read for them."""
    return Source(
        "domain_events",
        key="event_id",
        points={"stored": "stored"},
        columns={**EVENTS, "checksum": "int64" if computes else "str", "stored": MOMENT},
        named={
            "position": "global_seq",
            "stream": STREAM,
            "tenant": TENANT,
            "tx": "tx_id::text::bigint",
            "checksum": CHECKSUM if computes else LINE,
            "stored": "occurred_at",
        },
    )


def observe(url: str, run: Run, ledger: Ledger) -> EventStore:
    """Wait until nobody writes, then read all that the checks need, in one snapshot."""
    began = before(run)
    received = beside(run.folder, "received", event_store.RECEIVED)
    loaded = beside(run.folder, "loaded", event_store.LOADED)
    begin = event_store.begin(run.scenario.pool["events"], run.scenario.services["engine"].settings)
    with reader(url) as session:
        place = source(int(session.row("SHOW server_version_num")[0]) >= CRC_SINCE)
        require_own_rows(session, ledger, url, place.table, place.key)
        offset = session.clock_offset()
        kept = durability.read(session, run, [place.table, "snapshots", "tracking_tokens"])
        explained = plans.read(session, run)
        with still(session, ledger, "SELECT 0", [place.table]) as stillness:
            streams = session.frame(
                BROKEN, {"stream": "int64", "tenant": "str", "events": "int64", "first": "int64", "last": "int64"}
            )
            own = _own(session, ledger.run, place)
            own = own.sort_values("position", ignore_index=True)
            whole, first, noons, heads = _whole(session, set(run.scenario.expected))
            return EventStore(
                source=place,
                settings=session.settings(),
                taken=pd.Timestamp(session.row("SELECT now()")[0]),
                clock_offset=offset,
                drained_seconds=stillness.drained_seconds,
                disturbance=stillness.disturbance,
                rows=own,
                foreign=_checked(rows.foreign(session, ledger.run, place, "false", began)),
                before=began,
                durability=kept,
                schema=catalogue.read(session, run),
                looks=looks.read(run, place.table, place.key),
                own=own_checks.read(session, run.scenario),
                seed=run.facts["seed"],
                policy=(run.facts.get("target") or {}).get("strategy") or event_store.GAP_TOKEN,
                events=_events(session, place, begin if len(received) else -1, ledger.run, own),
                broken=streams[streams["stream"] != ALL].sort_values("stream"),
                streams=int(streams.loc[streams["stream"] == ALL, "events"].iloc[0]),
                texts=_texts(session, ledger, loaded),
                snapshots=session.frame(
                    f"SELECT {STREAM}, {TENANT}, seq, payload::text FROM snapshots ORDER BY 1, 3",
                    {"stream": "int64", "tenant": "int64", "seq": "int64", "state": "str"},
                ),
                tokens=session.frame(
                    "SELECT processor, position, gaps::text, tx, batches FROM tracking_tokens "
                    "WHERE processor LIKE %(ours)s ORDER BY 1",
                    {"processor": "str", "position": "int64", "gaps": "str", "tx": "int64", "batches": "int64"},
                    {"ours": f"{ledger.run}-%"},
                ),
                pool=whole,
                seeded_pool=tuple(found) if (found := (run.facts.get("seeding") or {}).get("pool")) else None,
                figures=(run.facts.get("seeding") or {}).get("figures") or (),
                first=first,
                noons=noons,
                heads=heads,
                received=received,
                loaded=loaded,
                plans=explained,
            )


def _own(session: Reader, run: str, place: Source) -> pd.DataFrame:
    """The events of the run, with checksums."""
    if place.columns["checksum"] == "int64" and rows.readable(session, place.table):
        return stored.own(session, run, place)
    return _checked(rows.own(session, run, place, place.columns, parallel=True))


def beside(folder: Path, name: str, fields: Iterable[tuple[str, str]]) -> Records:
    """The records of that name of all load processes; a torn one at the end is left out."""
    kind = np.dtype(list(fields))
    found = [np.fromfile(path, kind) for path in sorted(folder.glob(f"{name}-*.bin"))]
    return np.concatenate(found) if found else np.zeros(0, kind)


def _events(session: Reader, place: Source, begin: int, run: str, own: pd.DataFrame) -> pd.DataFrame:
    """The events above a position; none if it is -1.

    Those of the run are there by now: to compute their checksums again would take as long.
    """
    columns = {**EVENTS, "checksum": place.columns["checksum"]}
    if begin < 0:
        return pd.DataFrame({name: np.zeros(0, np.int64) for name in columns})
    sql = (
        f"SELECT {NUMBERS}, {place.named['checksum']} FROM domain_events "
        "WHERE global_seq > %(begin)s AND (event_id LIKE %(ours)s) IS NOT TRUE"
    )
    others = _checked(session.frame(sql, columns, {"begin": begin, "ours": f"{run}-%"}))
    return pd.concat([others, own[list(columns)]]).sort_values("position", ignore_index=True)


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    """With checksums, where the text was read for them."""
    if frame["checksum"].dtype == np.int64:
        return frame
    return frame.assign(checksum=np.array([crc32(line.encode()) for line in frame["checksum"].tolist()], np.int64))


def _texts(session: Reader, ledger: Ledger, loaded: Records) -> pd.DataFrame:
    """The text of the events of all streams of which a load is on record."""
    ops = ledger.ops
    subjects = ops["subject"].to_numpy()[np.isin(ops["op"].to_numpy(), loaded["op"])]
    streams = sorted({event_store.aggregate_id(int(one)) for one in np.unique(event_store.about(subjects)[0])})
    return session.frame(
        f"SELECT {STREAM}, seq, {LINE} FROM domain_events WHERE aggregate_id = ANY(%(streams)s) ORDER BY 1, 2",
        {"stream": "int64", "seq": "int64", "line": "str"},
        {"streams": streams},
    )


def _whole(session: Reader, asked: Collection[str]) -> tuple[tuple[int, str], int, dict[int, int], dict[int, int]]:
    """All that needs every event, in one pass: the pool and its digest, the least position; and of the kinds that were
    `asked` for, the positions before noon of DAYS, and the last seeded ones of each tenant.
    """
    days = event_store.DAYS if "token_at" in asked else ()
    tenants = range(event_store_pool.TENANTS) if "head" in asked else ()
    noons = [f", min(global_seq) FILTER (WHERE occurred_at >= '{event_store.noon(day)}') - 1" for day in days]
    heads = [
        f", max(global_seq) FILTER (WHERE tenant_id = '{event_store_pool.tenant_id(one)}' AND event_id {ids.POOL_SQL})"
        for one in tenants
    ]
    count, digest, first, *found = session.row(
        f"SELECT {event_store.pool_digest_sql()}, coalesce(min(global_seq), 0){''.join([*noons, *heads])} "
        "FROM domain_events"
    )
    positions = [int(position or 0) for position in found]
    return (
        (int(count), str(digest)),
        int(first),
        dict(zip(days, positions, strict=False)),
        dict(zip(tenants, positions[len(days) :], strict=True)),
    )
