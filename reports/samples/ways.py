"""In what way an operation did not end as expected, in one word: what a reader looks for first."""

from harness.outcomes import Failure, Outcome
from reports.samples.frame import Groups


def ways(groups: Groups) -> list[str]:
    """What the operations of each group failed by: their failure, their status, or else their outcome."""
    found = zip(groups.failure.tolist(), groups.status.tolist(), groups.outcome.tolist(), strict=True)
    return [_way(failure, status, outcome) for failure, status, outcome in found]


def _way(failure: int, status: int, outcome: int) -> str:
    # A failure that this version does not know has no name.
    if failure > Failure.NONE:
        return Failure(failure).name
    return str(status) if status > 0 else Outcome(outcome).name
