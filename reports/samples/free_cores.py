"""Whether cores were free that the generator shares with the target: without them neither shows what it can do."""

from urllib.parse import urlsplit

import numpy as np

from reports.samples.evidence import Evidence

FULL = 0.90
"""The share of the cores in use from which on there is none to spare."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def shared(evidence: Evidence) -> bool:
    """Whether generator and target share a machine."""
    target = evidence.run.facts.get("target") or {}
    return bool(target.get("ours")) or urlsplit(str(target.get("url"))).hostname in LOOPBACK


def used(evidence: Evidence, begin: float, end: float) -> float | None:
    """The share of the machine's cores that was in use between two seconds of the plan; None if it is not known."""
    began, known = evidence.began or 0, []
    for line in evidence.monitor:
        # A line is about the second before it.
        if begin + 0.5 <= (line["at"] - began) / 1e9 <= end + 0.5 and {"machine.cpu", "machine.cores"} <= line.keys():
            known.append(line["machine.cpu"] / line["machine.cores"])
    return float(np.mean(known)) if known else None
