"""The verdict on a run that could not be reported: INVALID, and what went wrong. What was sent always has a verdict."""

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import binding, errors
from harness.errors import ProofloadError
from harness.reported import JUNIT, SUMMARY, VERDICT, void
from harness.run import Run
from harness.verdict import EXIT_CODES, Verdict
from reports import verdict_file
from reports.about import SCHEMA, about
from reports.decide import Cause
from reports.record import cleaned
from reports.render import junit, markdown
from reports.tables.overlap import NOTHING
from reports.validity.folder import SHOWN
from reports.validity.result import ValidityResult, hard


def unreported(folder: Path, error: Exception) -> dict[str, Any]:
    """Store and give the verdict on the run in `folder`, whose report failed with `error`.

    Raises `error` itself if the folder is not that of a run that sent anything. Its `files` are what is stored: none,
    if the disk is full.
    """
    try:
        run = Run.open(folder)
        of = about(run)
    except ProofloadError:
        raise error from None
    if not any(folder.glob("journal-*.bin")):
        raise error
    said = str(error) if isinstance(error, ProofloadError) else errors.crash(error, run.folder)
    broken = [str(one) for one in binding.broken(run)[:SHOWN]]
    verdict: dict[str, Any] = cleaned(_verdict(of, said.rstrip("."), broken))
    try:
        void(folder)
        for name, render in ((SUMMARY, markdown.render), (JUNIT, junit.render)):
            with contextlib.suppress(Exception):  # it may be this that failed
                text = render(verdict)
                run.write_text(name, text)
                verdict["files"].append(name)
        verdict["files"].insert(0, VERDICT)
        return verdict_file.write(run, verdict)
    except ProofloadError:
        with contextlib.suppress(ProofloadError):
            void(folder)
        return {**verdict, "files": []}


def _verdict(of: dict[str, Any], said: str, broken: list[str]) -> dict[str, Any]:
    """A whole verdict.json, with nothing measured in it. What of the folder is `broken` comes first."""
    sentences = [f"Not valid, BINDING: {'; '.join(broken)}."] if broken else []
    sentences.append(f"Not valid, REPORTED: {said}.")
    condition = ValidityResult(
        "REPORTED",
        "The run could be reported",
        hard(False),
        said,
        "a report",
        "The evidence is in the run folder as it was. Fix what is named, and `make report RUN=…` reports it again.",
    )
    return {
        "schema": SCHEMA,
        "verdict": Verdict.INVALID,
        "exit_code": EXIT_CODES[Verdict.INVALID],
        "reason": sentences[0],
        "causes": [asdict(Cause(Verdict.INVALID, "validity", sentence)) for sentence in sentences],
        "would_be": None,
        "notes": [],
        "run": of,
        "totals": {
            "planned": 0,
            "operations": 0,
            "ended": 0,
            "effects": None,
            "locust": None,
            **NOTHING,
        },
        "validity": [asdict(condition)],
        "search": None,
        "rounds": None,
        "benchmark": None,
        "statements": None,
        "server_time": [],
        "saturation": {"sentence": "The run was not reported.", "peaks": [], "ran_out": [], "retries": None},
        **{name: [] for name in _EMPTY},
    }


_EMPTY = (
    "rules",
    "checks",
    "weakened",
    "scaling",
    "steady",
    "operations",
    "classes",
    "metrics",
    "spectrum",
    "phases",
    "timeline",
    "failures",
    "slowest",
    "incidents",
    "memory",
    "waited",
    "machines",
    "generator",
    "files",
)
