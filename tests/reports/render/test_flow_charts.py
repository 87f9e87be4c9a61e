"""What flows through queues is drawn: effects by point, what waits between them, and each queue that a target tells."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from reports.render.flow_charts import charts
from reports.samples.evidence import gather
from reports.samples.series import series
from tests.support.synthetic_run import BEGAN, synthetic_run


def test_queues_and_points_have_lines_of_their_own(tmp_path: Path) -> None:
    evidence = gather(synthetic_run(tmp_path).folder)
    course, samples = series(evidence.samples), evidence.samples
    (waiting,) = charts(evidence, course)
    # 9 a second are stored, each of which is completed 100 ms later.
    assert waiting.title == "Messages stored and not yet sent"
    assert max(value or 0 for value in waiting.lines[0].values) <= 2

    assert samples.effects is not None
    stored = samples.effects.points[samples.scenario.points[0]]
    points = {**samples.effects.points, "routed": stored, "done": np.zeros_like(stored)}
    effects = replace(samples.effects, points=points)
    scenario = replace(samples.scenario, points=(*samples.scenario.points, "routed", "done"), items="events")
    lines = [
        {"at": BEGAN + second * 10**9, "queue.depth": 9.0, "queue.a.depth": 2.0 * second, "queue.oldest": 0.5}
        for second in range(5)
    ]
    telling = replace(evidence, monitor=lines, samples=replace(samples, scenario=scenario, effects=effects))
    never_done, by_point, by_queue, oldest = charts(telling, course)

    assert never_done.lines[0].values[-1] == len(effects.passing)
    assert by_point.title == "Events a second, at each point"
    drawn = {line.name: line.values for line in by_point.lines}
    assert sum(value or 0 for value in drawn["routed"]) * course.width == (stored > 0).sum()
    assert sum(value or 0 for value in drawn["done"]) == 0
    assert [(line.name, line.values[:3]) for line in by_queue.lines] == [("a", [0.0, 2.0, 4.0])]
    assert oldest.lines[0].values[2] == 0.5
    assert len({line.style for line in by_point.lines}) == len(by_point.lines)
