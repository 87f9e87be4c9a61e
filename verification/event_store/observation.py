"""What is read of the database of the event store, in one snapshot; and what the load left beside its journal."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from harness.run import Run
from systems import event_store, event_store_pool, ids
from verification import catalogue, durability, looks, own_checks, rows
from verification.before import before
from verification.case import Observation
from verification.divided.keeping import Keeping
from verification.event_store import plans, stored
from verification.event_store.kept import LINES, SNAPSHOTS, Kept, Span, streams_of
from verification.event_store.received import LINE as LINE_RECEIVED
from verification.event_store.received import MISSED, Processor, Records, lines, pieces, processors
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
    lines: pd.DataFrame
    """All events of the streams that were loaded: LINES."""
    snapshots: pd.DataFrame
    """All snapshots: stream, tenant, seq, state."""
    processors: tuple[Processor, ...]
    """How far processors are, by number."""
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
    missed: Records
    """What processors received, as LINE in the order of their places, and as MISSED."""
    loaded: Records
    """What loads answered, as the load left it beside its journal."""
    plans: plans.Plans
    span: Span | None = None
    """By what the run is divided; None: it is not."""
    learnt: Any = None
    """What is known of all parts (`handing.Learnt`)."""


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


def observe(url: str, run: Run, ledger: Ledger, keeping: Keeping | None = None) -> EventStore:
    """Wait until nobody writes, then read all that the checks need, in one snapshot.

    With `keeping`, that keeps all of which there is the more, the longer the run is, and the ledger need have no more
    than the operations of which the last ones ended.
    """
    began, kept = before(run), Kept(keeping) if keeping else None
    read = partial(pieces, run.folder, "received", event_store.RECEIVED)
    any_received = any(path.stat().st_size for path in run.folder.glob("received-*.bin"))
    loaded = _loaded(run.folder, kept)
    begin = event_store.begin(run.scenario.pool["events"], run.scenario.services["engine"].settings)
    with reader(url) as session:
        place = source(int(session.row("SHOW server_version_num")[0]) >= CRC_SINCE)
        require_own_rows(session, ledger, url, place.table, place.key)
        offset = session.clock_offset()
        durable = durability.read(session, run, [place.table, "snapshots", "tracking_tokens"])
        explained = plans.read(session, run)
        with still(session, ledger, "SELECT 0", [place.table]) as stillness:
            streams = session.frame(
                BROKEN, {"stream": "int64", "tenant": "str", "events": "int64", "first": "int64", "last": "int64"}
            )
            own = _own(session, ledger.run, place, kept)
            own = own.sort_values("position", ignore_index=True)
            whole, first, noons, heads = _whole(session, set(run.scenario.expected))
            if kept:
                kept.reach(begin, run.scenario.pool["events"])
            events = _events(session, place, begin if any_received else -1, ledger.run, own, kept)
            tokens = session.frame(
                "SELECT processor, position, gaps::text, tx, batches FROM tracking_tokens "
                "WHERE processor LIKE %(ours)s ORDER BY 1",
                {"processor": "str", "position": "int64", "gaps": "str", "tx": "int64", "batches": "int64"},
                {"ours": f"{ledger.run}-%"},
            )
            followed, received, missed = _received(read, tokens, ledger.run, kept)
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
                durability=durable,
                schema=catalogue.read(session, run),
                looks=looks.read(run, place.table, place.key),
                own=own_checks.read(session, run.scenario),
                seed=run.facts["seed"],
                policy=(run.facts.get("target") or {}).get("strategy") or event_store.GAP_TOKEN,
                events=events,
                broken=streams[streams["stream"] != ALL].sort_values("stream"),
                streams=int(streams.loc[streams["stream"] == ALL, "events"].iloc[0]),
                lines=_lines(session, place, _streams(ledger, loaded, kept), kept),
                snapshots=session.frame(
                    f"SELECT {STREAM}, {TENANT}, seq, payload::text FROM snapshots ORDER BY 1, 3",
                    {"stream": "int64", "tenant": "int64", "seq": "int64", "state": "str"},
                    take=kept.by_stream(SNAPSHOTS) if kept else None,
                ),
                processors=followed,
                pool=whole,
                seeded_pool=tuple(found) if (found := (run.facts.get("seeding") or {}).get("pool")) else None,
                figures=(run.facts.get("seeding") or {}).get("figures") or (),
                first=first,
                noons=noons,
                heads=heads,
                received=received,
                missed=missed,
                loaded=loaded,
                plans=explained,
                span=kept.span if kept else None,
            )


def _own(session: Reader, run: str, place: Source, kept: Kept | None) -> pd.DataFrame:
    """The events of the run, with checksums; none, if they are kept."""
    if place.columns["checksum"] == "int64" and rows.readable(session, place.table):
        return stored.own(session, run, place, kept.rows if kept else None)

    def take(some: pd.DataFrame, column: str) -> None:
        assert kept is not None
        kept.rows(_checked(some), column)

    return _checked(rows.own(session, run, place, place.columns, parallel=True, take=take if kept else None))


def _loaded(folder: Path, kept: Kept | None) -> Records:
    """What loads answered; none, if it is kept."""
    found = [np.zeros(0, list(event_store.LOADED))]
    for records in pieces(folder, "loaded", event_store.LOADED):
        if kept:
            kept.loaded(records)
        else:
            found.append(records)
    return np.concatenate(found)


def _received(
    read: Callable[[], Iterable[Records]], tokens: pd.DataFrame, run: str, kept: Kept | None
) -> tuple[tuple[Processor, ...], Records, Records]:
    """How far processors are; what they received, and what was missing: none, if it is kept."""
    found, missed = [np.zeros(0, LINE_RECEIVED)], [np.zeros(0, MISSED)]
    if kept:
        of = processors(read, tokens, run)
        kept.received(read, of)
        return of, found[0], missed[0]
    every, first = list(read()), 0
    of = processors(lambda: every, tokens, run)
    for records in every:
        for to, some in zip((found, missed), lines(records, first, of), strict=True):
            to.append(some)
        first += len(records)
    return of, np.concatenate(found), np.concatenate(missed)


def _events(session: Reader, place: Source, begin: int, run: str, own: pd.DataFrame, kept: Kept | None) -> pd.DataFrame:
    """The events above a position; none if it is -1, or if they are kept.

    Those of the run are there by now: to compute their checksums again would take as long.
    """
    columns = {**EVENTS, "checksum": place.columns["checksum"]}
    none = pd.DataFrame({name: np.zeros(0, np.int64) for name in columns})
    if begin < 0:
        return none

    def take(others: pd.DataFrame) -> None:
        assert kept is not None
        kept.others(_checked(others))

    sql = (
        f"SELECT {NUMBERS}, {place.named['checksum']} FROM domain_events "
        "WHERE global_seq > %(begin)s AND (event_id LIKE %(ours)s) IS NOT TRUE"
    )
    given = {"begin": begin, "ours": f"{run}-%"}
    others = _checked(session.frame(sql, columns, given, take=take if kept else None))
    return none if kept else pd.concat([others, own[list(columns)]]).sort_values("position", ignore_index=True)


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    """With checksums, where the text was read for them."""
    if frame["checksum"].dtype == np.int64:
        return frame
    return frame.assign(checksum=np.array([crc32(line.encode()) for line in frame["checksum"].tolist()], np.int64))


def _streams(ledger: Ledger, loaded: Records, kept: Kept | None) -> set[int]:
    """The streams of which a load is on record."""
    if kept:
        return kept.streams_loaded()
    ops = ledger.ops
    return streams_of(ops["subject"].to_numpy()[np.isin(ops["op"].to_numpy(), loaded["op"])])


def _lines(session: Reader, place: Source, streams: Collection[int], kept: Kept | None) -> pd.DataFrame:
    """The events of these streams, as the checksum of a load is made of them; none, if they are kept."""
    said = place.named["checksum"].replace(LINE, "said")
    taking = kept.by_stream(LINES) if kept else None

    def take(some: pd.DataFrame) -> None:
        assert taking is not None
        taking(_checked(some))

    found = session.frame(
        f"SELECT {STREAM}, seq, {said}, octet_length(convert_to(said, 'UTF8')) "
        f"FROM domain_events CROSS JOIN LATERAL (SELECT {LINE} AS said OFFSET 0) AS lines "
        "WHERE aggregate_id = ANY(%(streams)s)",
        {"stream": "int64", "seq": "int64", "checksum": place.columns["checksum"], "length": "int64"},
        {"streams": sorted({event_store.aggregate_id(one) for one in streams})},
        parallel=True,
        take=take if kept else None,
    )
    return _checked(found)


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
