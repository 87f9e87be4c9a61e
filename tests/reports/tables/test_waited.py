"""What a run waited for is told in seconds, of the load alone, and never as 0 where nothing was seen."""

import json
from pathlib import Path

import pytest

from reports.samples.evidence import gather
from reports.tables.waited import waited
from tests.support.synthetic_run import BEGAN, bind, synthetic_run

STAGES = {"arrivals": {"smoke": [{"rate": 10, "for": "6s"}]}}


def seconds(tmp_path: Path, *lines: tuple[float, dict[str, float]]) -> dict[str, float]:
    run = synthetic_run(tmp_path, table=STAGES)
    text = "".join(json.dumps({"at": BEGAN + round(second * 1e9), **values}) + "\n" for second, values in lines)
    run.write_text("monitor.jsonl", text)
    found = waited(gather(bind(run).folder))
    return {row["what"]: row["seconds"] for row in found if "generator" not in row["what"]}


def test_who_waits_at_a_sample_waits_until_the_next_one(tmp_path: Path) -> None:
    lock = "db.waiting.lock"
    found = seconds(
        tmp_path, (-1, {lock: 9}), (0.5, {lock: 3}), (1.5, {lock: 0}), (2, {}), (4, {lock: 2}), (5, {lock: 0})
    )

    assert found == {"locks in the database": pytest.approx(3 * 1 + 2 * 1)}


@pytest.mark.parametrize("name", ["metrics.gc_seconds_total", "metrics.jvm_gc_pause_seconds_sum"])
def test_a_counter_counts_on_after_a_restart(tmp_path: Path, name: str) -> None:
    found = seconds(tmp_path, (1, {name: 10.0}), (2, {name: 10.5}), (3, {name: 0.25}), (4, {name: 0.5}))

    assert found == {"the target’s garbage collector": pytest.approx(0.5 + 0.25 + 0.25)}


def test_what_nobody_tells_of_is_left_out(tmp_path: Path) -> None:
    assert seconds(tmp_path, (1, {"machine.cpu": 1.0, "metrics.gc_seconds_total": 4.0})) == {}
