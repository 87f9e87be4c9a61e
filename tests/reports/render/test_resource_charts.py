"""Cores and memory are drawn by what used them, as means of a step, and missing where nobody looked."""

from dataclasses import replace
from pathlib import Path

from reports.render.resource_charts import ALL, charts
from reports.render.svg import Chart
from reports.samples.evidence import gather
from reports.samples.series import series
from tests.support.synthetic_run import BEGAN, synthetic_run


def drawn(tmp_path: Path, *lines: dict[str, float]) -> list[Chart]:
    evidence = gather(synthetic_run(tmp_path).folder)
    monitor = [{"at": BEGAN + second * 10**9, **line} for second, line in enumerate(lines)]
    return charts(replace(evidence, monitor=monitor), series(evidence.samples))


def test_each_service_is_drawn_beside_postgresql_the_generator_and_the_machine(tmp_path: Path) -> None:
    line = {"machine.cpu": 2.5, "machine.cores": 4, "target.cpu": 1.5, "postgres.cpu": 0.5, "generator.cpu": 0.25}
    services = {"service.api.cpu": 1.0, "service.deliver.cpu": 0.5, "service.api.rss": 3e6, "postgres.rss": 2e6}
    cores, memory = drawn(tmp_path, {**line, **services}, {}, {**line, **services, "service.api.cpu": 0.5})

    assert {one.name: one.values[:3] for one in cores.lines} == {
        ALL: [2.5, None, 2.5],
        "api": [1.0, None, 0.5],
        "deliver": [0.5, None, 0.5],
        "PostgreSQL": [0.5, None, 0.5],
        "generator": [0.25, None, 0.25],
    }
    assert [(limit.name, limit.value) for limit in cores.limits] == [("4 cores", 4)]
    assert {one.name: one.values[0] for one in memory.lines} == {"api": 3.0, "PostgreSQL": 2.0}
    styles = {one.name: one.style for one in cores.lines}
    assert all(one.style == styles[one.name] for one in memory.lines)


def test_a_target_of_one_service_or_elsewhere_is_one_line(tmp_path: Path) -> None:
    (cores,) = drawn(tmp_path, {"target.cpu": 1.0, "service.api.cpu": 1.0})
    assert [line.name for line in cores.lines] == ["target"]
    assert cores.limits == []


def test_without_a_monitor_there_is_nothing(tmp_path: Path) -> None:
    assert drawn(tmp_path) == []
