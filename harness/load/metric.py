"""`metric(…)` for users that are no LoadUser: records into the load of this process; without one it only checks."""

import time

from harness import own_metrics
from harness.own_metrics import Recorder

_recorders: list[Recorder] = []
"""That of the load of this process, if there is one."""


def record_in(recorder: Recorder) -> None:
    """From now on what is recorded goes there."""
    _recorders[:] = [recorder]


def metric(name: str, value: object = None, *, count: int | None = None) -> None:
    """Record a value of the metric `name`: a number, or True or False; or with `count=` that so many were counted.

    ValueError if it is none of them, or the name is malformed or that of another kind. Under plain Locust nothing is
    recorded, so that the file still runs there.
    """
    if _recorders:
        _recorders[0].record(time.monotonic_ns(), name, value, count)
    else:
        own_metrics.require(name, value, count)
