"""`python -m docs.gallery`: an example report for each verdict and each type of load, into docs/gallery/*.html.

The runs are synthetic: no target was asked anything, and every figure is drawn from a seed. The same again each time.
"""

import heapq
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.check import Finding
from harness.monitor import FILE, STATEMENTS
from harness.outcomes import Failure, Outcome
from harness.reported import REPORT
from harness.run import Run
from harness.verdict import CheckState
from reports.__main__ import report
from reports.samples.phases import arrivals_until, stretches
from systems import ids
from tests.support.synthetic_run import BEGAN, EXPECTED, HOLDING, TARGET, Answer, Answering, bind, synthetic_run

FOLDER = Path(__file__).parent
RUN_ID = "20261120T235501a1b2c3"
SEED = 20_261_120
CORES = 8
SPREAD = 0.45
"""The standard deviation of the logarithm of a response time: p99 is 2.8 times the median."""


@dataclass(frozen=True)
class Entry:
    """An example: what is asked of a synthetic run, and the verdict that it must have."""

    verdict: str
    shows: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `synthetic_run`; makers of answers and completions come new to each run, for they draw."""
    median: Callable[[float], float] = lambda second: 0.020
    """The median response time (s) of what is begun at a second."""
    failing: Callable[[float], float] = lambda second: 0.0
    """The share of it that is answered with 500."""
    deliveries: tuple[tuple[float, int], ...] = ()
    """From which second on how many delivery workers stand behind the target, at 80 ms each; none: at once."""
    watched: float | None = None
    """Cores of the target for each arrival a second, as a monitor saw it; None: nobody watched."""


CREATED_TWICE = Finding(
    "MP1",
    "Every key is in one row only.",
    CheckState.VIOLATED,
    1_483,
    "rows of all runs",
    witnesses=3,
    detail="3 keys stand in more than one row",
    first={"key": f"{RUN_ID}-1a4", "rows": 2, "ids": [20_431, 20_432]},
    worst={"key": f"{RUN_ID}-3c0", "rows": 4, "ids": [21_002, 21_003, 21_004, 21_007]},
    sql=f"SELECT * FROM messages WHERE idempotency_key = '{RUN_ID}-1a4' ORDER BY id",
)

ROUND_EVERY_S, ROUNDS, CONTENDERS, SERVED = 0.5, 58, 50, 5
STEPS = tuple(range(50, 301, 50))
STEP_S, HOLDS_UNTIL = 20, 200
"""Arrivals a second of the steps; the last of them that the target can bear."""

HOSTILE = '</script><b>"bold"</b> | [a](http://evil.example) `code` **@all** \x1b[31mred\x00\u202e'


def _spike(second: float) -> float:
    """The ramp ends at second 45: then the target is slow, and catches up within 15 s."""
    return 0.020 + 0.60 * max(0.0, 1 - (second - 45) / 15) if second >= 45 else 0.020


def _step(second: float) -> int:
    return STEPS[min(int(second // STEP_S), len(STEPS) - 1)]


def _contention() -> list[tuple[float, str, int]]:
    """Second, kind and user: all reserve at one instant, the five who were served release, one does something else."""
    others = ("consume", "repeat", "reuse", "stranger", "forged", "race")
    moments: list[tuple[float, str, int]] = []
    for number in range(ROUNDS):
        at = 0.25 + number * ROUND_EVERY_S
        moments += [(at, "reserve", user) for user in range(CONTENDERS)]
        moments += [(at + 0.2 + 0.003 * place, "release", place) for place in range(SERVED)]
        moments.append((at + 0.3, others[number % len(others)], CONTENDERS - 1))
    return moments


def _late(place: int) -> float:
    """How late (s) the one at a place is begun: of those who meet one after the other, within 2 ms."""
    return 0.00004 * (place % (CONTENDERS + SERVED + 1))


AUTHORIZATIONS = (
    Finding(
        "A3",
        "Available, scheduled and used units are the seeded total together.",
        CheckState.HOLDS,
        10,
        "authorizations",
    ),
    Finding("X4", "No movement is stored that nobody sent.", CheckState.HOLDS, 580, "movements"),
)

STATEMENTS_OF_MESSAGES = [
    {"query": query, "calls": calls, "seconds": seconds, "rows": rows, "blocks": 6 * calls, "wal_bytes": 480 * rows}
    for query, calls, seconds, rows in (
        ("INSERT INTO messages (idempotency_key, user_id, body) VALUES ($1, $2, $3) RETURNING id", 1_483, 1.9, 1_483),
        ("SELECT id, body FROM messages WHERE idempotency_key = $1", 77, 0.04, 77),
    )
]

SCALED = [
    {"service": "deliver", "processes": 5, "planned": 80.0, "done": 80.6},
    {"service": "deliver", "processes": 10, "planned": 118.0, "done": 118.9},
]

GALLERY: dict[str, Entry] = {
    "verdict-go": Entry("GO", "GO: every rule and every check holds", {"profile": "ci"}, watched=0.01),
    "verdict-conditional": Entry(
        "CONDITIONAL",
        "CONDITIONAL: p95 is over its limit, by less than half of it",
        {"profile": "ci"},
        median=lambda second: 0.270,
        watched=0.02,
    ),
    "verdict-no-go-by-a-check": Entry(
        "NO-GO",
        "NO-GO: all is fast, but three keys were stored more than once; with an example and the SQL that shows it",
        {"profile": "ci", "findings": [*HOLDING, CREATED_TWICE]},
    ),
    "verdict-no-go-by-a-rule": Entry(
        "NO-GO",
        "NO-GO: one in 25 is answered with 500, from second 60 on",
        {"profile": "ci"},
        failing=lambda second: 0.04 if second > 60 else 0.0,
        watched=0.02,
    ),
    "verdict-invalid": Entry(
        "INVALID",
        "INVALID: the generator's own loop was late and its core was full, so the times are not the target's",
        {"profile": "ci", "lags_us": [90_000] * 50, "cpu": 0.97},
    ),
    "type-load": Entry(
        "GO",
        "sustained load: ten minutes at one rate",
        {
            "profile": "ci",
            "table": {"arrivals": {"ci": [{"rate": 12, "for": "1m", "phase": "warm-up"}, {"rate": 12, "for": "10m"}]}},
        },
        watched=0.01,
    ),
    "type-spike": Entry(
        "CONDITIONAL",
        "a spike: after the ramp to the peak the target is slow for 15 s, and catches up",
        {"scenario": "peak", "profile": "ci"},
        median=_spike,
        watched=0.01,
    ),
    "type-scaling": Entry(
        "GO",
        "scaling: 1, 5 and 10 delivery workers, each offered what they can hold, then more",
        {
            "scenario": "worker-scaling",
            "profile": "ci",
            "facts": {"scaling": SCALED},
            "table": {
                "arrivals": {
                    "ci": [
                        {"rate": 10, "for": "60s", "phase": "1-worker"},
                        {"rate": 15, "for": "15s", "phase": "1-worker-beyond"},
                        {"pause": "5s"},
                        {"pause": "3s", "scale": {"deliver": 5}},
                        {"rate": 50, "for": "20s", "phase": "5-workers"},
                        {"rate": 75, "for": "10s", "phase": "5-workers-beyond"},
                        {"pause": "5s"},
                        {"pause": "3s", "scale": {"deliver": 10}},
                        {"rate": 100, "for": "20s", "phase": "10-workers"},
                        {"rate": 150, "for": "10s", "phase": "10-workers-beyond"},
                        {"pause": "5s"},
                    ]
                }
            },
        },
        deliveries=((0.0, 1), (80.6, 5), (118.9, 10)),
        watched=0.01,
    ),
    "type-contention": Entry(
        "GO",
        "contention: rounds in which 50 reserve at one instant, 5 are served and 45 are refused",
        {
            "scenario": "high-contention",
            "profile": "ci",
            "moments": _contention(),
            "lag_s": _late,
            "findings": AUTHORIZATIONS,
        },
        watched=0.02,
    ),
    "type-stress": Entry(
        "NO-GO",
        "stress: from 50 to 300 a second in steps, until the target's cores run out and it breaks",
        {
            "profile": "ci",
            "table": {
                "purpose": "steps of 50 a second, until it breaks",
                "max_users": 2000,
                "arrivals": {
                    "ci": [{"rate": rate, "for": f"{STEP_S}s", "phase": f"{rate}-a-second"} for rate in STEPS]
                },
                "rules": ["p95(response_time) < 500ms", "ratio(errors) < 1%", "value(capacity) >= 250/s"],
            },
        },
        median=lambda second: 0.020 if _step(second) <= HOLDS_UNTIL else 0.25 * (1 + second % STEP_S / 2),
        failing=lambda second: 0.0 if _step(second) <= HOLDS_UNTIL else 0.08,
        watched=0.008,
    ),
    "type-hostile": Entry(
        "NO-GO",
        "hostile names: markup, Markdown and control characters wherever a text comes from others",
        {
            "table": {"purpose": HOSTILE, "arrivals": {"smoke": [{"rate": 12, "for": "15s", "phase": HOSTILE}]}},
            "kinds": ["process", HOSTILE, "conflict", "stranger", "race", "later"],
            "findings": [
                *HOLDING,
                replace(
                    CREATED_TWICE, title=HOSTILE, what=HOSTILE, detail=HOSTILE, first={HOSTILE: [HOSTILE]}, sql=HOSTILE
                ),
            ],
            "facts": {
                "command": ["make", HOSTILE],
                "target": {**TARGET, "url": HOSTILE, "fault": HOSTILE},
                "versions": {HOSTILE: HOSTILE},
                "git": {"commit": HOSTILE, "dirty": True},
            },
        },
    ),
}


def main() -> int:
    """Make all of them."""
    for name, entry in GALLERY.items():
        with tempfile.TemporaryDirectory(prefix="proofload-gallery-") as runs:
            folder, verdict = example(Path(runs), entry)
            page = FOLDER / f"{name}.html"
            page.write_text((folder / REPORT).read_text(encoding="utf-8"), encoding="utf-8")
        print(f"{page}: {verdict['verdict']}")
    return 0


def example(runs: Path, entry: Entry) -> tuple[Path, dict[str, Any]]:
    """The folder of the run of `entry`, reported on, and the contents of its verdict.json: the same each time."""
    draw = np.random.default_rng(SEED)
    asked: dict[str, Any] = {"run_id": RUN_ID, "completing": _delivering(entry.deliveries), **entry.asked}
    run = synthetic_run(runs, answer=_answering(entry, draw), **asked)
    if entry.watched is not None:
        _watch(run, entry.watched, draw)
        bind(run)
    # A folder is named after the moment at which it was made, which is on the page.
    folder = run.folder.rename(run.folder.parent / f"{RUN_ID[: ids.BORN_LENGTH]}-{run.scenario.profile}")
    return folder, report(folder)


def _answering(entry: Entry, draw: np.random.Generator) -> Answering:
    """What the contract says of messages, of reservations in rounds, or a 500; times are log-normal."""

    def answer(place: int, kind: str, second: float) -> Answer:
        seconds = entry.median(second) * float(np.exp(SPREAD * draw.standard_normal()))
        if draw.random() < entry.failing(second):
            return Answer(Outcome.UNKNOWN, 500, seconds, Failure.NONE)
        if "moments" in entry.asked and kind not in ("stranger", "race"):
            return replace(_authorized(place, kind), seconds=seconds)
        return replace(EXPECTED[kind], seconds=seconds)

    return answer


def _authorized(place: int, kind: str) -> Answer:
    """The answer of the contract of authorizations; of a round of reservations the first are served."""
    if kind == "reserve" and place % (CONTENDERS + SERVED + 1) >= SERVED:
        return Answer(Outcome.REJECT, 409)
    refused = {"repeat": Answer(Outcome.REPLAY, 200), "reuse": Answer(Outcome.REJECT, 422)}
    refused["forged"] = Answer(Outcome.REJECT, 401)
    return refused.get(kind, Answer(Outcome.ACK, 200))


def _delivering(deliveries: tuple[tuple[float, int], ...]) -> Callable[[float], float]:
    """When an effect committed at a moment (s on the journal's clock) is completed by the workers in force then."""
    free: list[float] = []

    def completing(committed: float) -> float:
        workers = next((count for since, count in reversed(deliveries) if committed - BEGAN / 1e9 >= since), 0)
        if not workers:
            return committed + 0.012
        while len(free) < workers:
            heapq.heappush(free, committed)
        done = max(heapq.heappop(free), committed) + 0.080
        heapq.heappush(free, done)
        return done

    return completing


def _watch(run: Run, each: float, draw: np.random.Generator) -> None:
    """What a monitor would have seen, where an arrival a second takes the target `each` of a core."""
    scenario = run.scenario
    course = stretches(scenario)
    lines = []
    for second in range(int(scenario.seconds)):
        rate = arrivals_until(course, second + 1) - arrivals_until(course, second) if scenario.open else CONTENDERS
        noise = 1 + 0.04 * float(draw.standard_normal())
        target = min(0.03 + rate * each * noise, 1.98)
        cpu = {"target": target, "postgres": 0.02 + 0.6 * target, "generator": 0.04 + 0.1 * target, "monitor": 0.01}
        line: dict[str, float] = {"at": BEGAN + round((second + 0.5) * 1e9)}
        for name, cores in cpu.items():
            processes = 2 if name == "target" else 1
            line |= {
                f"{name}.cpu": round(cores, 4),
                f"{name}.rss": 90_000_000 * processes,
                f"{name}.processes": processes,
            }
        line |= {"machine.cpu": round(sum(cpu.values()) + 0.1, 4), "machine.steal": 0.0, "machine.pressure": 0.01}
        line |= {"machine.canary": round(0.00042 * (1 + 0.02 * float(draw.random())), 8)}
        active = round(2 + 4 * target)
        line |= {"db.limit": 100, "db.connections": 20, "db.active": active, "db.waiting.lock": 0}
        line |= {"db.commits": round(rate, 1), "db.cache": 0.999, "db.deadlocks_total": 0}
        lines.append(json.dumps(line))
    run.write_text(FILE, "\n".join(lines) + "\n")
    if scenario.system == "messages":
        run.write_text(STATEMENTS, json.dumps(STATEMENTS_OF_MESSAGES, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
