"""Whether the generator could keep up: once a second and process, a line of health-<worker>.jsonl in the run folder."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import gevent
import psutil

from harness.load.garbage import Garbage
from harness.outcomes import Outcome

if TYPE_CHECKING:
    from harness.load.session import Session

TICK_S = 0.020
"""How often the loop is asked to wake us; by how much it is late is the loop lag."""

Tick = tuple[int, int, int]
"""When the loop was looked at (ns), how late that was (µs), and how many operations were in flight."""


def watch(session: "Session", path: Path) -> list["gevent.Greenlet[..., NoReturn]"]:
    """Start watching: the greenlets, to be killed when the load is over."""
    ticks: list[Tick] = []
    return [gevent.spawn(_tick, session, ticks), gevent.spawn(_write, session, path, ticks)]


def _tick(session: "Session", ticks: list[Tick]) -> NoReturn:
    """Look on, every TICK_S."""
    while True:
        due = time.monotonic() + TICK_S
        gevent.sleep(TICK_S)
        now = time.monotonic_ns()
        ticks.append((now, round(now / 1e3 - due * 1e6), session.flying))


def _write(session: "Session", path: Path, ticks: list[Tick]) -> NoReturn:
    """A line a second: one when the load begins, so that each one after it tells of the load alone, and one at its end,
    so that the shortest load has one.
    """
    process, garbage = psutil.Process(), Garbage()
    process.cpu_percent()
    with path.open("a", buffering=1) as file:
        try:
            while not session.start.wait(1):
                file.write(_line(session, process, garbage, ticks))
            gevent.sleep(max((session.began or 0) - time.monotonic_ns(), 0) / 1e9)
            while True:
                file.write(_line(session, process, garbage, ticks))
                gevent.sleep(1)
        finally:
            if ticks:
                file.write(_line(session, process, garbage, ticks))
            garbage.close()


def _line(session: "Session", process: psutil.Process, garbage: Garbage, ticks: list[Tick]) -> str:
    """What there is to say since the last line; the looks are taken out of `ticks`."""
    taken, ticks[:] = list(ticks), []
    session.tally.count()
    line = {
        "at": time.monotonic_ns(),
        "wall": time.time_ns(),
        "ticks": [at for at, _, _ in taken],
        "lags_us": [lag for _, lag, _ in taken],
        "flying": [flying for _, _, flying in taken],
        "cpu": process.cpu_percent() / 100,
        "rss": process.memory_info().rss,
        "gc_s": round(garbage.seconds, 6),
        "in_flight": session.flying,
        "begun": session.journal.count,
        "ended": session.tally.ended,
        "errors": session.tally.errors,
        "outcomes": _outcomes(session),
        "due": session.schedule.due() if session.schedule else 0,
        "users": session.users,
    }
    return json.dumps(line, separators=(",", ":")) + "\n"


def _outcomes(session: "Session") -> dict[str, dict[str, int]]:
    """How often each kind of operation has ended as what."""
    kinds = session.journal.kinds
    counted = zip(kinds, session.tally.outcomes[: len(kinds)], strict=True)
    return {kind: {o.name: int(n) for o, n in zip(Outcome, row, strict=True) if n} for kind, row in counted}
