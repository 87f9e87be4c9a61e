"""Users of a closed load who begin their operations at one instant, as often as they think."""

from collections.abc import Sequence

from harness.plan.scenario import Scenario, Stage


class InStep:
    """The instants of the stages of `scenario` whose users go in step: from the beginning of each, a pause apart.

    They follow from the plan alone, so that the users of all processes have the same.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._think = scenario.think_seconds
        self._steps = _in_step(scenario.stages)

    def until_next(self, at: float) -> float | None:
        """Seconds from second `at` of the plan to the next instant; None if a user is to think as long as ever."""
        for begin, end in self._steps:
            if begin - self._think <= at < end:
                return begin - at if at < begin else self._think - (at - begin) % self._think
        return None


def _in_step(stages: Sequence[Stage]) -> list[tuple[float, float]]:
    found, at = [], 0.0
    for stage in stages:
        if stage.in_step:
            found.append((at, at + stage.seconds))
        at += stage.seconds
    return found
