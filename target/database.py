"""How a process of the target talks to PostgreSQL: by index, under a name, and with nothing left in its sessions."""

import asyncpg


class NoReset(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is untyped
    """Given back to the pool without the reset query, which costs a round trip for each statement.

    Safe because no statement on the pool leaves anything in its session: no SET, no LISTEN, no
    advisory lock that outlives its transaction. A transaction left open asyncpg ends by itself.
    """

    def get_reset_query(self) -> str:
        """Nothing, which asyncpg doesn't send."""
        return ""


def settings(name: str) -> dict[str, str]:
    """The settings of a session that shows itself as `name` in pg_stat_activity.

    All our statements are look-ups by an index. A run begins with an empty table, for which the
    planner would choose a scan and keep it in the prepared statement while the table grows.
    """
    return {"application_name": name, "enable_seqscan": "off", "enable_sort": "off"}
