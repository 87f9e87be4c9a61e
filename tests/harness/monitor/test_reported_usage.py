"""A target elsewhere tells what it uses, in one of several languages."""

import pytest

from harness.monitor.reported_usage import ReportedUsage

PYTHON = {"metrics.process_cpu_seconds_total": 10.0, "metrics.process_resident_memory_bytes": 5e7}
JVM = {"metrics.process_cpu_usage": 0.25, "metrics.system_cpu_count": 8.0, "metrics.jvm_memory_used_bytes": 3e8}


def line(second: float, **more: float) -> dict[str, float]:
    return {"at": second * 1e9, **{f"metrics.{name}": value for name, value in more.items()}}


def test_processor_time_is_told_as_cores_from_the_second_sample_on() -> None:
    usage = ReportedUsage()

    assert usage.of({**line(1), **PYTHON}) == {"target.rss": 5e7}
    assert usage.of({**line(3), **PYTHON, "metrics.process_cpu_seconds_total": 13.0})["target.cpu"] == 1.5
    # It was started anew.
    assert "target.cpu" not in usage.of({**line(4), **PYTHON, "metrics.process_cpu_seconds_total": 0.1})
    assert usage.of({**line(5), **PYTHON, "metrics.process_cpu_seconds_total": 0.6})["target.cpu"] == 0.5


def test_a_jvm_is_understood() -> None:
    share = JVM["metrics.process_cpu_usage"]
    assert ReportedUsage().of({**line(1), **JVM}) == {"target.cpu": 2.0, "target.rss": 3e8, "target.cpu_share": share}


def test_of_processes_of_ours_the_share_of_the_cores_is_known() -> None:
    assert ReportedUsage().of({"at": 1e9, "target.cpu": 1.5, "machine.cores": 2}) == {"target.cpu_share": 0.75}


@pytest.mark.parametrize("name", ["jvm_gc_pause_seconds_sum", "gc_seconds_total"])
def test_garbage_collection_is_a_share_of_the_time(name: str) -> None:
    usage = ReportedUsage()
    usage.of(line(1, **{name: 1.0}))

    assert usage.of(line(2, **{name: 1.25})) == {"target.gc": 0.25}


def test_of_what_is_not_told_there_is_nothing() -> None:
    assert ReportedUsage().of(line(1, http_requests_total=7)) == {}
