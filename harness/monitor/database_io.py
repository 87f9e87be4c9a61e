"""What PostgreSQL reads, writes and syncs, its checkpoints and vacuums: of the whole server, since its disk is one."""

from typing import Any

from psycopg2.extensions import cursor as Cursor

IO = {
    180_000: "sum(read_bytes), sum(coalesce(write_bytes, 0) + coalesce(extend_bytes, 0))",
    160_000: "sum(reads * op_bytes), sum((coalesce(writes, 0) + coalesce(extends, 0)) * op_bytes)",
}
"""How many bytes were read and written, by the first version of PostgreSQL (server_version_num) that says it so."""

CHECKPOINTS = {
    170_000: "SELECT num_timed + num_requested, (write_time + sync_time) / 1000 FROM pg_stat_checkpointer",
    0: "SELECT checkpoints_timed + checkpoints_req, (checkpoint_write_time + checkpoint_sync_time) / 1000 "
    "FROM pg_stat_bgwriter",
}


class DatabaseIO:
    """A second: db.io.read_bytes, db.io.write_bytes, db.io.fsyncs, db.io.fsync_seconds (0 unless track_io_timing is
    on), db.checkpoints, db.checkpoint_seconds. Before PostgreSQL 16 without db.io.
    """

    def __init__(self, version: int) -> None:
        """`version` is the server's server_version_num."""
        self._io = next((columns for since, columns in IO.items() if version >= since), None)
        self._checkpoints = next(query for since, query in CHECKPOINTS.items() if version >= since)

    def counters(self, cursor: Cursor) -> dict[str, float]:
        """What was counted until now."""
        counted: dict[str, Any] = {}
        if self._io:
            cursor.execute(f"SELECT {self._io}, sum(fsyncs), sum(fsync_time) / 1000 FROM pg_stat_io")
            names = ("io.read_bytes", "io.write_bytes", "io.fsyncs", "io.fsync_seconds")
            counted |= zip(names, cursor.fetchone() or (), strict=True)
        cursor.execute(self._checkpoints)
        counted |= zip(("checkpoints", "checkpoint_seconds"), cursor.fetchone() or (), strict=True)
        return {name: float(value or 0) for name, value in counted.items()}
