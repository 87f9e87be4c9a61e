"""Each stage of the plan has its seconds, its share of the arrivals, and the number of processes of each service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from harness.plan.scenario import BURST_S, Scenario


@dataclass(frozen=True)
class Stretch:
    """A stage of the plan on the clock of the load, whose second 0 is when the plan began."""

    phase: str
    begin: float
    end: float
    start_rate: float
    end_rate: float
    processes: Mapping[str, int]
    """How many processes each service has, of those whose number changes during the load."""
    deadline: float
    """When the next phase that offers load begins, or else the plan ends: by then its effects are to be completed."""

    users: int = 0
    """In a closed load: how many users go at their own pace."""

    shaped: bool = False
    """In a closed load: whether a shape of another's locustfile says how many users there are."""

    disturb: str = ""
    """What it does to target, database or network; "": nothing."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.begin

    @property
    def arrivals(self) -> float:
        """How many arrivals it offers."""
        return (self.start_rate + self.end_rate) / 2 * self.seconds

    @property
    def loads(self) -> bool:
        """Whether it offers any load: a pause does not."""
        return self.arrivals > 0 or self.users > 0 or self.shaped

    @property
    def even(self) -> bool:
        """Whether it offers the same load all the time, for longer than a burst."""
        alike = self.start_rate == self.end_rate and not self.shaped
        return self.loads and alike and round(self.seconds, 6) > BURST_S


def stretches(scenario: Scenario, until: float | None = None) -> tuple[Stretch, ...]:
    """The stages of `scenario` in order; of a load that was ended at second `until`, those before it."""
    begins, at = [], 0.0
    for stage in scenario.stages:
        begins.append(at)
        at = round(at + stage.seconds, 9)
    found: list[Stretch] = []
    processes = {name: scenario.services[name].processes for stage in scenario.stages for name in stage.scale}
    for place, (stage, begin) in enumerate(zip(scenario.stages, begins, strict=True)):
        processes = {**processes, **stage.scale}
        later = zip(scenario.stages[place + 1 :], begins[place + 1 :], strict=True)
        deadline = next((b for s, b in later if s.phase != stage.phase and s.loads), at)
        end = round(begin + stage.seconds, 9)
        found.append(
            Stretch(
                stage.phase,
                begin,
                end,
                stage.start_rate,
                stage.end_rate,
                processes,
                deadline,
                stage.users,
                stage.shaped,
                stage.disturb,
            )
        )
    return tuple(found if until is None else _before(found, until))


def _before(found: Sequence[Stretch], until: float) -> list[Stretch]:
    """What of the stages was before `until`: at least the first instant of the first one."""
    kept = [stretch for stretch in found if stretch.begin < until] or [found[0]]
    last = kept[-1]
    end = min(max(until, last.begin + 1e-9), last.end)
    slope = (last.end_rate - last.start_rate) / last.seconds
    return [*kept[:-1], replace(last, end=end, end_rate=last.start_rate + slope * (end - last.begin))]


def names(of: Sequence[Stretch]) -> list[str]:
    """The names of the phases, in the order in which they first came."""
    return list(dict.fromkeys(stretch.phase for stretch in of))


USERS, PROCESSES = "users", "processes"


def changing(of: Sequence[Stretch]) -> str:
    """Which number is compared from phase to phase: that of users, where it changes, or else that of processes."""
    return USERS if len({stretch.users for stretch in of if stretch.users}) > 1 else PROCESSES


def bands(of: Sequence[Stretch]) -> list[tuple[str, float, float]]:
    """Phase, begin and end of each run of stages of one phase: what a chart shades."""
    runs = [list(run) for _, run in groupby(of, key=lambda stretch: stretch.phase)]
    return [(run[0].phase, run[0].begin, run[-1].end) for run in runs]


def arrivals_until(of: Sequence[Stretch], second: float) -> float:
    """How many arrivals the plan offers before `second`."""
    total = 0.0
    for stretch in of:
        inside = min(max(second - stretch.begin, 0.0), stretch.seconds)
        slope = (stretch.end_rate - stretch.start_rate) / stretch.seconds
        total += stretch.start_rate * inside + slope * inside * inside / 2
    return total
