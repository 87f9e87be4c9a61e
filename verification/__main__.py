"""`python -m verification RUN_FOLDER`: whether the database of DATABASE_URL agrees with the answers of a run."""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from harness import binding, check, database, effects, errors, journaled, reported, scale
from harness.check import Finding
from harness.outcomes import Outcome
from harness.run import Run
from harness.settings import Settings
from harness.verdict import CheckState
from verification import announced, checks, own_checks
from verification.arrays import Array
from verification.divided import running
from verification.divided import verifying as dividing
from verification.divided.judging import system_of
from verification.divided.splitting import split
from verification.divided.verifying import Verified
from verification.ledger import Ledger, by_outcome, ledger
from verification.quiescence import still
from verification.reading import reader

ONLY_QUERIES = (
    "Of this service nothing is known but what {} queries of the plan say: no answer was compared with a row."
)
NOTHING_PENDING = "SELECT 0"
UNKNOWN = "X1"
"""The check that stands for all of a system that has none."""


def main() -> int:
    """Judge the run in the folder on the command line."""
    parser = argparse.ArgumentParser(prog="python -m verification", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="e.g. reports/runs/peak/latest")
    verify(Run.open(parser.parse_args().folder), database.from_environment())
    return 0


def verify(run: Run, url: str) -> list[Finding]:
    """Judge `run` by the database at `url` and leave what was found in its folder, also if the database fails.

    An earlier verdict is void from then on: it does not rest on what is found now.
    """
    began = time.perf_counter()
    system, own = system_of(run.scenario.system), run.scenario.own_checks
    made = system.checks_of(run.scenario) if system else ()
    before = (run.facts.get("before") or {}).get("own") or {}
    about: dict[str, Any] = {"resolved": None, "observation": None, "weakened": []}
    with _sent(run, url, system, made) as sent:
        reported.void(run.folder)
        (run.folder / effects.FILE).unlink(missing_ok=True)
        try:
            if system is None and own:
                answers, disturbance = _asked(url, run, sent.ledger)
                about["weakened"] = [ONLY_QUERIES.format(len(own))]
                findings = own_checks.findings(run.scenario, answers, before, disturbance)
            elif system is None:
                findings = [_unknown(run.scenario.system)]
            else:
                found = sent.judge()
                findings, seen = found.findings, found.seen
                about = {
                    "resolved": found.resolved,
                    "observation": seen.as_json(),
                    "weakened": [*found.weakened, *checks.left_out(made, findings)],
                }
                findings += own_checks.findings(run.scenario, seen.own, before, seen.disturbance)
        except errors.ProofloadError:
            raise
        except Exception as error:  # the run is over and can't be repeated: what is known of it must not be lost
            told = _why(error, run)
            findings = checks.undecided(made, told)
            findings += own_checks.findings(run.scenario, dict.fromkeys((one.name for one in own), told), before, "")
    there = {finding.id for finding in findings}
    expected = [one.id for one in made if not one.unfed or one.id in there]
    expected = [*(expected if system else [] if own else [UNKNOWN]), *(one.name for one in own)]
    run.write(
        check.FILE,
        {
            **binding.integrity(run, expected, findings),
            "outcomes": sent.outcomes,
            **about,
            "seconds": round(time.perf_counter() - began, 3),
        },
    )
    binding.verified_again(run)
    for finding in findings:
        print(line(finding))
    return findings


@dataclass(frozen=True)
class _Sent:
    """What was sent, and how it is judged."""

    ledger: Ledger
    """All of it, or what a divided run has in its place."""
    outcomes: dict[str, dict[str, int]]
    judge: Callable[[], Verified]


@contextmanager
def _sent(run: Run, url: str, system: Any, made: Sequence[checks.Check]) -> Iterator[_Sent]:
    """What `run` sent, to be judged as a whole or, if it is long, in parts."""
    settings = Settings()
    scale.require(settings)
    count, disturbed = dividing.parts(run, made, system, settings), announced.read(run)
    if count == 1:
        sent = ledger(run.id, journaled.read_all(run.folder, run.processes), run.clock, run.scenario, disturbed)
        yield _Sent(sent, outcomes(sent), lambda: dividing.whole(run, url, system, sent))
        return
    journals = journaled.read_all(run.folder, run.processes, reading=None)
    with dividing.kept(run, count, settings) as store, running.judging(settings.dask) as judge:
        divided = split(run.id, journals, run.clock, run.scenario, disturbed, store)
        counts = counted(divided.kinds, divided.outcomes)
        yield _Sent(divided.last, counts, lambda: dividing.in_parts(run, url, system, divided, store, judge))


def _why(error: Exception, run: Run) -> str:
    """What kept the checks from being made: the database, or an error of ours."""
    if isinstance(error, (psycopg2.Error, ConnectionError)):
        return f"the database could not be read: {(str(error).strip() or type(error).__name__).splitlines()[0]}"
    return errors.crash(error, run.folder)


def _asked(url: str, run: Run, sent: Ledger) -> tuple[own_checks.Answers, str]:
    """What the queries of the plan give when the database is quiescent; and what still disturbed it."""
    with reader(url) as session, still(session, sent, NOTHING_PENDING, ()) as stillness:
        return own_checks.read(session, run.scenario), stillness.disturbance


def _unknown(system: str) -> Finding:
    """Of a system that has no checks: what is stored is not known, and what is not known is not proven."""
    return Finding(
        UNKNOWN,
        "Every acknowledged effect is stored.",
        CheckState.UNDECIDED,
        0,
        "nothing",
        detail=f"{system} has no verification/{system}.py, so nothing can be compared with its database",
    )


def outcomes(sent: Ledger) -> dict[str, dict[str, int]]:
    """How many operations of each kind had which outcome."""
    return counted(list(sent.ops["kind"].cat.categories), by_outcome(sent.ops))


def counted(kinds: Sequence[str], counts: Array) -> dict[str, dict[str, int]]:
    """The same, of the numbers for each kind and outcome; those that never were are left out."""
    named = {
        str(kind): {Outcome(n).name: count for n, count in enumerate(of_kind) if count}
        for kind, of_kind in zip(kinds, counts.tolist(), strict=True)
    }
    return {kind: outcomes for kind, outcomes in named.items() if outcomes}


def line(finding: Finding) -> str:
    """One line for a terminal."""
    title = finding.title[0].lower() + finding.title[1:].rstrip(".")
    counted = f"{finding.compared:,} compared"
    if finding.witnesses:
        counted = f"{finding.witnesses:,} of {counted}"
    return f"{finding.state:<9}  {finding.id:<5} {title}: {counted}{f'; {finding.detail}' if finding.detail else ''}"


if __name__ == "__main__":
    errors.command(main)
