"""What came of operations is drawn by outcome and status: each is in one line, and none is left out."""

from pathlib import Path

from harness.outcomes import Failure, Outcome
from reports.render.outcome_chart import outcomes
from reports.render.svg import STYLES
from reports.samples.evidence import gather
from reports.samples.series import series
from tests.support.synthetic_run import EXPECTED, Answer, synthetic_run


def drawn(folder: Path) -> dict[str, float]:
    """How many operations each line is of."""
    samples = gather(folder).samples
    course = series(samples)
    lines = outcomes(samples, course)
    assert [line.style for line in lines] == list(STYLES[: len(lines)])
    found = {line.name: sum(value or 0 for value in line.values) * course.width for line in lines}
    assert sum(found.values()) == len(samples.frame)
    return found


def test_each_outcome_with_its_status_is_a_line(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        if place in (40, 41):
            return Answer(Outcome.UNKNOWN, 500)
        return Answer(Outcome.OPEN, 0, None) if place == 42 else EXPECTED[kind]

    found = drawn(synthetic_run(tmp_path, answer=answer).folder)

    assert next(iter(found)) == "ACK 201"
    assert (found["UNKNOWN 500"], found["OPEN"]) == (2, 1)
    assert {"REPLAY 409", "REJECT 409", "REJECT 404"} <= set(found)


def test_more_than_can_be_told_apart_are_one_line(tmp_path: Path) -> None:
    run = synthetic_run(
        tmp_path, answer=lambda place, kind, s: Answer(Outcome.UNKNOWN, 500 + place % 12, 0.02, Failure.NONE)
    )

    found = drawn(run.folder)

    assert len(found) == len(STYLES)
    assert found["all others"] == max(found.values())
