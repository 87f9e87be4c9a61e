"""What a verdict rests on is all there, of this run and as the run left it; and the monitor was there all the time."""

import numpy as np

from harness.plan.rules import INFO
from harness.quantities import duration
from harness.verdict import ValidityState
from reports.samples.evidence import Evidence
from reports.validity.result import ValidityResult, hard

SHOWN = 3
"""How many of the broken files are named with what to do."""

SILENCE_S = 10.0
"""How long the monitor may leave no sample; it takes one a second, and a busy machine holds it up."""

SAMPLED = ("resource", "deadlocks")
"""The metrics that the monitor samples."""


def bound(evidence: Evidence) -> ValidityResult:
    """BINDING: no file is missing, of another run, or was changed."""
    broken = evidence.broken
    said = [str(one) for one in broken[:SHOWN]]
    if len(broken) > SHOWN:
        said.append(f"and {len(broken) - SHOWN} more: {', '.join(one.file for one in broken[SHOWN:])}")
    return ValidityResult(
        "BINDING",
        "The files of the run folder are all there, of this run, and as the run left them",
        hard(not broken),
        "; ".join(said) or "every file is as it was when the run ended",
        "the files that seal.json and integrity.json name, unchanged",
        "Verify the run again if only integrity.json or effects.npy is concerned; else run again.",
    )


def monitored(evidence: Evidence) -> ValidityResult:
    """MONITOR: hard, if a rule on resources or deadlocks rests on it; else a warning, for V9 rests on it."""
    rules = [rule.text for rule in evidence.samples.scenario.rules if rule.metric in SAMPLED and rule.severity != INFO]
    facts = evidence.run.facts.get("monitor") or {}
    silence = _silence(evidence)
    wrong = ["the monitor ended before the load did: see monitor.log"] if facts.get("died") else []
    if silence > SILENCE_S:
        wrong.append(f"the monitor took no sample for {duration(silence)}")
    if wrong and rules:
        wrong.append(f"{', '.join(rules)} rests on its samples")
    state, value = ValidityState.OK, f"{len(evidence.monitor):,} samples"
    if wrong:
        state, value = ValidityState.BROKEN if rules else ValidityState.WARNING, "; ".join(wrong)
    elif not evidence.monitor:
        state, value = ValidityState.NOT_APPLICABLE, "there was no monitor"
    return ValidityResult(
        "MONITOR",
        "The monitor sampled target, database and machine all the time",
        state,
        value,
        f"no gap of more than {duration(SILENCE_S)}",
        "What the machine did meanwhile is not known: find out what ended the monitor, and run again.",
    )


def _silence(evidence: Evidence) -> float:
    """The longest time of the load (s) without a sample; 0 if there is none at all.

    A load that the death of the target ended is shorter than planned: it ended at its last line of health.
    """
    if not evidence.monitor or evidence.began is None:
        return 0.0
    at = (np.array([line["at"] for line in evidence.monitor]) - evidence.began) / 1e9
    told = [(line["at"] - evidence.began) / 1e9 for process in evidence.processes for line in process.health]
    end = min(max(told, default=evidence.samples.seconds), evidence.samples.seconds)
    return float(np.diff(np.clip([0.0, *np.sort(at), end], 0.0, end)).max())
