"""What each machine did is drawn beside that of the others; of a load of the master's machine alone nothing."""

import json
from pathlib import Path

from reports.render.machine_charts import charts
from reports.samples.evidence import gather
from reports.samples.series import series
from tests.reports.validity.test_clocks import AHEAD, RULES, SECOND, asked, elsewhere
from tests.support.synthetic_run import BEGAN, bind, synthetic_run


def test_arrivals_lateness_and_cores_have_a_line_for_each_machine(tmp_path: Path) -> None:
    run = elsewhere(tmp_path, asked(1_000_000), RULES)
    told = {"host": "far", "shares": [0], "whole": True, "lacking": []}
    run.record(machines=[{"number": 1, **told}, {"number": 2, **told, "shares": []}])
    lines = [
        {"at": BEGAN - AHEAD + second * SECOND, "machine.cpu": float(second), "machine.cores": 4} for second in range(5)
    ]
    (run.folder / "machine-1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    evidence = gather(bind(run).folder)
    course = series(evidence.samples)
    begun, late, cores = charts(evidence, course)

    assert [chart.title for chart in (begun, late, cores)] == [
        "Operations begun a second, by machine",
        "How late each machine was itself (p99)",
        "Cores in use on each machine",
    ]
    assert [line.name for line in begun[1]] == ["1: far", "2: far"]
    assert begun[1][0].values == course.begun
    assert not any(begun[1][1].values)
    assert set(late[1][0].values) <= {0.0, None}
    # On the master's clock, as all other charts are.
    assert [(line.name, line.values[:5]) for line in cores[1]] == [("1: far", [0.0, 1.0, 2.0, 3.0, 4.0])]


def test_a_load_of_this_machine_alone_has_no_such_charts(tmp_path: Path) -> None:
    evidence = gather(synthetic_run(tmp_path).folder)

    assert charts(evidence, series(evidence.samples)) == []
