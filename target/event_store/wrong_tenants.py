"""Faults of statements that leave the tenant out of account, each of one statement.

Streams of different tenants may have one aggregate id: such a statement takes the one for the other.
"""

from collections.abc import Mapping
from typing import Any

from target.event_store.store import Store

FILTER = "tenant_id = %(tenant)s AND "


class AppendOfAnyTenant(Store):
    """The version that an append expects may be that of another tenant's stream."""

    def __init__(self, statements: Mapping[str, str], *more: Any) -> None:
        super().__init__(_without(statements, "append"), *more)


class VersionOfAnyTenant(Store):
    """Who is refused is told the version of whatever tenant's stream has the most."""

    def __init__(self, statements: Mapping[str, str], *more: Any) -> None:
        super().__init__(_without(statements, "version"), *more)


class LoadOfAnyTenant(Store):
    """A load answers the events of every tenant's stream of that id."""

    def __init__(self, statements: Mapping[str, str], *more: Any) -> None:
        super().__init__(_without(statements, "load"), *more)


class SnapshotOfAnyTenant(Store):
    """The last snapshot is that of any tenant's stream of that id."""

    def __init__(self, statements: Mapping[str, str], *more: Any) -> None:
        super().__init__(_without(statements, "snapshot"), *more)


class StoredForAnyTenant(Store):
    """A snapshot is stored if any tenant's stream of that id has so many events."""

    def __init__(self, statements: Mapping[str, str], *more: Any) -> None:
        super().__init__(_without(statements, "store_snapshot"), *more)


class HeadOfAnyTenant(Store):
    """The last position of a tenant is that of all."""

    def __init__(self, statements: Mapping[str, str], *more: Any) -> None:
        super().__init__({**statements, "head_tenant": statements["head"]}, *more)


class StreamOfAnyTenant(Store):
    """The stream of a tenant is that of all."""

    def __init__(self, statements: Mapping[str, str], *more: Any) -> None:
        super().__init__({**statements, "stream_tenant": statements["stream"]}, *more)


class GapsOfAnyTenant(Store):
    """Numbers that were missing are looked for in the events of all tenants."""

    def __init__(self, statements: Mapping[str, str], *more: Any) -> None:
        super().__init__({**statements, "gaps_tenant": statements["gaps"]}, *more)


def _without(statements: Mapping[str, str], name: str) -> dict[str, str]:
    """The statements, one of them without its filter; ValueError if it has none."""
    text = statements[name]
    if FILTER not in text:
        raise ValueError(f"{name}: expected {FILTER!r} in it: {text}")
    return {**statements, name: text.replace(FILTER, "")}
