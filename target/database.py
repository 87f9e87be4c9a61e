"""How a process of the target talks to PostgreSQL: by index, under a name, and with nothing left in its sessions."""

import asyncio
from typing import Any

import asyncpg

from target.pool_use import CountedPool

HEALTH_TIMEOUT_S = 2


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


class Pooled:
    """Statements on a pool of connections."""

    pool: Any

    async def open(self, url: str, connections: int, **more: str) -> None:
        """Make all `connections`, at once: no request waits for one to be made. `more` are settings of its sessions."""
        self.pool = await CountedPool(
            url,
            min_size=connections,
            max_size=connections,
            max_queries=50_000,
            max_inactive_connection_lifetime=0,
            loop=None,
            connection_class=NoReset,
            record_class=asyncpg.Record,
            server_settings=settings("proofload-target") | more,
        )
        self.pool.opened()

    async def close(self) -> None:
        """Wait for what is under way, and disconnect."""
        await self.pool.close()

    async def answers(self) -> bool:
        """Whether the database answers, soon."""
        try:
            # The wait for a free connection counts too.
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                return bool(await self.pool.fetchval("SELECT true"))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return False
