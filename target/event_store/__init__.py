"""The reference engine of the event store. Its users call it in process; `prepare` sets up its database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from systems.event_store import GAP_TOKEN, SOURCE
from systems.event_store import SETTINGS as SETTINGS
from systems.event_store import STRATEGIES as NAMES
from systems.event_store_sql import statements
from target.event_store.preparation import prepare as prepare
from target.event_store.processor import Processor
from target.event_store.replay import deliver as deliver
from target.event_store.store import Store
from target.faults import CLEAN, named

STRATEGIES = {name: name for name in NAMES}


@dataclass(frozen=True)
class Engine:
    """A store, and what makes its processors: name, tenant ("" = all), the position to begin at, size of a batch."""

    store: Store
    processor: Callable[[Store, str, str, int, int], Processor]


def engine(fault: str | None, strategy: str | None, instead: Mapping[str, str], notifies: bool = False) -> Engine:
    """The engine with a fault and a strategy (None: neither), and with these statements `instead` of its own; its
    appends tell those who listen if it `notifies`.
    """
    defect = named("event_store", fault or CLEAN.name) or CLEAN
    policy = GAP_TOKEN if strategy in (None, SOURCE) else str(strategy)
    return Engine(defect.part(Store)(statements(instead), policy, notifies), defect.part(Processor))
