"""Memory is told by phase, and never as 0 where nothing was seen."""

import json
from pathlib import Path
from typing import Any

from reports.samples.evidence import gather
from reports.tables.peak_memory import peak_memory
from tests.support.synthetic_run import BEGAN, bind, synthetic_run

STAGES = {
    "arrivals": {"smoke": [{"rate": 10, "for": "3s", "phase": "calm"}, {"rate": 10, "for": "3s", "phase": "spike"}]}
}


def rows(tmp_path: Path, *lines: tuple[float, dict[str, float]]) -> list[dict[str, Any]]:
    run = synthetic_run(tmp_path, table=STAGES)
    text = "".join(json.dumps({"at": BEGAN + round(second * 1e9), **values}) + "\n" for second, values in lines)
    run.write_text("monitor.jsonl", text)
    evidence = gather(bind(run).folder)
    return peak_memory(evidence.samples, evidence.monitor, evidence.began)


def test_the_most_of_each_phase_is_told(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        (-1, {"target.rss": 9e9}),
        (0.5, {"target.rss": 1e8, "postgres.rss": 3e8}),
        (1.5, {"target.rss": 2e8, "postgres.rss": 2e8}),
        (4.5, {"target.rss": 5e8}),
        (9, {"target.rss": 9e9}),
    )

    assert found == [
        {"phase": "calm", "target": 2e8, "postgres": 3e8, "generator": None},
        {"phase": "spike", "target": 5e8, "postgres": None, "generator": None},
    ]


def test_without_samples_there_is_none(tmp_path: Path) -> None:
    assert rows(tmp_path, (1, {"machine.cpu": 1.0})) == []
