"""The generator's limits: figures of a load process that was slow, starved or out of sockets are not the target's."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from harness.outcomes import Failure
from harness.plan.rules import DURATION, INFO
from harness.plan.scenario import Scenario
from harness.quantities import duration, share
from harness.verdict import ValidityState
from reports.samples.evidence import Evidence, HealthLines, Process
from reports.samples.frame import Frame
from reports.statistics.percentiles import percentile
from reports.validity.doubt import Doubt
from reports.validity.result import ValidityResult, hard, soft

SILENCE_S = 3.0
"""How long a load process may leave no health line; it writes one a second."""

LOOP_LAG_S = 0.010
"""How late the loop may be at the 99th percentile, where the plan does not say it, …"""
LOOP_LAG_SHARE = 0.05
"""… and as a share of the tightest limit on a time."""

CPU_SHARE, CPU_WINDOW = 0.80, 5
"""The greatest share of a core that a load process may need, over this many seconds."""
CPU_WARNING = 0.70
"""From which share on is warned of it."""

LITTLE = 0.05
"""By how much the operations seen in flight may differ from those that the journal has."""
FEWEST_IN_FLIGHT = 100
"""Operations that must have been sampled in flight, over all samples, for a difference to mean anything."""

CLOCK_STEP_S = 0.050
"""The greatest step of the wall clock against the monotonic one."""


Times = Sequence[tuple[float, float]]
"""Begin and end of parts of the load that decide nothing: the steps of a search beyond the limit that it found."""


def conditions(evidence: Evidence, beyond: Times = ()) -> list[ValidityResult]:
    """V2, V3, V5, V6 and V8 of statistics.md §7.4; the first two not of what was during `beyond`."""
    return [
        _kept_up(evidence, beyond),
        _cpu(evidence, beyond),
        _little(evidence),
        _clock(evidence),
        _own_errors(evidence),
    ]


def _within(process: Process, seconds: float, beyond: Times = ()) -> HealthLines:
    """The lines about the load alone: a line covers the time since the line before it."""
    began = process.began
    if began is None:
        return []
    return [
        line
        for before, line in pairwise(process.health)
        if 0 <= (before["at"] - began) / 1e9 <= seconds
        and not any(begin < (line["at"] - began) / 1e9 and (before["at"] - began) / 1e9 < end for begin, end in beyond)
    ]


def _spans(process: Process, seconds: float, beyond: Times) -> list[tuple[float, float]]:
    """Of each of these lines: how many seconds it is about, and the share of a core that was used meanwhile."""
    within = {line["at"] for line in _within(process, seconds, beyond)}
    return [
        ((line["at"] - before["at"]) / 1e9, line["cpu"])
        for before, line in pairwise(process.health)
        if line["at"] in within
    ]


def _kept_up(evidence: Evidence, beyond: Times) -> ValidityResult:
    scenario = evidence.samples.scenario
    lag, gap = most_lag(scenario), scenario.validity.loop_gap
    found = [_loop(process, evidence.samples.seconds, beyond) for process in evidence.processes]
    silent = [text for text, _, _ in found if text]
    p99 = max((p99 for _, p99, _ in found), default=0.0)
    # The ticks count from the load's first whole second on; an operation begun late for a free user tells of it all.
    longest = max([longest for _, _, longest in found] + [_latest(evidence.samples.frame, beyond)])
    kept_up = not silent and p99 <= lag and longest <= gap
    return ValidityResult(
        "V2",
        "The generator's own loop kept time",
        hard(kept_up),
        "; ".join(silent) or f"the loop was {duration(p99)} late at p99 and {duration(longest)} at most",
        f"{duration(lag)} and {duration(gap)}",
        "The generator was busy or starved, so its times are not the target's: give it a free core, or less load.",
    )


def _latest(frame: Frame, beyond: Times) -> float:
    """By how much the latest arrival was later than a user was free for it, not of what was due during `beyond`."""
    found = []
    for part in frame.parts():
        decisive, sched = ~part.column("partner"), part.column("sched")
        for begin, end in beyond:
            decisive &= (sched < begin) | (sched >= end)
        own = (part.column("lag_s") - part.column("waited_s"))[decisive]
        found += [float(own.max())] if len(own) else []
    return max(found, default=0.0)


def most_lag(scenario: Scenario) -> float:
    """How late the loop may be at p99: as the plan says, or so little that no limit on a time is decided by it."""
    if scenario.validity.loop_lag is not None:
        return scenario.validity.loop_lag
    rules = [rule for rule in scenario.rules if rule.metric in TIMES and rule.kind == DURATION]
    limits = [rule.limit for rule in rules if rule.severity != INFO and not rule.of]
    return min([LOOP_LAG_S, *(LOOP_LAG_SHARE * limit for limit in limits if limit > 0)])


TIMES = ("response_time", "service_time")
"""The times that a late loop makes longer."""


def _loop(process: Process, seconds: float, beyond: Times) -> tuple[str, float, float]:
    """What is missing of a process's health during the load, if anything; how late its loop was, p99 and at most."""
    name = f"load process {process.worker}"
    if process.began is None:
        return f"{name} never began its load", 0.0, 0.0
    at = [(line["at"] - process.began) / 1e9 for line in process.health]
    within = _within(process, seconds, beyond)
    lags = np.array([lag for line in within for lag in line["lags_us"]]) / 1e6
    if not len(lags):
        return f"{name} left no health", 0.0, 0.0
    marks = np.clip([0.0, *at, seconds], 0.0, seconds)
    silence = float(np.diff(np.sort(marks)).max())
    if silence > SILENCE_S:
        return f"{name} said nothing of its health for {duration(silence)}", 0.0, 0.0
    return "", percentile(lags, 0.99), float(lags.max())


def _cpu(evidence: Evidence, beyond: Times) -> ValidityResult:
    seconds = evidence.samples.seconds
    busiest = -1.0
    for process in evidence.processes:
        within = _spans(process, seconds, beyond)
        used, spans = (np.array(values) for values in ([cpu for _, cpu in within], [span for span, _ in within]))
        window = np.ones(min(CPU_WINDOW, len(used)))
        if len(window):
            # By how long each line is about: the last one may be of an instant.
            means = np.convolve(used * spans, window, "valid") / np.convolve(spans, window, "valid")
            busiest = max(busiest, float(means.max()))
    return ValidityResult(
        "V3",
        "The generator had processor time to spare",
        soft(busiest <= CPU_WARNING) if 0 <= busiest <= CPU_SHARE else ValidityState.BROKEN,
        f"the busiest load process used {share(busiest)} of a core over {CPU_WINDOW} s"
        if busiest >= 0
        else "unknown, as there is no health",
        f"at most {share(CPU_SHARE)}, better {share(CPU_WARNING)}",
        "Share the load among more processes (PROCESSES=n), on cores of their own.",
        # What is busy for a share of the time makes others wait: at most this much longer, on average (M/M/1).
        doubts=(Doubt(1 / (1 - busiest)),) if CPU_WARNING < busiest <= CPU_SHARE else (),
    )


def _little(evidence: Evidence) -> ValidityResult:
    """V5, an instantaneous count: at each sample of the generator as many operations were in flight, by a
    gauge that counts them, as the journal has that had begun and not ended.

    Not on the mean of the times: samples are not random, since they wait for the loop like the operations do.
    """
    pairs = [_in_flight(evidence, process) for process in evidence.processes]
    gauge, times, looks = (sum(values) for values in zip(*pairs, strict=True))
    off = abs(gauge - times) / max(times, 1)
    few = ""
    if evidence.samples.scenario.foreign:
        few = ": another's users do not report how many are in flight"
    elif max(gauge, times) < FEWEST_IN_FLIGHT:
        few = ": too few to judge"
    mean = f"{gauge / max(looks, 1):.2f} seen in flight, {times / max(looks, 1):.2f} by the journal"
    return ValidityResult(
        "V5",
        "As many operations were in flight as the journal has",
        ValidityState.NOT_APPLICABLE if few else hard(off <= LITTLE),
        f"{mean}, over {looks:,} samples{few}",
        f"within {share(LITTLE)}",
        "Operations were lost or their times are wrong: run again, and report this if it comes back.",
    )


def _in_flight(evidence: Evidence, process: Process) -> tuple[int, int, int]:
    """The operations in flight summed over all looks, by the gauge and by the journal; and how many samples."""
    within = _within(process, evidence.samples.seconds)
    began = process.began or 0
    looks = np.sort(np.array([at for line in within for at in line["ticks"]], np.int64)) - began
    frame, times = evidence.samples.frame, 0
    own = frame.groups.worker == process.worker
    # As whole ns: the journal's times are whole, and a sample may fall on the instant of one.
    for part in frame.parts():
        begun, ended = own[part.group], (own & frame.groups.ended)[part.group]
        # Each is seen in flight by the looks from its start on, but for those from its end on.
        times += int((len(looks) - np.searchsorted(looks, part.start[begun])).sum())
        times -= int((len(looks) - np.searchsorted(looks, part.end[ended])).sum())
    return sum(flying for line in within for flying in line["flying"]), times, len(looks)


def _clock(evidence: Evidence) -> ValidityResult:
    steps = [
        abs((after["wall"] - before["wall"]) - (after["at"] - before["at"])) / 1e9
        for process in evidence.processes
        for before, after in pairwise(process.health)
    ]
    step, frame = max(steps, default=0.0), evidence.samples.frame
    backwards = sum(int((part.column("service_s") < 0).sum()) for part in frame.parts())
    return ValidityResult(
        "V6",
        "The clocks went evenly",
        hard(bool(steps) and step < CLOCK_STEP_S and not backwards),
        f"the wall clock stepped by {duration(step)} at most, {backwards:,} operations ended before they began",
        f"less than {duration(CLOCK_STEP_S)}, none",
        "The clock was set during the load, or the machine was suspended: run again.",
    )


def _own_errors(evidence: Evidence) -> ValidityResult:
    errors = evidence.samples.frame.count(evidence.samples.frame.groups.failure == Failure.LOCAL)
    return ValidityResult(
        "V8",
        "The generator had all the sockets and names it needed",
        hard(not errors),
        f"{errors:,} operations failed for want of files, ports or a name's address",
        "none",
        "Raise the limit of open files (`ulimit -n`), reuse connections, or fix the host name in TARGET_URL.",
    )
