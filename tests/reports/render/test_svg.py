"""A picture shows what the samples say: where they lie, how many, and nothing where there is nothing."""

import base64
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.outcomes import Outcome
from reports.render.pictures import _hover, pictures
from reports.render.pictures import drawn as charted
from reports.render.svg import STYLES, Chart, Limit, Line, chart
from reports.render.tails import Tail, draw
from reports.samples.evidence import gather
from reports.samples.series import MOST_STEPS, Series, in_flight, series
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

    samples = gather(synthetic_run(tmp_path, answer=answer).folder).samples
    found = heatmap(samples)
    assert found is not None
    cells = pixels(found.on_white)
    assert (cells == pixels(found.on_black)).all()
    assert cells.shape == (ROWS, COLUMNS)
    rows = np.flatnonzero(cells.any(axis=1))
    slow, quick = rows[0], rows[-1]
    assert (cells[slow] > 0).sum() == 1
    assert cells[quick].max() == SHADES
    assert found.low <= 0.02
    assert found.high > 0.5
    place = (np.log(0.5 / found.low) / np.log(found.high / found.low)) * ROWS
    assert slow == ROWS - 1 - int(place)
    assert (sum(found.counts), found.counts[ROWS - 1 - slow]) == (len(samples.frame), 1)
    told = np.zeros((ROWS, COLUMNS), int)
    for column, filled in enumerate(found.cells):
        told[[ROWS - 1 - row for row in filled[::2]], column] = filled[1::2]
    assert ((told > 0) == (cells > 0)).all()
    assert told.sum() == len(samples.frame)


def test_nothing_that_ended_has_no_picture(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, answer=lambda place, kind, sched: Answer(Outcome.UNKNOWN, seconds=None))
    assert heatmap(gather(run.folder).samples) is None


def test_in_flight_is_what_began_and_had_not_ended(tmp_path: Path) -> None:
    samples = gather(synthetic_run(tmp_path, answer=taking(1.0)).folder).samples
    flying = in_flight(samples, series(samples))
    # 12 a second, each for a second.
    assert flying[5] == pytest.approx(12, abs=1)
    assert flying[0] < flying[5]


def test_a_tail_is_drawn_to_its_last_point_with_marks_that_are_round() -> None:
    drawing = draw('a "title"', [Tail("p50", [(0.0, 0.001), (0.9, 0.01), (0.99, 0.1)])])
    assert "a &#34;title&#34;" in drawing
    assert "99 %" in drawing
    assert "99.9 %" not in drawing
    assert "10 ms" in drawing
    assert draw("none", [Tail("p50", [])]) == ""


BANDS = [("steady", 0.0, 15.0)]
NO_TIMES = {"p50": None, "p95": None, "p99": None}


def test_what_a_target_tells_of_itself_is_drawn(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    evidence = gather(run.folder)
    course = series(evidence.samples)
    scenario = evidence.samples.scenario
    told = replace(scenario, gauges={"log_queue": ("GET /health", "waiting")})
    lines = [{"at": BEGAN + second * 10**9, "target.log_queue": 10.0 * second} for second in range(5)]
    verdict = {"spectrum": [], "search": None, "scaling": None, "rules": [], "operations": [{"response": NO_TIMES}]}
    telling = replace(evidence, monitor=lines, samples=replace(evidence.samples, scenario=told))
    drawn, without = (pictures(each, course, verdict, BANDS)["course"] for each in (telling, evidence))

    assert [chart["title"] for chart in drawn] == [
        *(chart["title"] for chart in without),
        "What the target told: log queue",
    ]
    assert drawn[-1]["keys"][0][1] == "log queue"


def drawn(*lines: Line, **more: Any) -> str:
    return chart("a chart", "{:g}".format, 2, [0, 2, 4, 6], lines, [("steady", 0.0, 8.0)], False, **more)


def test_a_line_goes_through_the_middles_of_its_steps_and_has_gaps() -> None:
    page = drawn(Line("a", "p50", [0.0, 10.0, 5.0, None]), Line("b", "p95", [None, 5.0, None, 10.0]))
    # From 0 at the bottom, 500, to 10 at the top.
    assert '<path class="line p50" d="M0.5 500l1-500 1 250"/>' in page
    assert '<path class="line p95" d="M1.5 250h0M3.5 0h0"/>' in page


def test_a_straight_stretch_is_one_move() -> None:
    assert 'd="M0.5 500l3-498"' in drawn(Line("a", "p50", [0.0, 3.32, 6.64, 9.96]))
    assert 'd="M0.5 0l3 0"' in drawn(Line("a", "p50", [5.0] * 4))


def test_a_limit_is_drawn_where_it_is_asked_and_has_its_name() -> None:
    line = Line("a", "p50", [1.0, 2.0, 4.0, 8.0])
    page = drawn(line, limits=[Limit("p50 < 10 ms", 10.0, [(2.0, 4.0), (6.0, 8.0)])])
    assert '<path class="limit" d="M1 0H2M3 0H4"/>' in page
    assert ">p50 &lt; 10 ms</text>" in page
    far = drawn(line, limits=[Limit("p50 < 1 s", 1000.0, [(0.0, 8.0)])])
    assert "limit" not in far


def test_what_is_drawn_has_no_inline_style_and_hostile_names_are_escaped() -> None:
    page = drawn(
        Line("a", STYLES[0], [1.0] * 4),
        limits=[Limit("<b>", 1.0, [(0.0, 8.0)])],
        disturbed=[("<script>", 1.0, 1.0)],
    )
    assert "style=" not in page
    assert "<b>" not in page
    assert "<script" not in page


def test_the_most_lines_that_a_report_has_leave_it_room() -> None:
    """Of a target with queues, under a load from several machines, each line as rough as can be."""
    draw = np.random.default_rng(1)
    begin = [5 * step for step in range(MOST_STEPS)]
    course = Series(5, begin, *[[None] * MOST_STEPS] * 9)
    bands = [("steady", 0.0, 5.0 * MOST_STEPS)]
    charts = [
        Chart(
            "many", [Line(style, style, (40 * np.exp(draw.normal(0, 0.45, MOST_STEPS))).tolist()) for style in STYLES]
        )
        for _ in range(8)
    ]

    size = sum(len(charted(one, course.width, course.begin, bands)["drawing"]) for one in charts)

    assert size + len(_hover(course, charts, bands, bands[0][2], None)) < 300_000
