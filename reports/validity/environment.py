"""What the run ran on: a quiet machine, shared with the target or not, and the one that is on record."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from harness.plan import arrivals
from harness.quantities import share
from harness.verdict import ValidityState
from reports.samples import phases
from reports.samples.evidence import Evidence
from reports.samples.free_cores import LOOPBACK, shared
from reports.samples.monitor_lines import Line
from reports.statistics.percentiles import percentiles
from reports.validity.doubt import Doubt
from reports.validity.result import ValidityResult, hard, soft

CANARY = 1.2
"""How many times as long as usual (p50) a loop that is always the same may take, at p95."""
IDLE = 1.5
"""How many times as long as on the idle machine before the load it may take at p50, beyond what the run itself
explains: on a quiet machine it was 0.98 to 1.2 times."""
STEAL = 0.02
"""The share of processor time that other guests of the machine may take."""
OTHERS, OTHERS_WINDOW = 0.10, 5
"""The share of the cores that processes which are not of the run may use, over this many samples."""
WAITED = 0.05
"""The share of the time in which something may wait for a core on account of processes that are not of the run."""
MOST_OTHERS = 0.95
"""More is not reckoned with: the system gives the run its turn, too."""
THROTTLED = 0.02
"""The share of the periods of its quota in which the run may be stopped for having used it up."""
STACK = ("target", "postgres", "generator")
"""What of the monitor's samples is the run itself."""


def conditions(evidence: Evidence) -> list[ValidityResult]:
    """V9, V10 and V11 of statistics.md §7.4."""
    return [_quiet(evidence), _shared(evidence), _declared(evidence)]


def _quiet(evidence: Evidence) -> ValidityResult:
    began = evidence.began or 0
    end = began + evidence.samples.seconds * 1e9
    lines = [line for line in evidence.monitor if began <= line["at"] <= end]
    seen = {name: _values(lines, name) for name in _SEEN}
    others, waited = _others(evidence, lines), _waited(evidence, lines)
    said: list[tuple[bool, str]] = []
    judged = len(seen["machine.canary"]) or len(seen["machine.steal"]) or len(others) or len(seen["cgroup.throttled"])
    if len(seen["machine.canary"]):
        p50, p95 = percentiles(seen["machine.canary"], [0.5, 0.95])
        said.append((p95 > CANARY * p50, f"at p95 the same loop took {p95 / p50:.3g} times as long as at p50"))
    slow = _against_idle(evidence, lines)
    if len(slow):
        p50 = float(np.median(slow))
        how = f"at p50 it took {p50:.3g} times as long as the idle machine and what the run used explain"
        said.append((p50 > IDLE, how))
    if len(seen["machine.steal"]):
        stolen = float(seen["machine.steal"].mean())
        said.append((stolen > STEAL, f"other guests took {share(stolen)} of the processors"))
    if len(others):
        used = float(others.max())
        how = f"processes that are not of this run used {share(used)} of the cores over {OTHERS_WINDOW} s"
        said.append((used > OTHERS, how))
    if len(seen["cgroup.throttled"]):
        stopped = float(seen["cgroup.throttled"].mean())
        quota = float(seen["cgroup.quota"].min(initial=np.inf))
        how = f"the quota of {quota:g} cores stopped the run in {share(stopped)} of its periods"
        said.append((stopped > THROTTLED, how))
    if len(seen["machine.pressure"]):
        how = f"something waited for a core {share(float(seen['machine.pressure'].mean()))} of the time"
        if len(waited):
            how += f", {share(float(waited.mean()))} for processes that are not of this run"
        said.append((bool(len(waited)) and float(waited.mean()) > WAITED, how))
    if who := _who(evidence, lines):
        said.append((False, who))
    noisy = any(one for one, _ in said)
    # What is not met comes first.
    said.sort(key=lambda one: not one[0])
    return ValidityResult(
        "V9",
        "The machine was as fast all the time",
        soft(not noisy) if judged else ValidityState.NOT_APPLICABLE,
        "; ".join(how for _, how in said) or "the monitor has nothing of the machine",
        f"{CANARY:g} times, {IDLE:g} times, {share(STEAL)} stolen, {share(OTHERS)} used by others, "
        f"{share(WAITED)} waited for them, {share(THROTTLED)} stopped",
        "Other work, or a quota that is too small, makes a machine slower: run again when nothing else runs, or on "
        "a machine of its own.",
        doubts=tuple(_slower(evidence, lines, began)) if noisy else (),
    )


def _who(evidence: Evidence, lines: list[Line]) -> str:
    """How busy the cores were, and how much of that was this run; "": that is not known."""
    known = _told_apart(evidence, lines, "machine.cores")
    if not known:
        return ""
    busy, own, cores = (float(_values(known, name).mean()) for name in (*_USED, "machine.cores"))
    return f"the cores were {share(busy / cores)} busy, of which this run had {own:.2g} of {cores:g} cores"


def _values(lines: list[Line], name: str) -> npt.NDArray[np.float64]:
    return np.array([line[name] for line in lines if name in line])


def _slower(evidence: Evidence, lines: list[Line], began: int) -> Iterator[Doubt]:
    """By what factor the machine was slower in each phase: times by its worst second, rates by the mean.

    Rates only for as long as something computes: what waits, or sleeps, is not slower for it.
    """
    stretches = evidence.samples.stretches
    canaries = _values(lines, "machine.canary")
    usual = float(np.median(canaries)) if len(canaries) else 1.0
    always = _against_idle(evidence, lines)
    slower = len(always) > 0 and float(np.median(always)) > IDLE
    for phase in phases.names(stretches):
        own = [stretch for stretch in stretches if stretch.phase == phase]
        during = [line for line in lines if any(s.begin <= (line["at"] - began) / 1e9 <= s.end for s in own)]
        canary = np.maximum(_values(during, "machine.canary") / usual, 1.0)
        slow = _against_idle(evidence, during)
        if slower and len(slow) == len(canary):
            canary = np.maximum(canary, slow)
        waited = 1 / (1 - np.clip(_waited(evidence, during), 0.0, MOST_OTHERS))
        stolen = 1 / (1 - np.clip(_values(during, "machine.steal"), 0.0, 1 - 1e-9))
        stopped = 1 / (1 - np.clip(_values(during, "cgroup.throttled"), 0.0, MOST_OTHERS))
        crowded = 1 / (1 - np.clip(_others(evidence, during), 0.0, MOST_OTHERS))
        if any(len(factors) for factors in (canary, stolen, stopped, crowded, waited)):
            computing = _computing(during)
            busy = [
                1 + computing * (float(factors.mean()) - 1)
                for factors in (canary, stopped, crowded, waited)
                if len(factors)
            ]
            longer = max(float(factors.max(initial=1.0)) for factors in (canary, stolen, stopped, crowded, waited))
            yield Doubt(longer, max([*busy, float(stolen.mean()) if len(stolen) else 1.0]), (phase,))


def _computing(lines: list[Line]) -> float:
    """The share of the time, at most, in which whatever limits a rate computes: the cores that all of the run used."""
    used = [sum(line.get(f"{what}.cpu", 0.0) for what in STACK) for line in lines if "target.cpu" in line]
    return min(float(np.mean(used)), 1.0) if used else 1.0


_SEEN = ("machine.canary", "machine.steal", "machine.pressure", "cgroup.throttled", "cgroup.quota")


def _others(evidence: Evidence, lines: list[Line]) -> npt.NDArray[np.float64]:
    """The share of the cores that processes used which are not of the run, over OTHERS_WINDOW samples each.

    Nothing, if a target or database of the user's may be on this machine: its processes are not known from others.
    """
    known = _told_apart(evidence, lines, "machine.cores")
    if not known:
        return np.zeros(0)
    busy, own, cores = (_values(known, name) for name in (*_USED, "machine.cores"))
    others = np.clip((busy - own) / cores, 0.0, 1.0)
    window = min(OTHERS_WINDOW, len(others))
    return np.convolve(others, np.ones(window) / window, "valid")


def _waited(evidence: Evidence, lines: list[Line]) -> npt.NDArray[np.float64]:
    """The share of each second in which something waited for a core on account of processes which are not of the run:
    of the pressure, their share of what was used. What the run waits for itself is not in it.
    """
    known = _told_apart(evidence, lines, "machine.pressure")
    busy, own, pressure = (_values(known, name) for name in (*_USED, "machine.pressure"))
    return pressure * np.clip((busy - own) / np.maximum(busy, 1e-9), 0.0, 1.0)


def _against_idle(evidence: Evidence, lines: list[Line]) -> npt.NDArray[np.float64]:
    """How many times as long the loop took, in each sample, as on the idle machine, and as the run itself explains: a
    core that it uses may make the loop on the other half of it take twice as long. Nothing, if that is not known.
    """
    idle = evidence.run.facts.get("idle_canary")
    needed = ("machine.canary", "machine.cores", "run.cpu")
    known = [line for line in lines if all(name in line for name in needed)]
    if not idle or not known:
        return np.zeros(0)
    canary, cores, own = (_values(known, name) for name in needed)
    return canary / (float(idle) * (1 + np.clip(own / cores, 0.0, 1.0)))


_USED = ("machine.busy", "run.cpu")


def _told_apart(evidence: Evidence, lines: list[Line], name: str) -> list[Line]:
    """The samples that have `name`, and by which what the run used is told from what others did; none, if a target or
    database of the user's may be on this machine.
    """
    theirs = [evidence.run.facts.get(one) or {} for one in ("target", "database")]
    if any(not one.get("ours", True) and _here(str(one.get("url"))) for one in theirs):
        return []
    return [line for line in lines if all(one in line for one in (*_USED, name))]


def _here(url: str) -> bool:
    """Whether what is at `url` is on this machine, or may be."""
    return urlsplit(url).hostname in (None, *LOOPBACK)


def _shared(evidence: Evidence) -> ValidityResult:
    together = shared(evidence)
    return ValidityResult(
        "V10",
        "It is declared whether generator and target share a machine",
        ValidityState.OK,
        "they do: absolute figures hold for this machine only" if together else "the target is elsewhere",
        "declared",
        "For absolute figures of the target, put the load on from a machine of its own (TARGET_URL).",
    )


def _declared(evidence: Evidence) -> ValidityResult:
    run, samples = evidence.run, evidence.samples
    wrong = [f"run.json has nothing about {name}" for name in ("host", "versions", "git") if not run.facts.get(name)]
    for process in evidence.processes:
        did, said = (process.system, process.scenario), (samples.scenario.system, samples.scenario.name)
        if did != said:
            wrong.append(f"load process {process.worker} put on {' '.join(did)}, not {' '.join(said)}")
    if samples.scenario.open:
        planned = arrivals.count(samples.scenario, run.facts["seed"])
        if samples.planned != planned:
            wrong.append(f"the load processes had {samples.planned:,} arrivals, the plan has {planned:,}")
    git = run.facts.get("git") or {}
    commit = f"{git.get('commit') or 'unknown'}"[:12] + (", with files that differ from it" if git.get("dirty") else "")
    return ValidityResult(
        "V11",
        "The load was that of the plan and the environment on record",
        hard(not wrong),
        "; ".join(wrong) or f"it was, by commit {commit}",
        "the same plan in run.json and in every load process",
        "run.json or a journal was changed or belongs to another run: run again.",
    )
