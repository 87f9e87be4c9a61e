"""Times of several machines are compared only as far as their clocks are known."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.journal import HEADER_BYTES, MAGIC
from harness.machines import clocks
from harness.run import Run
from tests.support.synthetic_run import BEGAN, bind, synthetic_run
from tests.support.validity_runs import conditions

SECOND = 10**9
AHEAD = 1_000 * SECOND
Trips = Sequence[tuple[int, int, int]]


def asked(way: int, step: int = 0) -> Trips:
    """A round trip a second, both ways of which take `way` ns; the clock is set by `step` ns in the middle."""
    times = [BEGAN - AHEAD + second * SECOND for second in range(-5, 60)]
    return [(at, at + way + AHEAD + (step if at > BEGAN - AHEAD + 8 * SECOND else 0), at + 2 * way) for at in times]


def elsewhere(runs: Path, trips: Trips | None, rules: list[str]) -> Run:
    """A run of one load process, on another machine."""
    run = synthetic_run(runs, clocks=(AHEAD,), table={"rules": rules})
    path = run.folder / "journal-0.bin"
    with path.open("r+b") as file:
        header = json.loads(file.read(HEADER_BYTES)[len(MAGIC) :].rstrip(b"\0"))
        file.seek(0)
        file.write((MAGIC + json.dumps({**header, "machine": 1}).encode() + b"\n").ljust(HEADER_BYTES, b"\0"))
    if trips is not None:
        (run.folder / clocks.name(1)).write_text("".join(json.dumps(one) + "\n" for one in trips))
    return bind(run)


RULES = ["p95(response_time) < 500ms", "ratio(errors) < 1%"]


def test_a_load_of_this_machine_alone_has_no_such_condition(tmp_path: Path) -> None:
    assert "CLOCKS" not in conditions(synthetic_run(tmp_path))


@pytest.mark.parametrize(
    ("rules", "way", "holds"),
    [(RULES, 24_000_000, True), (RULES, 26_000_000, False), (["ratio(errors) < 1%"], 4_900_000, True)],
    ids=["a twentieth of the limit", "more than that", "no limit of a time"],
)
def test_how_well_clocks_must_be_known_follows_from_the_limits(
    tmp_path: Path, rules: list[str], way: int, holds: bool
) -> None:
    found = conditions(elsewhere(tmp_path, asked(way), rules))

    assert (found["CLOCKS"].state == "ok") == holds
    assert [one.id for one in found.values() if one.state == "broken"] == ([] if holds else ["CLOCKS"])


def test_a_file_of_a_machine_that_did_not_arrive_breaks_workers(tmp_path: Path) -> None:
    """What users recorded themselves, say: a rule on it would be judged by what is there."""
    run = elsewhere(tmp_path, asked(1000), RULES)
    told = {"number": 1, "host": "far", "shares": [0]}
    run.record(machines=[{**told, "whole": True, "lacking": []}])
    assert conditions(bind(run))["WORKERS"].state == "ok"
    run.record(machines=[{**told, "whole": False, "lacking": ["metrics-0.bin"]}])
    found = conditions(bind(run))["WORKERS"]

    assert found.state == "broken"
    assert "of machine 1 (far) metrics-0.bin did not arrive" in found.value


@pytest.mark.parametrize(
    ("trips", "value"),
    [(asked(1000, 2 * SECOND), "the clock of machine 1 was set by 2 s"), (None, "machine 1 left no round trips")],
)
def test_a_clock_that_was_set_or_is_not_known_breaks_it(tmp_path: Path, trips: Trips | None, value: str) -> None:
    found = conditions(elsewhere(tmp_path, trips, RULES))["CLOCKS"]

    assert found.state == "broken"
    assert value in found.value
