"""Faults of indexes, statistics and statements."""

# ruff: noqa: D102 (the clean class documents each method)

from collections.abc import Mapping
from typing import Any

from systems.event_store_sql import EVENT
from target.event_store.preparation import Preparation
from target.event_store.processor import Processor
from target.event_store.store import Event, Store


class IndexDropped(Preparation):
    """No index has the events of a tenant in their order."""

    def statements(self) -> tuple[str, ...]:
        return (*super().statements(), "DROP INDEX domain_events_tenant")


class SequenceCached(Preparation):
    """Each connection draws fifty numbers at once, and uses them up one by one."""

    def statements(self) -> tuple[str, ...]:
        return (*super().statements(), "ALTER TABLE domain_events ALTER COLUMN global_seq SET CACHE 50")


class NoStatistics(Preparation):
    """PostgreSQL knows nothing of the table: it was never analysed."""

    def statements(self) -> tuple[str, ...]:
        return (
            *super().statements(),
            "ALTER TABLE domain_events SET (autovacuum_enabled = off)",
            "SET allow_system_table_mods = on",
            "DELETE FROM pg_statistic WHERE starelid = 'domain_events'::regclass",
            "UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE oid = 'domain_events'::regclass",
        )


class OrQuery(Processor):
    """What is new and what was missing is read by one statement with OR."""

    def _after(self, cursor: Any, position: int, limit: int) -> list[Event]:
        where = "tenant_id = %(tenant)s AND " * bool(self.tenant)
        gaps = sorted(self.state.token.gaps) if self.state else []
        cursor.execute(
            f"SELECT {EVENT} FROM domain_events WHERE {where}(global_seq > %(position)s OR global_seq = ANY(%(gaps)s)) "
            "ORDER BY global_seq LIMIT %(limit)s",
            {"tenant": self.tenant, "position": position, "limit": limit, "gaps": gaps or [-1]},
        )
        events: list[Event] = cursor.fetchall()
        return [one for one in events if one[0] > position]


class MinOfTime(Store):
    """The position of a time is the least of all events since: these are looked through for it."""

    def __init__(self, statements: Mapping[str, str], *more: Any) -> None:
        instead = {"token_at": "SELECT min(global_seq) - 1 FROM domain_events WHERE occurred_at >= %(at)s"}
        super().__init__({**statements, **instead}, *more)
