"""SEARCH: what a search found is the limit of the target, and not of the generator or of cores that both share."""

from collections.abc import Iterator, Sequence

import numpy as np

from harness.quantities import share
from reports.rules.search import Searched, Step, disagreements
from reports.samples.evidence import Evidence, Process
from reports.samples.free_cores import FULL, shared, used
from reports.validity.generator import CPU_SHARE, most_lag
from reports.validity.result import ValidityResult, hard


def condition(found: Searched, evidence: Evidence) -> ValidityResult:
    """Broken, if anything but the target may be why a step at the limit did not hold; or if the search has no end."""
    wrong = [] if found.over else ["the search did not come to its end"]
    wrong += [] if found.steps else ["no step was judged"]
    for step in found.breaking:
        wrong += [f"{said} in {step.phase}, at {found.said(step.load)}" for said in gave_out(step, evidence)]
    told = disagreements(found.steps)
    limit = found.edge.broken is not None
    value = "; ".join(wrong) or (
        "in the steps that did not hold the generator and its cores had time to spare" if limit else "no step broke"
    )
    return ValidityResult(
        "SEARCH",
        "What was found is the limit of the target, and not of the generator or of cores that both share",
        hard(not wrong),
        "; ".join([value, *told]),
        f"a generator that keeps time with at most {share(CPU_SHARE)} of a core; of cores that it shares with the "
        f"target at most {share(FULL)} used",
        "This is no capacity of the target: put the load on from cores of its own (TARGET_URL), or with PROCESSES=n.",
    )


def gave_out(step: Step, evidence: Evidence) -> Iterator[str]:
    """What of the generator, or of the cores that it shares with the target, gave out during a step."""
    cpu, late = zip(*(_generator(process, step) for process in evidence.processes), strict=True) or ((), ())
    if max(cpu, default=0.0) > CPU_SHARE:
        yield f"the generator gave out first: a load process used {share(max(cpu))} of a core"
    elif max(late, default=0.0) > most_lag(evidence.samples.scenario):
        yield f"the generator gave out first: its loop was {max(late) * 1000:,.3g} ms late at p99"
    busy = used(evidence, step.begin, step.end)
    if busy is not None and busy > FULL and shared(evidence):
        yield f"the cores that generator and target share gave out first: {share(busy)} of them were used"


def _generator(process: Process, step: Step) -> tuple[float, float]:
    """The share of a core that a load process used during a step, and how late its loop was at p99 (s)."""
    lines = [line for line in process.health if _during(line["at"], step, process.began)]
    lags: Sequence[float] = [lag for line in lines for lag in line["lags_us"]]
    cpu = float(np.mean([line["cpu"] for line in lines])) if lines else 0.0
    return cpu, float(np.quantile(lags, 0.99, method="inverted_cdf")) / 1e6 if lags else 0.0


def _during(at: float, step: Step, began: int | None) -> bool:
    """Whether a line, which is about the second before it, is about the step."""
    second = (at - (began or 0)) / 1e9
    return step.begin + 0.5 <= second <= step.end + 0.5
