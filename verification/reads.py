"""A read is right if it answered what the database can have held at some moment while the read was under way.

What it answered stands in the journal as a digest of the content, or as `ids.NOTHING`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from harness.check import Group
from harness.outcomes import DONE, Outcome
from harness.plan.scenario import Scenario
from systems import ids
from verification.arrays import Array, Mask
from verification.case import Case, Found
from verification.checks import Check

ALWAYS, NEVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max
"""The beginning and the end of time."""


def kinds(scenario: Scenario) -> list[str]:
    """The kinds of operations that read: they are acknowledged, and leave nothing."""
    return [
        kind
        for kind, outcomes in scenario.expected.items()
        if "ACK" in outcomes and not any(effect.items for effect in scenario.effects[kind].values())
    ]


def versions(subject: Array, order: Array, digest: Array, begun: Array, done: Array) -> pd.DataFrame:
    """When each content of a subject may have been seen: subject, digest, since, until (ns).

    Of each write its subject, its place in the order in which they took effect, the digest of what the subject was from
    then on, when it began at the earliest, and when it was done at the latest (NEVER: that is not known). A content is
    there from when its write began until one of a higher place was done for sure; before the first, there is nothing.
    """
    writes = pd.DataFrame({"subject": subject, "digest": digest, "since": begun, "done": done})
    writes = writes.iloc[np.lexsort((order, subject))].reset_index(drop=True)
    by_subject = writes.groupby("subject", sort=False)
    # No write takes effect before one of a lower place, …
    writes["since"] = by_subject["since"].cummax()
    # … and each ends what was there before it, also if another one of a higher place is known to be done earlier.
    over = writes[::-1].groupby("subject", sort=False)["done"].cummin()[::-1]
    writes["until"] = over.groupby(writes["subject"], sort=False).shift(-1, fill_value=NEVER)
    first = ~writes["subject"].duplicated()
    nothing = writes[first].assign(digest=ids.NOTHING, since=ALWAYS, until=over[first])
    return pd.concat([writes, nothing], ignore_index=True)[["subject", "digest", "since", "until"]]


def possible(subject: Array, answer: Array, start: Array, end: Array, seen: pd.DataFrame) -> Mask:
    """Which reads, under way from `start` to `end` (ns), can have answered so, by the `versions` of their subjects.

    A subject without any version was never written: of it there is nothing.
    """
    unwritten = np.setdiff1d(subject, seen["subject"])
    subjects = np.concatenate([seen["subject"], unwritten, subject])
    digests = np.concatenate([seen["digest"], np.full(len(unwritten), ids.NOTHING), answer])
    since = np.concatenate([seen["since"], np.full(len(unwritten), ALWAYS)])
    until = np.concatenate([seen["until"], np.full(len(unwritten), NEVER)])
    # What is read and a moment as one number that keeps their order: times by their rank among all.
    content = _rank(_rank(subjects) * len(digests) + _rank(digests))
    times = _rank(np.concatenate([since, until, start, end]))
    since, until, start, end = np.split(times, np.cumsum([len(since), len(until), len(start)]))
    version, read = np.split(content * (len(times) + 1), [len(since)])
    order = np.argsort(version + since, kind="stable")
    begins = (version + since)[order]
    # Of the versions that begin by the read's end, the same content's that lasts longest; or that of another content.
    lasts = np.maximum.accumulate((version + until)[order])
    place = np.searchsorted(begins, read + end, "right") - 1
    right: Mask = (place >= 0) & (lasts[place] >= read + start)
    return right


def _rank(values: Array) -> Array:
    """The place of each value among all different ones."""
    return np.unique(values, return_inverse=True)[1].reshape(-1)


def check(versions_of: Callable[[Any], pd.DataFrame], read: list[str]) -> Check:
    """X8 of a system whose kinds `read` answer what `versions_of` a Case says."""

    def answered(case: Case) -> Found:
        ledger = case.ledger
        which = np.any([ledger.kind(kind) for kind in read], axis=0) & ledger.outcome(*DONE, Outcome.REJECT)
        attempts = np.flatnonzero(which & (ledger.ops["answer"].to_numpy() != 0))
        subject, answer = (ledger.ops[name].to_numpy()[attempts] for name in ("subject", "answer"))
        seen = versions_of(case)
        right = possible(subject, answer, ledger.earliest[attempts], ledger.latest[attempts], seen)
        wrong = attempts[~right]
        never = int((~np.isin(answer[~right], seen["digest"].to_numpy()) & (answer[~right] != ids.NOTHING)).sum())
        op = ledger.ops["op"].iloc[wrong[0]] if len(wrong) else ""
        return case.broken(
            len(attempts),
            np.unique(ledger.key_place[wrong]),
            f"{len(wrong):,} reads answered what the database can't have held at that time, {never:,} of them what it "
            f"never held at all; the first is operation {op}",
        )

    return Check(
        "X8",
        "Every read answered what the database held at that time.",
        f"answers of {' and '.join(read)} against stored rows",
        answered,
        needs_all=True,
        group=Group.ANSWERS,
        said="with what the database can’t have held at that time",
    )
