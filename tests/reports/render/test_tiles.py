"""The six figures at the top are those of the verdict, and effects count as proven only if every check holds."""

from pathlib import Path
from typing import Any

import pytest

from harness.check import Finding
from harness.outcomes import Outcome
from harness.verdict import CheckState
from reports.record import record
from reports.render.spark import HEIGHT, MOST, spark
from reports.render.tiles import Tile, tiles
from reports.samples.evidence import gather
from reports.samples.series import series
from tests.support.synthetic_run import HOLDING, Answer, synthetic_run, taking
from tests.support.verdicts import UNDECIDED, VIOLATED


def shown(tmp_path: Path, **asked: Any) -> dict[str, Tile]:
    evidence = gather(synthetic_run(tmp_path, **asked).folder)
    found = tiles(record(evidence), series(evidence.samples))
    assert len(found) == 6
    return {tile.name: tile for tile in found}


def test_a_run_in_which_all_holds(tmp_path: Path) -> None:
    found = shown(tmp_path)

    assert {name: (tile.figure, tile.of, tile.state) for name, tile in found.items()} == {
        "p95": ("20 ms", "of 500 ms", ""),
        "p99": ("20 ms", "of 900 ms", ""),
        "delivered": ("100 %", "of 180 offered", ""),
        "errors": ("0", "of 181", ""),
        "operations": ("181", "in 15 s", ""),
        "effects proven": ("171", "of 171", ""),
    }
    assert 'class="limit"' in found["p95"].spark


def test_what_misses_its_limit_says_so(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(Outcome.UNKNOWN, 500, 2.0) if place % 2 else taking(2.0)(place, kind, sched)

    found = shown(tmp_path, answer=answer)

    assert (found["p95"].figure, found["p95"].state) == ("2 s", "NO-GO")
    assert found["errors"].state == "NO-GO"
    assert found["errors"].figure != "0"


def test_a_percentile_that_no_rule_limits_is_shown_and_one_of_some_operations_by_its_name(tmp_path: Path) -> None:
    rules = ["p95(response_time{op=process}) < 500ms", "p95(response_time{op=repeat}) < 25ms", "ratio(errors) < 1%"]

    found = shown(tmp_path, table={"rules": rules})

    assert (found["p95, op=repeat"].of, found["p99"].of) == ("of 25 ms", "no rule limits it")


@pytest.mark.parametrize(
    ("findings", "name", "figure", "state"),
    [
        ([*HOLDING, VIOLATED], "effects found, not proven", "171", "VIOLATED"),
        ([*HOLDING, UNDECIDED], "effects found, not proven", "171", "UNDECIDED"),
        (
            [Finding("X1", "Stored.", CheckState.VIOLATED, 171, "messages", 36), HOLDING[1]],
            "effects found, not proven",
            "135",
            "VIOLATED",
        ),
        ([HOLDING[1]], "checks that hold", "1", ""),
        (None, "effects", "–", "UNDECIDED"),
    ],
)
def test_effects_are_proven_only_by_checks_that_all_hold(
    tmp_path: Path, findings: list[Finding] | None, name: str, figure: str, state: str
) -> None:
    found = shown(tmp_path, findings=findings)

    assert (found[name].figure, found[name].state) == (figure, state)


def test_where_the_plan_says_unchecked_nothing_is_proven_and_nothing_is_wrong(tmp_path: Path) -> None:
    found = shown(tmp_path, unchecked=True, findings=[])["effects"]

    assert (found.figure, found.of, found.state) == ("–", "the data was not checked", "")


def test_a_closed_load_offers_nothing(tmp_path: Path) -> None:
    def served(place: int, kind: str, sched: float) -> Answer:
        return Answer(Outcome.ACK, 200)

    found = shown(tmp_path, scenario="high-contention", users=[0] * 99, answer=served)["delivered"]

    assert found.figure.endswith("/s")
    assert found.of.endswith("as expected")


def test_a_spark_line_is_as_high_as_its_limit_at_least_and_keeps_peaks() -> None:
    drawn = spark([1.0, 2.0, 1.0], 4.0)

    assert 'class="limit" d="M0 2.0H140"' in drawn
    assert 'd="M0.0 20.0L70.0 14.0L140.0 20.0"' in drawn
    long = [0.0] * (3 * MOST)
    long[200] = 9.0
    assert f"{2.0}" in spark(long)
    assert spark(long).count("L") <= MOST


def test_a_spark_line_has_gaps_and_is_none_of_one_value() -> None:
    assert spark([None, 1.0, None]) == ""
    assert spark([]) == ""
    drawn = spark([1.0, None, 1.0, 0.0])
    assert drawn.count("M") == 2
    assert f"{HEIGHT - 2}.0" in drawn
