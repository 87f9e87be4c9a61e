"""PostgreSQL tells of its disk in other words from version to version."""

from typing import Any

import pytest

from harness.monitor.database_io import DatabaseIO


class Told:
    """A cursor that answers each query with numbers."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def execute(self, query: str) -> None:
        self.asked.append(query)

    def fetchone(self) -> tuple[float | None, ...]:
        return (1, 2, None, 4) if "pg_stat_io" in self.asked[-1] else (5, 6)


@pytest.mark.parametrize(
    ("version", "words", "names"),
    [
        (140_000, ["pg_stat_bgwriter"], 2),
        (160_004, ["op_bytes", "pg_stat_bgwriter"], 6),
        (170_000, ["op_bytes", "pg_stat_checkpointer"], 6),
        (180_000, ["extend_bytes", "pg_stat_checkpointer"], 6),
    ],
)
def test_each_version_is_asked_for_what_it_has(version: int, words: list[str], names: int) -> None:
    cursor: Any = Told()
    counted = DatabaseIO(version).counters(cursor)

    assert all(word in asked for word, asked in zip(words, cursor.asked, strict=True))
    assert len(counted) == names
    assert counted["checkpoints"] == 5
    assert counted.get("io.fsyncs", 0) == 0
