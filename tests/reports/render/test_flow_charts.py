"""What flows through queues is drawn: effects by point, and each queue; of a target without queues nothing."""

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
    assert charts(evidence, course) == []

    assert samples.effects is not None
    first = samples.scenario.points[0]
    effects = samples.effects.assign(routed=samples.effects[first], done=np.nan)
    scenario = replace(samples.scenario, points=(*samples.scenario.points, "routed", "done"), items="events")
    lines = [
        {"at": BEGAN + second * 10**9, "queue.depth": 9.0, "queue.a.depth": 2.0 * second, "queue.oldest": 0.5}
        for second in range(5)
    ]
    telling = replace(evidence, monitor=lines, samples=replace(samples, scenario=scenario, effects=effects))
    by_point, by_queue, oldest = charts(telling, course)

    assert by_point[0] == "Events a second, at each point"
    drawn = {line.name: line.values for line in by_point[1]}
    assert sum(value or 0 for value in drawn["routed"]) * course.width == len(effects[first].dropna())
    assert sum(value or 0 for value in drawn["done"]) == 0
    assert [(line.name, line.values[:3]) for line in by_queue[1]] == [("a", [0.0, 2.0, 4.0])]
    assert oldest[1][0].values[2] == 0.5
    assert len({line.style for line in by_point[1]}) == len(by_point[1])
