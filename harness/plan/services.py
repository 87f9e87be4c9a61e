"""The services of the reference target, as [service.<name>] states them, with what a scenario sets otherwise."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.plan.scenario import Service
from harness.plan.toml_table import Table, Where

WORDS = frozenset({"python", "port", "number", "processes", "pool", "fault", "strategy"})
"""What a command line may name besides the service's own settings."""

FILE = "file"
READY = re.compile(r"[A-Z]+ /\S*|file")


def read(where: Where, stated: object, own: object) -> dict[str, Service]:
    """The services in `stated` (the plan's own tables, over those of the system), with the scenario's `own` over them.

    PlanError for an unknown service, a setting that no command line names, or a command line that names what is
    not there.
    """
    tables = Table(where, "service", stated).rest
    changes = Table(where, "service", own)
    for name in changes.rest:
        if name not in tables:
            changes.unknown("service", name, tables)
    return {name: _service(where, name, table, changes.rest.get(name, {})) for name, table in tables.items()}


def _service(where: Where, name: str, stated: object, own: object) -> Service:
    table = Table(where, f"service.{name}", {**Table(where, name, stated).rest, **Table(where, name, own).rest})
    start = table.text("start")
    named = set(re.findall(r"\{(\w+)\}", start))
    ready = table.text("ready", FILE)
    if not READY.fullmatch(ready):
        table.fail("ready", ready, "a method and a path such as 'GET /health', or 'file'")
    processes = table.number("processes", 1, whole=True, above=False)
    pool = table.number("pool", 1, whole=True)
    if ready != FILE and "port" not in named:
        table.fail("ready", ready, "'file', as its start names no {port}")
    settings: dict[str, Any] = {word: table.take(word) for word in list(table.rest) if word in named}
    for word in sorted(named - WORDS - set(settings)):
        where.fail(word, f"service.{name}: start names {{{word}}}, which is neither set nor one of {_known()}")
    table.known += sorted(named - WORDS)
    table.done()
    return Service(start, ready, processes, pool, settings)


def _known() -> str:
    return ", ".join(f"{{{word}}}" for word in sorted(WORDS))


def with_port(services: Mapping[str, Service]) -> Iterator[str]:
    """The names of those that listen at the port of the target: the first is what requests go to."""
    return (name for name, service in services.items() if service.processes and "{port}" in service.start)
