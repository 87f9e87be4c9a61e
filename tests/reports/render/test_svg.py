"""A picture shows what the samples say: where they lie, how many, and nothing where there is nothing."""

import base64
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.outcomes import Outcome
from reports.render.pictures import pictures
from reports.render.svg import Tail, draw
from reports.samples.evidence import gather
from reports.samples.series import cores, in_flight, series
from reports.tables.heatmap import COLUMNS, ROWS, SHADES, heatmap
from tests.support.synthetic_run import BEGAN, Answer, synthetic_run, taking


def pixels(uri: str) -> np.ndarray:
    """The picture's cells, read back by other code than that which wrote them."""
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, found = 8, {}
    while at < len(data):
        (size,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + body),)
        found[kind] = body
        at += 12 + size
    width, height = struct.unpack(">II", found[b"IHDR"][:8])
    assert len(found[b"PLTE"]) == 3 * (SHADES + 1)
    lines = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any()
    return lines[:, 1:]


def test_a_cell_is_where_its_operations_are_and_the_fullest_is_darkest(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return Answer(Outcome.ACK, 201, 0.5 if place == 90 else 0.02)

    found = heatmap(gather(synthetic_run(tmp_path, answer=answer).folder).samples)
    assert found is not None
    cells = pixels(found.picture)
    assert cells.shape == (ROWS, COLUMNS)
    rows = np.flatnonzero(cells.any(axis=1))
    slow, quick = rows[0], rows[-1]
    assert (cells[slow] > 0).sum() == 1
    assert cells[quick].max() == SHADES
    assert found.low <= 0.02
    assert found.high > 0.5
    place = (np.log(0.5 / found.low) / np.log(found.high / found.low)) * ROWS
    assert slow == ROWS - 1 - int(place)


def test_nothing_that_ended_has_no_picture(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, answer=lambda place, kind, sched: Answer(Outcome.UNKNOWN, seconds=None))
    assert heatmap(gather(run.folder).samples) is None


def test_in_flight_is_what_began_and_had_not_ended(tmp_path: Path) -> None:
    samples = gather(synthetic_run(tmp_path, answer=taking(1.0)).folder).samples
    flying = in_flight(samples, series(samples))
    # 12 a second, each for a second.
    assert flying[5] == pytest.approx(12, abs=1)
    assert flying[0] < flying[5]


def test_cores_are_the_mean_of_a_step_and_missing_where_nobody_looked(tmp_path: Path) -> None:
    samples = gather(synthetic_run(tmp_path).folder).samples
    course = series(samples)
    lines = [{"at": BEGAN + second * 10**9, "target.cpu": 0.25} for second in (2, 3, 99)]
    found = cores(lines, BEGAN, course)
    assert found["target"][2:4] == [0.25, 0.25]
    assert found["target"][4] is None
    assert "PostgreSQL" not in found
    assert cores([], BEGAN, course) == {}


def test_a_tail_is_drawn_to_its_last_point_with_marks_that_are_round() -> None:
    drawing = draw('a "title"', [Tail("p50", [(0.0, 0.001), (0.9, 0.01), (0.99, 0.1)])])
    assert "a &#34;title&#34;" in drawing
    assert "99 %" in drawing
    assert "99.9 %" not in drawing
    assert "10 ms" in drawing
    assert draw("none", [Tail("p50", [])]) == ""


BANDS = [("steady", 0.0, 15.0)]


def test_what_a_target_tells_of_itself_is_drawn(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    evidence = gather(run.folder)
    course = series(evidence.samples)
    scenario = evidence.samples.scenario
    told = replace(scenario, gauges={"log_queue": ("GET /health", "waiting")})
    lines = [{"at": BEGAN + second * 10**9, "target.log_queue": 10.0 * second} for second in range(5)]
    verdict = {"spectrum": [], "search": None, "scaling": None}
    telling = replace(evidence, monitor=lines, samples=replace(evidence.samples, scenario=told))
    drawn, without = (pictures(each, course, verdict, BANDS)["charts"] for each in (telling, evidence))

    assert [chart["title"] for chart in drawn] == [
        *(chart["title"] for chart in without),
        "What the target told: log queue",
    ]
    assert drawn[-1]["keys"][0][1] == "log queue"
