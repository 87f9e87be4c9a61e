"""Which queue an event belongs to: routes are read from YAML, compiled once, and only then asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from target.orchestrator.expressions import Condition, Event, ExpressionError, compiled

FILE = Path(__file__).with_name("routes.yaml")


class RoutesError(ValueError):
    """Routes that can't be taken: those before stay in force."""


class Unroutable(Exception):
    """An event that no route is for; `str` says why."""


class _Once(yaml.SafeLoader):
    """Plain YAML, in which no key stands twice: the first one would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The table of a node."""
        names = [self.construct_object(key) for key, _ in node.value]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise yaml.constructor.ConstructorError(None, None, f"{name!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class Branch:
    """A condition, and where what fulfils it goes."""

    condition: Condition
    text: str
    target: str
    priority: float


@dataclass(frozen=True)
class Route:
    """What becomes of events of a type."""

    event_type: str
    branches: tuple[Branch, ...]
    """In the order in which they are asked: the highest priority first, of equal ones the first in the file."""
    default: str

    def decide(self, event: Event) -> tuple[str, str]:
        """The target of an event, and the text of the condition that says so; "": by default."""
        for branch in self.branches:
            if branch.condition(event):
                return branch.target, branch.text
        return self.default, ""


class Routes:
    """All routes, as they are in force now."""

    def __init__(self, path: Path = FILE) -> None:
        """RoutesError if they can't be read."""
        self.path = path
        self.version = 0
        self.orchestrations: Mapping[str, Mapping[str, Route]] = {}
        self.config: Any = None
        self.reload()

    def reload(self) -> int:
        """Take what the file says now, all at once; the new version. RoutesError, and nothing is changed, if not."""
        try:
            config = yaml.load(self.path.read_text(encoding="utf-8"), _Once)
            orchestrations = {one["name"]: self._routes(one) for one in _listed(config, "orchestrations")}
        except (OSError, UnicodeDecodeError, yaml.YAMLError, ExpressionError) as error:
            raise RoutesError(f"{self.path}: {error}") from None
        except (KeyError, TypeError) as error:
            raise RoutesError(
                f"{self.path}: lacks {error}: expected orchestrations, each with name and routes"
            ) from None
        self.orchestrations, self.config = orchestrations, config
        self.version += 1
        return self.version

    def decide(self, event: Event) -> tuple[str, str]:
        """The target of an event, and the condition that says so; Unroutable if there is none."""
        routes = self.orchestrations.get(event["orchestrationName"])
        if routes is None:
            raise Unroutable(f"there is no orchestration {event['orchestrationName']!r}")
        route = routes.get(event["type"])
        if route is None:
            raise Unroutable(f"orchestration {event['orchestrationName']!r} has no route for {event['type']!r}")
        return route.decide(event)

    def targets(self) -> frozenset[str]:
        """All queues that events can be routed to."""
        each = [route for routes in self.orchestrations.values() for route in routes.values()]
        return frozenset(branch.target for route in each for branch in route.branches) | {one.default for one in each}

    def _routes(self, orchestration: Mapping[str, Any]) -> Mapping[str, Route]:
        found: dict[str, Route] = {}
        for one in _listed(orchestration, "routes"):
            if one["eventType"] in found:
                raise RoutesError(f"{self.path}: two routes for {one['eventType']!r} of {orchestration['name']!r}")
            branches = [self._branch(each) for each in one.get("conditions") or []]
            found[one["eventType"]] = Route(one["eventType"], self.ordered(branches), str(one["defaultTarget"]))
        return found

    def _branch(self, said: Mapping[str, Any]) -> Branch:
        priority = said.get("priority", 0)
        if not isinstance(priority, int | float) or isinstance(priority, bool):
            raise RoutesError(f"{self.path}: priority {priority!r}: expected a number")
        return Branch(compiled(str(said["condition"])), str(said["condition"]), str(said["target"]), priority)

    def ordered(self, branches: Sequence[Branch]) -> tuple[Branch, ...]:
        """The order in which conditions are asked."""
        return tuple(sorted(branches, key=lambda branch: -branch.priority))


def _listed(said: Any, name: str) -> list[Any]:
    found = said[name]
    if not isinstance(found, list) or not found:
        raise TypeError(f"{name!r}, a list")
    return found
