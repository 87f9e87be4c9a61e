"""verdict.json holds all that is known of a run, so that renderings and comparisons need nothing else."""

import dataclasses
import math
from typing import Any

import numpy as np

from harness import steered
from harness.plan.provable import SMOKE
from harness.reported import FILES
from harness.verdict import EXIT_CODES
from reports import figures
from reports.about import SCHEMA, about
from reports.compare.baseline import baseline
from reports.decide import decide
from reports.rules.evaluate import evaluate, judge_of
from reports.rules.search import searched
from reports.samples.evidence import Evidence, Process
from reports.samples.phases import bands
from reports.tables.benchmark import benchmark
from reports.tables.classes import classes
from reports.tables.failures import failures
from reports.tables.incidents import incidents
from reports.tables.machines import machines
from reports.tables.operations import by_phase, operations, spectrum
from reports.tables.overlap import overlap, overlaps
from reports.tables.own_metrics import own_metrics
from reports.tables.peak_memory import peak_memory
from reports.tables.rounds import rounds
from reports.tables.saturation import saturation
from reports.tables.saw import saw
from reports.tables.scaling import scaling
from reports.tables.search import search as search_table
from reports.tables.server_time import server_time
from reports.tables.slowest import slowest
from reports.tables.traces import checks
from reports.tables.waited import waited
from reports.validity.conditions import validity
from reports.validity.steady import steady


def record(evidence: Evidence) -> dict[str, Any]:
    """The verdict on `evidence` and everything that it rests on, as verdict.json holds it."""
    run, samples = evidence.run, evidence.samples
    scenario = samples.scenario
    reference = baseline(run)
    search = searched(evidence, judge_of(evidence))
    rules = [evaluate(rule, evidence, reference, search) for rule in scenario.rules]
    kept = None if search is None else {step.phase for step in search.kept}
    evens = [one for one in steady(samples) if kept is None or one.phase in kept]
    conditions = validity(evidence, rules, evens, search)
    target = run.facts.get("target") or {}
    decision = decide(rules, evidence.findings, conditions, run.facts, len(samples.frame))
    notes = []
    if scenario.profile == SMOKE:
        notes.append("SMOKE: not a release verdict")
    if target.get("fault"):
        notes.append(f"the target ran with the fault {target['fault']} on purpose")
    if changes := run.facts.get("steered"):
        notes.append(f"changed by hand: {steered.said(changes)}; not comparable with other runs")
    if graphs := (run.facts.get("profiler") or {}).get("graphs"):
        notes.append(f"the target was profiled meanwhile, which slows it: {', '.join(sorted(graphs.values()))}")
    errors = (run.facts.get("postgres") or {}).get("errors") or {}
    if errors:
        told = ", ".join(f"{code} × {count:,}" for code, count in errors.items())
        notes.append(f"PostgreSQL logged errors during the run: {told}")
    if scenario.left_out:
        notes.append(f"about no phase of this load, and so not judged: {', '.join(scenario.left_out)}")
    met = overlaps(samples)
    # An engine that users call themselves gets no requests.
    traced = run.facts.get("trace") is not None and any(process.http for process in evidence.processes)
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "verdict": decision.verdict,
        "exit_code": EXIT_CODES[decision.verdict],
        "reason": decision.reason,
        "causes": [dataclasses.asdict(cause) for cause in decision.causes],
        "would_be": decision.would_be,
        "notes": notes,
        "run": about(run),
        "totals": {
            "planned": samples.planned,
            "operations": len(samples.frame),
            "ended": samples.frame.count(samples.frame.groups.ended),
            "effects": None if samples.effects is None else len(samples.effects),
            "locust": evidence.load["requests"] if evidence.load else None,
            **overlap(met, samples.frame, np.ones(len(met.met), bool)),
        },
        "rules": [dataclasses.asdict(rule) for rule in rules],
        "checks": checks(evidence.findings or (), run.id, traced),
        "weakened": evidence.weakened,
        "validity": [dataclasses.asdict(condition) for condition in conditions],
        "search": None if search is None else search_table(search, evidence, conditions),
        "scaling": scaling(evidence),
        "steady": [dataclasses.asdict(even) for even in evens],
        "operations": operations(samples),
        "classes": classes(samples),
        "metrics": own_metrics(evidence),
        "rounds": rounds(samples),
        "benchmark": benchmark(samples, evidence.findings or ()),
        "spectrum": spectrum(samples),
        "saturation": _saturation(evidence),
        "memory": peak_memory(samples, evidence.monitor, evidence.began),
        "machines": machines(evidence),
        "waited": waited(evidence),
        "statements": evidence.statements,
        "server_time": server_time(evidence),
        "phases": by_phase(samples, met),
        "timeline": [dict(zip(("phase", "begin", "end"), band, strict=True)) for band in bands(samples.stretches)],
        "failures": failures(samples, run.id, traced),
        "slowest": slowest(samples, run.id, traced, saw(evidence.monitor, evidence.began or 0)),
        "incidents": incidents(samples),
        "generator": [_generator(process) for process in evidence.processes],
        "files": list(FILES),
    }
    found: dict[str, Any] = cleaned(facts)
    return found


def _saturation(evidence: Evidence) -> dict[str, Any]:
    """What ran out first, as the monitor saw it; times of all processes are on one clock."""
    began = evidence.began or 0
    cores = (evidence.run.facts.get("host") or {}).get("cores") or 1
    return saturation(evidence.monitor, began, evidence.samples.seconds, cores)


def _generator(process: Process) -> dict[str, Any]:
    cpu = [line["cpu"] for line in process.health]
    return {
        "worker": process.worker,
        "arrivals": process.arrivals,
        "users": max((line["users"] for line in process.health), default=None),
        "cpu_mean": sum(cpu) / len(cpu) if cpu else None,
        "cpu_max": max(cpu, default=None),
        "rss_max": max((line["rss"] for line in process.health), default=None),
        "gc_seconds": max((line["gc_s"] for line in process.health if "gc_s" in line), default=None),
        "in_flight_max": max((line["in_flight"] for line in process.health), default=None),
    }


def cleaned(value: Any) -> Any:
    """`value` without text that a terminal would obey, and without numbers that JSON doesn't have."""
    if isinstance(value, dict):
        return {cleaned(str(key)): cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    if isinstance(value, str):
        return figures.printable(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
