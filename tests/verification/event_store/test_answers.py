"""What appends, heads and snapshots answered is compared with what was stored, of literal histories."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pytest

from harness.outcomes import Outcome
from systems import event_store, event_store_pool
from systems.event_store import GAP_TOKEN, HOT
from systems.event_store_pool import SNAPSHOT_EVERY
from verification.arrays import Array, Mask
from verification.event_store import snapshots, streams, tokens
from verification.event_store.ends import End
from verification.event_store.received import Processor
from verification.found import Found, Part

POOL = event_store_pool.pool(10_000)
LONG = POOL.long()[0]
NEVER = np.iinfo(np.int64).max


class Ledger(SimpleNamespace):
    def outcome(self, *outcomes: Outcome) -> Mask:
        return self.ops["outcome"].isin([int(one) for one in outcomes]).to_numpy()

    def kind(self, kind: str) -> Mask:
        return (self.ops["kind"] == kind).to_numpy()


@dataclass(frozen=True, kw_only=True)
class Named(Part):
    """Of a part the operations that break the invariant, too."""

    operations: list[int]


def named(tell: Callable[[Part], Found], compared: int, lines: Array) -> Named:
    found = np.unique(lines).tolist()
    return Named(tell, compared, len(found), operations=found)


def every(values: Array) -> Mask:
    return np.ones(len(values), bool)


Op = tuple[str, Outcome, int, int, int]
"""Kind, outcome, stream, version and answer; number n is done from second 2 n to 2 n + 1."""


def case(*ops: Op, rows: list[tuple[int, int, int, int]] | None = None, **seen: Any) -> Any:
    """`rows`: operation, position, stream, seq."""
    kinds, outcomes, of, version, answer = zip(*ops, strict=True)
    began = np.arange(len(ops)) * 2
    frame = pd.DataFrame(rows or [], columns=["op", "position", "stream", "seq"], dtype="int64")
    frame["tenant"] = [POOL.tenant(one) for one in frame["stream"]]
    row_op: Array = frame["op"].to_numpy()
    last = np.full(len(ops), -1)
    np.maximum.at(last, row_op, frame["position"])
    acknowledged = np.array([one is Outcome.ACK for one in outcomes])
    ledger = Ledger(
        ops=pd.DataFrame(
            {
                "op": np.arange(len(ops)),
                "kind": kinds,
                "outcome": [int(one) for one in outcomes],
                "key_of": np.arange(len(ops)),
                "answer": answer,
                "subject": [event_store.subject(*pair) for pair in zip(of, version, strict=True)],
            }
        ),
        earliest=began,
        latest=began + 1,
        key_place=np.arange(len(ops)),
    )
    pooled = [(number, POOL.tenant(number), seq, state) for number, seq, state in POOL.snapshots()]
    position, tenant = (frame[name].to_numpy() for name in ("position", "tenant"))
    row_done = np.where(acknowledged[row_op], began[row_op] + 1, NEVER)
    own = seen.pop("snapshots", [])
    missing = seen.pop("missing", None)
    states = [one for one in (*pooled, *own) if one[:3:2] != missing]
    return SimpleNamespace(
        ledger=ledger,
        pool=POOL,
        about=(np.array(of, np.int64), np.array(version, np.int64)),
        rows=frame,
        last=last,
        row_begun=began[row_op],
        row_done=row_done,
        ends=(End(row_done, position, tenant), End(began[row_op], position, tenant)),
        policy=GAP_TOKEN,
        has_streams=every,
        here=every,
        counted_once=True,
        seen=SimpleNamespace(
            snapshots=pd.DataFrame(states, columns=["stream", "tenant", "seq", "state"]),
            pool=(POOL.events, ""),
            first=1,
            processors=seen.pop("processors", ()),
            noons={7: 41},
            **{"heads": {5: 9_000}, **seen},
        ),
        of_operations=named,
    )


ACK, REJECT = Outcome.ACK, Outcome.REJECT
ROWS = [(0, 10_001, HOT, 1), (1, 10_003, HOT, 2)]
SERVED: list[Op] = [("contend", ACK, HOT, 0, 10_001), ("contend", ACK, HOT, 1, 10_003)]


def test_appends_at_versions_of_their_own_that_are_told_where_they_are_hold() -> None:
    asked = [("contend", REJECT, HOT, 1, 2), ("stale", REJECT, HOT, 5, 2), ("contend", REJECT, HOT + 1, 3, 0)]

    assert streams.versions(case(*SERVED, *asked, rows=ROWS)).witnesses == 0


@pytest.mark.parametrize(
    ("op", "why"),
    [
        (("contend", REJECT, HOT, 2, 2), "refused at its own version"),
        (("contend", REJECT, HOT, 0, 1), "told one that was passed before it began"),
        (("contend", REJECT, HOT, 0, 3), "told one that there never was"),
        (("contend", REJECT, HOT + 1, 3, 2), "told that of another tenant"),
        (("contend", ACK, HOT, 1, 0), "served where another was"),
    ],
)
def test_a_version_that_is_wrong_is_named(op: Op, why: str) -> None:
    found = streams.versions(case(*SERVED, op, rows=ROWS))

    assert 2 in found.operations, why


def test_a_position_that_is_not_that_of_the_last_event_is_named() -> None:
    found = streams.versions(case(SERVED[0], ("append_10", ACK, 7, 3, 10_003), rows=[*ROWS, (1, 10_004, 7, 5)]))

    assert found.operations == [1]


def head(tenant: int, answer: int) -> Op:
    return "head", ACK, tenant + 1, 0, answer


@pytest.mark.parametrize(
    ("op", "right"),
    [
        (head(-1, 10_003), True),
        (head(-1, 10_002), False),
        (head(-1, 10_004), False),
        (head(3, 10_003), True),
        (head(3, 10_001), False),
        (head(5, 9_000), True),
        (head(5, 10_003), False),
        (("tail", ACK, 0, 0, 1), True),
        (("tail", ACK, 0, 0, 2), False),
        (("token_at", ACK, 7, 0, 42), True),
        (("token_at", ACK, 7, 0, 43), False),
    ],
)
def test_head_tail_and_the_position_of_a_time_are_what_they_were(op: Op, right: bool) -> None:
    found = tokens.judged(case(*SERVED, op, rows=ROWS))

    assert (found.witnesses == 0) == right
    assert found.compared == 1


def token(back: int, at: int, stored: int | None) -> Processor:
    return Processor(0, 3, back, at, stored, frozenset(), 0, frozenset())


@pytest.mark.parametrize(
    ("one", "witnesses"),
    [
        (token(0, 9, stored=9), 0),
        (token(0, 9, stored=None), 0),
        (token(0, 9, stored=5), 1),
        (token(1, 5, stored=5), 1),
    ],
)
def test_a_token_that_goes_back_or_is_stored_otherwise_is_named(one: Processor, witnesses: int) -> None:
    assert tokens.judged(case(*SERVED, rows=ROWS, processors=(one,))).told().witnesses == witnesses


def state(stream: int, seq: int, off: int = 0) -> tuple[int, int, int, str]:
    text = event_store_pool.state(seq, event_store_pool.total(stream, seq) + off, POOL.event_type(stream, seq))
    return stream, POOL.tenant(stream), seq, text


def told(stream: int, seq: int) -> int:
    return event_store.seen(crc32(state(stream, seq)[3].encode()), seq)


STORED: Op = ("store_snapshot", ACK, HOT, 2, 0)


def test_snapshots_that_are_what_their_events_add_up_to_hold() -> None:
    read = [("read_snapshot", ACK, HOT, 0, told(HOT, 2)), ("read_snapshot", ACK, HOT + 1, 0, 0)]
    found = snapshots.judged(case(*SERVED, STORED, *read, rows=ROWS, snapshots=[state(HOT, 2)]))

    assert found.told().witnesses == 0
    assert found.compared > 4


@pytest.mark.parametrize(
    ("own", "why"),
    [
        (state(HOT, 2, off=1), "of another state"),
        (state(HOT, 3), "newer than its events"),
        ((HOT, 7, *state(HOT, 2)[2:]), "of another tenant"),
        (state(LONG, POOL.length(LONG) + 1), "newer than its events, which were seeded"),
    ],
)
def test_a_snapshot_that_is_none_is_named(own: tuple[int, int, int, str], why: str) -> None:
    assert snapshots.judged(case(*SERVED, rows=ROWS, snapshots=[own])).told().witnesses == 1, why


@pytest.mark.parametrize(
    ("read", "why"),
    [
        (("read_snapshot", ACK, HOT, 0, 0), "none, though one was stored before"),
        (("read_snapshot", ACK, HOT, 0, told(HOT, 1)), "one that there is not"),
        (("read_snapshot", ACK, LONG, 0, told(LONG, SNAPSHOT_EVERY)), "an older one"),
    ],
)
def test_an_answer_that_is_no_snapshot_or_an_older_one_is_named(read: Op, why: str) -> None:
    found = snapshots.judged(case(*SERVED, STORED, read, rows=ROWS, snapshots=[state(HOT, 2)]))

    assert found.operations == [3], why


def test_a_snapshot_that_was_seeded_or_stored_and_is_gone_is_named() -> None:
    assert snapshots.judged(case(*SERVED, rows=ROWS, missing=(LONG, SNAPSHOT_EVERY))).told().witnesses == 1
    assert snapshots.judged(case(*SERVED, STORED, rows=ROWS)).operations == [2]
