"""Each check is judged by itself: one that can't be run, or compared nothing, is UNDECIDED, and never hides another."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from harness.check import Finding, Group
from harness.verdict import CheckState
from verification.case import Case
from verification.found import Found, Part, added


class Over(Enum):
    """What a check looks at, which says whether a run can be divided for it."""

    KEY = "one key at a time"
    """What was sent under a key, and its rows: parts of the keys are judged by themselves, and it finds a Part."""
    THING = "one thing at a time, which is not a key"
    """An account, a coupon, a time …: what `Check.of` names. What is sent about it is judged together, as by keys."""
    DATABASE = "what was read beside the rows of the run"
    """Of them it knows nothing: it is judged once."""
    RUN = "all keys together"
    """A run whose plan has such a check is not divided."""


@dataclass(frozen=True)
class Check:
    """An invariant, and how it is found out whether it holds."""

    id: str
    title: str
    """A sentence that is true if it holds."""
    what: str
    """What is compared."""
    find: Callable[[Any], Found | Part]
    """Its result for a Case; of a system's own checks, for that system's."""
    needs_all: bool = False
    """Whether it needs every operation of the run: then it can't be decided where some are not on record."""
    unfed: str = ""
    """Why it may be that the plan's mix gives it nothing to compare: then it is left out, and that is said."""
    fed_by: tuple[str, ...] = ()
    """The kinds of operations that give it something to compare; () = all."""
    group: Group = Group.OTHER
    """What it keeps."""
    said: str = ""
    """What is wrong with an operation that breaks it, behind what was answered to it ("operation 5 was refused …").
    {names} are columns of what is stored of it. "": that it is not there, or otherwise, says it."""
    over: Over = Over.RUN
    """What it looks at."""
    of: str = ""
    """If that is a thing: which, by the name of one of the system's divisions."""
    alone: Callable[[Any], Part] | None = None
    """What it finds with the keys of what does not depend on others about that thing: then these need not be handed on
    for it. `find` leaves them out of a part of the things.
    """
    before: Callable[[Any], Found] | None = None
    """What is found of what was read beside the rows; if that has witnesses, it is what the check finds."""


def fed(checks: Iterable[Check], kinds: Collection[str]) -> list[Check]:
    """The checks, `unfed` where a plan of these `kinds` has none of those that feed them."""
    return [
        replace(check, unfed=f"the plan's mix has no {' or '.join(check.fed_by)}")
        if check.fed_by and not set(check.fed_by) & set(kinds)
        else check
        for check in checks
    ]


def judge(checks: Iterable[Check], case: Case) -> list[Finding]:
    """The findings of `checks` for `case`, without those that compared nothing and can't be fed by the plan's mix."""
    return findings(checks, {}, case)


Outcome = Found | Part | str
"""What a check came to: why it could not be run, if it is a text."""
NO_PART = "the check could not be run: of a part of the run it finds a Found: expected a Part, or no `over`"


def outcome(check: Check, case: Case) -> Outcome:
    """What a check finds in a case."""
    return _tried(check.find, case)


def _tried(find: Callable[[Any], Found | Part], case: Case) -> Outcome:
    try:
        return find(case)
    except Exception as error:  # whatever it is: the other checks have their say
        return f"the check could not be run: {type(error).__name__}: {error}"


def findings(checks: Iterable[Check], parts: Mapping[str, Sequence[Outcome]], case: Case) -> list[Finding]:
    """The findings of `checks`: by id the `parts` of those that were judged part by part; of the others, for `case`."""
    found = (_finding(check, case, parts.get(check.id)) for check in checks)
    return [finding for finding in found if finding]


def left_out(checks: Iterable[Check], findings: Iterable[Finding]) -> list[str]:
    """Which of `checks` have no finding, since the plan's mix can't feed them: sentences."""
    made = {finding.id for finding in findings}
    reasons: dict[str, list[str]] = {}
    for check in checks:
        if check.unfed and check.id not in made:
            reasons.setdefault(check.unfed, []).append(check.id)
    return [f"Left out, as {reason}: {', '.join(names)}." for reason, names in reasons.items()]


def undecided(checks: Iterable[Check], reason: str) -> list[Finding]:
    """The findings if nothing could be read, for `reason`."""
    state = CheckState.UNDECIDED
    return [Finding(c.id, c.title, state, 0, c.what, detail=reason, crashed=True, group=c.group) for c in checks]


def _finding(check: Check, case: Case, parts: Sequence[Outcome] | None) -> Finding | None:
    """What a check finds; None if it had nothing to compare, for no other reason than the plan's mix."""
    lost = case.ledger.lost
    if check.needs_all and lost:
        detail = f"{'; '.join(map(str, lost))}: it can't be decided without all operations"
        return Finding(check.id, check.title, CheckState.UNDECIDED, 0, check.what, detail=detail, group=check.group)
    found = _tried(check.before, case) if check.before else Found(0)
    if isinstance(found, Found) and not found.witnesses:
        found = summed(parts) if parts else outcome(check, case)
    if isinstance(found, str):
        return undecided([check], found)[0]
    if isinstance(found, Part):
        found = found.told()
    if check.unfed and not (found.compared or found.witnesses or found.undecided):
        return None
    state, detail = CheckState.UNDECIDED, found.detail
    if found.witnesses:
        # What breaks the invariant does so at any moment: that something still wrote is no excuse.
        state = CheckState.VIOLATED
    elif not found.compared:
        detail = f"there was nothing to compare: {check.what}"
    elif found.undecided:
        detail = found.undecided
    elif case.seen.disturbance:
        detail = f"not quiescent: {case.seen.disturbance}"
    else:
        state = CheckState.HOLDS
    return Finding(
        check.id,
        check.title,
        state,
        found.compared,
        check.what,
        found.witnesses,
        detail,
        found.first,
        found.worst,
        found.sql,
        group=check.group,
        said=_said(check, case, found) if state is CheckState.VIOLATED else "",
    )


def summed(parts: Sequence[Outcome]) -> Outcome:
    """What all parts come to: that of one that could not be judged, the run can't be, either."""
    failed = next((one if isinstance(one, str) else NO_PART for one in parts if not isinstance(one, Part)), None)
    return failed if failed is not None else added([one for one in parts if isinstance(one, Part)])


def _said(check: Check, case: Case, found: Found) -> str:
    """The first witness in one sentence; what was found in numbers says it, where no operation made it."""
    said = found.said or case.sentence(found.first, check.said)
    return said or f"{found.detail[:1].upper()}{found.detail[1:].rstrip('.')}."
