"""verdict.json holds all that is known of a run, so that whoever renders or compares runs needs nothing else."""

import dataclasses
import math
from datetime import UTC, datetime
from typing import Any

from harness.verdict import EXIT_CODES
from reports import figures
from reports.classes import classes
from reports.decide import decide
from reports.evaluate import evaluate
from reports.evidence import Evidence, Process
from reports.failures import failures
from reports.operations import by_phase, operations
from reports.phases import bands
from reports.rounds import rounds
from reports.saturation import lines, saturation
from reports.spectrum import spectrum
from reports.validity import validity

SCHEMA = 1
"""The version of verdict.json; it grows with any change that a reader of the last one would stumble over."""

VERDICT, REPORT, SUMMARY, JUNIT = "verdict.json", "report.html", "summary.md", "junit.xml"
METRICS, TIMELINE, HLOG = "metrics.txt", "timeline.csv", "timeline.hlog"
FILES = (VERDICT, REPORT, SUMMARY, JUNIT, METRICS, TIMELINE, HLOG)

RUN_FACTS = (
    "command",
    "seed",
    "interrupted",
    "target",
    "database",
    "versions",
    "host",
    "git",
    "seeding",
    "load",
    "scaling",
    "scaling_failed",
)
"""What verdict.json repeats of run.json."""


def record(evidence: Evidence) -> dict[str, Any]:
    """The verdict on `evidence` and everything that it rests on, as verdict.json holds it."""
    run, samples = evidence.run, evidence.samples
    scenario = samples.scenario
    rules = [evaluate(rule, samples) for rule in scenario.rules]
    conditions = validity(evidence, rules)
    target = run.facts.get("target") or {}
    decision = decide(rules, evidence.findings, conditions, target, len(samples.frame))
    notes = []
    if scenario.profile == "smoke":
        notes.append("smoke: not a release verdict")
    if target.get("fault"):
        notes.append(f"the target ran with the fault {target['fault']} on purpose")
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "verdict": decision.verdict,
        "exit_code": EXIT_CODES[decision.verdict],
        "reason": decision.reason,
        "causes": [dataclasses.asdict(cause) for cause in decision.causes],
        "would_be": decision.would_be,
        "notes": notes,
        "run": {
            "id": run.id,
            "system": scenario.system,
            "title": scenario.title,
            "scenario": scenario.name,
            "profile": scenario.profile,
            "purpose": scenario.purpose,
            "seconds": scenario.seconds,
            "folder": run.folder.name,
            "created": datetime.strptime(run.id[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).isoformat(),
            **{name: run.facts.get(name) for name in RUN_FACTS},
        },
        "totals": {
            "planned": samples.planned,
            "operations": len(samples.frame),
            "ended": int(samples.frame["end"].notna().sum()),
            "effects": samples.effects,
            "locust": evidence.load["requests"] if evidence.load else None,
        },
        "rules": [dataclasses.asdict(rule) for rule in rules],
        "checks": [finding.as_json() for finding in evidence.findings or ()],
        "validity": [dataclasses.asdict(condition) for condition in conditions],
        "operations": operations(samples),
        "classes": classes(samples),
        "rounds": rounds(samples),
        "spectrum": spectrum(samples),
        "saturation": _saturation(evidence),
        "phases": by_phase(samples),
        "timeline": [dict(zip(("phase", "begin", "end"), band, strict=True)) for band in bands(samples.stretches)],
        "failures": failures(samples, run.id),
        "generator": [_generator(process) for process in evidence.processes],
        "files": list(FILES),
    }
    cleaned: dict[str, Any] = _clean(facts)
    return cleaned


def _saturation(evidence: Evidence) -> dict[str, Any]:
    """What ran out first, as the monitor saw it; times of all processes are on one clock."""
    began = next((process.began for process in evidence.processes if process.began is not None), 0)
    cores = (evidence.run.facts.get("host") or {}).get("cores") or 1
    return saturation(lines(evidence.run.folder), began, evidence.samples.scenario.seconds, cores)


def _generator(process: Process) -> dict[str, Any]:
    cpu = [line["cpu"] for line in process.health]
    return {
        "worker": process.worker,
        "arrivals": process.arrivals,
        "users": max((line["users"] for line in process.health), default=None),
        "cpu_mean": sum(cpu) / len(cpu) if cpu else None,
        "cpu_max": max(cpu, default=None),
        "rss_max": max((line["rss"] for line in process.health), default=None),
        "in_flight_max": max((line["in_flight"] for line in process.health), default=None),
    }


def _clean(value: Any) -> Any:
    """`value` without text that a terminal would obey, and without numbers that JSON doesn't have."""
    if isinstance(value, dict):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, str):
        return figures.printable(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
