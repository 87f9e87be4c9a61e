"""The verdict: one word for a whole run, and the exit code that goes with it."""

from enum import StrEnum


class Verdict(StrEnum):
    """What a run says about the target."""

    GO = "GO"
    UNCHECKED = "UNCHECKED"
    """Its rules hold, and the data was not checked, as the plan says."""
    CONDITIONAL = "CONDITIONAL"
    INVALID = "INVALID"
    NO_GO = "NO-GO"


class CheckState(StrEnum):
    """What a check of the data found. A check that compared nothing is UNDECIDED, never HOLDS."""

    HOLDS = "HOLDS"
    VIOLATED = "VIOLATED"
    UNDECIDED = "UNDECIDED"


class RuleState(StrEnum):
    """What a rule found (statistics.md 7.1): how far over its limit, or that there was nothing to measure."""

    PASS = "PASS"
    UNPROVEN = "UNPROVEN"
    """Within its limit, which the run is too short to be sure of."""
    CONDITIONAL = "CONDITIONAL"
    NO_GO = "NO-GO"
    ERROR = "ERROR"
    NOT_COMPARED = "NOT COMPARED"
    """There is no baseline to compare with; it neither passes nor blocks."""


class ValidityState(StrEnum):
    """What a condition of validity found. One that had nothing to judge is NOT_APPLICABLE, never OK."""

    OK = "ok"
    WARNING = "warning"
    """A soft condition is not met: the figures are to be taken with care."""
    BROKEN = "broken"
    """A hard condition is not met: the run is INVALID."""
    NOT_APPLICABLE = "not applicable"
    """The run has nothing that the condition could judge; it says why."""


EXIT_USAGE = 2
EXIT_CRASH = 70
"""Proofload itself failed, which says nothing about the target."""
EXIT_INTERRUPTED, EXIT_TERMINATED, EXIT_PIPE = 130, 143, 141
"""Ended by SIGINT, SIGTERM or SIGPIPE, and nothing to judge: 128 and the signal, as shells have it."""
EXIT_CODES = {Verdict.GO: 0, Verdict.UNCHECKED: 0, Verdict.NO_GO: 1, Verdict.INVALID: 3, Verdict.CONDITIONAL: 4}
"""The exit code of a run; 2 is a usage or set-up error, after which nothing was sent."""
