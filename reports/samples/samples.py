"""Every operation of every journal is one row, with the phase that planned it, its outcome, and its effect."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from harness import mapped
from harness.errors import JournalError
from harness.journal import PARTNER, UNTIMED
from harness.journaled import Journaled
from harness.outcomes import Failure, Outcome
from harness.plan.scenario import Scenario
from reports.samples.effects import Effects, effects
from reports.samples.frame import NEVER, Frame, Groups, Mask, Span, room
from reports.samples.phases import Stretch, stretches
from reports.statistics.parts import parts
from systems import ids

OUTCOMES = [outcome.name for outcome in Outcome]
FAILURES = [failure.name for failure in Failure]
FEW_GROUPS = 1 << 16
"""The number of a group of so few takes two bytes."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """The operations of a run beside the plan that they followed."""

    scenario: Scenario
    stretches: tuple[Stretch, ...]
    frame: Frame
    planned: int
    """Arrivals of the plan, as the load processes had counted them."""
    effects: Effects | None
    """What the database held of them; None if it was not read."""

    @property
    def seconds(self) -> float:
        """How long the load lasted: as planned, or until a rule ended it."""
        return self.stretches[-1].end

    @property
    def arrivals(self) -> int:
        """How many of the planned arrivals were begun."""
        return self.frame.count(~self.frame.groups.partner)

    def during(self, moments: npt.NDArray[np.float64]) -> Mask:
        """Which of `moments` lie in the load: another's users may go on with what they have begun when it is over."""
        inside: Mask = (moments >= 0) & (moments <= self.seconds)
        return inside


def samples(
    scenario: Scenario,
    journals: Sequence[Journaled],
    stored: npt.NDArray[np.void] | None,
    until: float | None = None,
) -> Samples:
    """The operations of `journals`, and of the effects that are `stored` theirs; JournalError if a record can't be one
    of theirs.

    Both are on the master's clock.
    `until` is the second of the plan at which a rule ended the load, if one did.
    """
    times = _times(journals)
    if until is None and (scenario.requests or scenario.shaped):
        # The number of requests, or another's shape, ended the load, and not the time that it might have taken.
        until = max(float(times.end.max(initial=0)), 1.0) / 1e9
    elif until is not None:
        # What was begun until all load processes had heard of it belongs to the load, too.
        until = max(until, times.latest / 1e9)
    stages = stretches(scenario, until)
    kinds = list(scenario.mix)
    for journal in journals:
        kinds += [name for name in journal.header["kinds"] if name not in kinds]
    groups, group = _grouped(scenario, journals, stages, kinds, times.due)
    spans, place = [], 0
    for journal in journals:
        spans.append(Span(place, ids.operation(journal.worker, 0)))
        place += len(journal.records)
    whole = Frame(
        tuple(kinds), groups, group, times.due, times.start, times.end, times.waited, times.slipped, tuple(spans)
    )
    began = _began(next((one for one in journals if "began" in one.header), journals[0]))
    staying = np.array([name in scenario.staying for name in kinds], bool)[groups.kind]
    found = None if stored is None else effects(stored, journals, whole, staying, began)
    arrivals = sum(int(journal.header.get("arrivals", 0)) for journal in journals)
    return Samples(scenario, stages, whole, arrivals, found)


def _parts(journals: Sequence[Journaled]) -> Iterator[tuple[int, Journaled, slice, slice]]:
    """All records, a part at a time: the number of the journal, it, the part in it, and the part in the whole."""
    before = 0
    for number, journal in enumerate(journals):
        for own in parts(len(journal.records)):
            yield number, journal, own, slice(before + own.start, before + own.stop)
            mapped.forget(journal.records)
        before += len(journal.records)


class Times(NamedTuple):
    """The times of all operations, as `Frame` has them."""

    due: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    waited: npt.NDArray[np.uint32]
    slipped: npt.NDArray[np.int64] | None
    latest: int
    """The latest at which one was due, by the clock that start and end are read from."""


def _times(journals: Sequence[Journaled]) -> Times:
    count = sum(len(journal.records) for journal in journals)
    due, start, end = (room(count, np.int64) for _ in range(3))
    waited, latest = room(count, np.uint32), 0
    slipped = room(count, np.int64) if any(journal.slipped is not None for journal in journals) else None
    began = [_began(journal) for journal in journals]
    for number, journal, own, whole in _parts(journals):
        records = journal.records[own]
        sched, over = records["sched"] - began[number], records["end"]
        latest = max(latest, int(sched.max()))
        # What was planned for a second is in that second. A µs less, and a burst is in the stage before.
        due[whole] = sched if journal.slipped is None else sched - journal.slipped[own]
        start[whole] = records["start"] - began[number]
        end[whole] = np.where(over > 0, over - began[number], NEVER)
        waited[whole] = records["waited"]
        if slipped is not None:
            slipped[whole] = 0 if journal.slipped is None else journal.slipped[own]
    return Times(due, start, end, waited, slipped, latest)


def _began(journal: Journaled) -> int:
    """When the plan began for this process; where the journal doesn't hold it, with the first operation.

    Each got second 0 in its own clock: what it planned is in the plan's second to the ns, whatever the doubt.
    """
    records = journal.records
    return int(journal.header.get("began") or (records["sched"].min() if len(records) else 0))


PACKED = {"kind": 16, "stage": 15, "outcome": 4, "status": 16, "failure": 8, "partner": 1, "ended": 1, "timed": 1}
"""What makes a group, and in how many bits each of it is put into one number."""
UNKNOWN_FAILURE = 2 ** PACKED["failure"] - 1


def _grouped(
    scenario: Scenario,
    journals: Sequence[Journaled],
    stages: tuple[Stretch, ...],
    kinds: list[str],
    due: npt.NDArray[np.int64],
) -> tuple[Groups, npt.NDArray[np.unsignedinteger[Any]]]:
    """The groups, in the order in which they first come, and that of each operation."""
    numbers: dict[tuple[int, int], int] = {}
    group: npt.NDArray[np.unsignedinteger[Any]] = room(len(due), np.uint16)
    owner, ends = _owners(stages), np.array([round(stage.end * 1e9) for stage in stages])
    for number, journal, own, whole in _parts(journals):
        stage = owner[np.searchsorted(ends, due[whole], side="right")]
        packed = _packed(journal, journal.records[own], kinds, stage)
        known = np.unique(packed)
        place = np.array([numbers.setdefault((number, one), len(numbers)) for one in known.tolist()])
        if len(numbers) > FEW_GROUPS and group.dtype == np.uint16:
            group = group.astype(np.uint32)
        group[whole] = place[np.searchsorted(known, packed)]
    return _unpacked(scenario, journals, kinds, numbers), group


def _packed(journal: Journaled, records: npt.NDArray[np.void], kinds: list[str], stage: npt.NDArray[np.int16]) -> Codes:
    failure, ended = records["failure"], records["end"] > 0
    fields: dict[str, Any] = {
        "kind": _kinds(journal, records["kind"], kinds),
        "stage": stage,
        "outcome": np.where(ended, np.minimum(records["outcome"], Outcome.UNKNOWN), Outcome.OPEN),
        "status": records["status"],
        "failure": np.where(failure < len(FAILURES), failure, UNKNOWN_FAILURE),
        "partner": (records["flags"] & PARTNER) > 0,
        "ended": ended,
        "timed": ended & ((records["flags"] & UNTIMED) == 0),
    }
    found, shift = np.zeros(len(records), np.int64), 0
    for name, bits in PACKED.items():
        found |= fields[name].astype(np.int64) << shift
        shift += bits
    return found


def _unpacked(
    scenario: Scenario, journals: Sequence[Journaled], kinds: list[str], numbers: dict[tuple[int, int], int]
) -> Groups:
    packed = np.array([code for _, code in numbers], np.int64)
    fields, shift = dict[str, Codes](), 0
    for name, bits in PACKED.items():
        fields[name] = packed >> shift & (1 << bits) - 1
        shift += bits
    expected = np.zeros((len(kinds), len(OUTCOMES)), bool)
    for place, kind in enumerate(kinds):
        for word in scenario.expected.get(kind, ("ACK",) if scenario.foreign else ()):
            expected[place, Outcome[word]] = True
    failure = fields["failure"]
    return Groups(
        kind=fields["kind"].astype(np.int32),
        stage=fields["stage"].astype(np.int16),
        outcome=fields["outcome"].astype(np.int8),
        status=fields["status"].astype(np.int32),
        # A code that this version does not know becomes no value, but never another one's name.
        failure=np.where(failure == UNKNOWN_FAILURE, -1, failure).astype(np.int8),
        worker=np.array([journals[number].worker for number, _ in numbers], np.int32),
        ok=expected[fields["kind"], fields["outcome"]],
        partner=fields["partner"] > 0,
        ended=fields["ended"] > 0,
        timed=fields["timed"] > 0,
    )


def _kinds(journal: Journaled, kind: npt.NDArray[np.uint16], kinds: list[str]) -> Codes:
    own = np.array([kinds.index(name) for name in journal.header["kinds"]], np.int64)
    if int(kind.max()) >= len(own):
        raise JournalError(
            f"{journal.path}: an operation of kind {int(kind.max())}, expected 0 to {len(own) - 1}: "
            "the journal is damaged. Run the load again"
        )
    found: Codes = own[kind]
    return found


def _owners(stages: tuple[Stretch, ...]) -> npt.NDArray[np.int16]:
    """The stage of what is planned before the end of each, and after all; no pause plans any, its first instant is the
    load's before it.
    """
    owner, last = np.zeros(len(stages) + 1, np.int16), 0
    for place, stage in enumerate(stages):
        last = place if stage.loads else last
        owner[place] = last
    owner[-1] = last
    return owner
