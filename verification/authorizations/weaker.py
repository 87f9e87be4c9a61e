"""What a service does not have or tell, or a plan does not send: no check claims to know it, and it is said."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.plan.scenario import Scenario
from systems import authorizations_contract as agreed
from systems.authorizations import EXPECTED
from verification.authorizations import intervals
from verification.authorizations.accounts import Units
from verification.checks import Check

CHECKS_OF_MOVEMENTS = ("X1", "X2", "X3", "X4", "X5", "X6", "X9", "A1M", "A2", "A10")

UNSENT = {
    "key_header": "The service has no key (key_header is empty): {} are not sent, and nothing is known of requests "
    "that arrive twice (A5 is left out).",
    "token_header": "The service has no token (token_header is empty): {} are not sent, and it is not known whom it "
    "serves (TOKEN is left out).",
    "token_defects": "The service refuses no bad token (token_defects is empty): {} are not sent (TOKEN is left out).",
    "pool": "The pool of the file is of one organization: {} are not sent, and it is not known whether others may move "
    "its units (X7).",
}
"""Kinds that a contract rules out, by the setting that does, and what that means."""


def without(*kinds: str) -> Callable[[Scenario], bool]:
    """Whether a plan has none of `kinds`."""
    return lambda scenario: not set(kinds) & set(scenario.expected)


LESS: Mapping[str, Sequence[tuple[Callable[[Scenario], bool], str]]] = {
    "A1": [
        (
            lambda scenario: not agreed.tells_units(scenario.contract),
            "No authorization has more units used and scheduled than it has, in the database; answers don't tell.",
        )
    ],
    "A3": [
        (
            lambda scenario: not agreed.adds_up(scenario.contract),
            "The total of every authorization is the seeded one; no answer tells enough to be added up.",
        ),
        (
            lambda scenario: bool(set(agreed.untold(scenario.contract)) & set(agreed.COUNTERS)),
            "The total of every answer and authorization is the seeded one; answers don't tell all units that make it.",
        ),
    ],
    "A4": [
        (
            lambda scenario: not scenario.contract["key_header"],
            "No more was released and consumed than was asked for, and only units that were reserved.",
        )
    ],
    "A5": [(without("reuse"), "A key is one move; none was sent again for another.")],
    "A12": [
        (
            without("repeat", "reuse", "stranger", "forged"),
            "No definite answer was false: a new move is refused for want of units only.",
        ),
        (
            without("repeat", "reuse"),
            "No definite answer was false: a stranger and a bad token are refused as such, and a new move for want of "
            "units only; no key was sent again.",
        ),
    ],
    "POOL": [(lambda scenario: "given" in scenario.pool, "Every authorization of the file is there, with its total.")],
    "X7": [(without("stranger"), "No user moved or saw another organization's units; none tried to.")],
}
"""What a check claims where the contract or the plan lacks something: the first that applies."""


def worded(check: Check, scenario: Scenario) -> Check:
    """The check with a title that claims no more than the contract and the kinds of the plan let it find out."""
    titles = [title for lacking, title in LESS.get(check.id, ()) if lacking(scenario)]
    return replace(check, title=titles[0]) if titles else check


def _untold(contract: agreed.Contract) -> Iterator[str]:
    """What the answers don't tell, and what that leaves out."""
    lacking, effects = agreed.untold(contract), []
    if not lacking:
        return
    if not agreed.tells_units(contract):
        effects.append(
            "what is used and scheduled is seen in the database only (A8 is left out, A1 looks at no answer)"
        )
    elif not agreed.adds_up(contract):
        effects.append("they are derived from the seeded total, so that A3 can't tell whether an answer adds up")
    elif set(lacking) & set(agreed.COUNTERS):
        effects.append("it is derived, so that an answer that contradicts itself shows by its total only (A3)")
    if "id" in lacking:
        effects.append("an answer about another authorization does not show (X7)")
    yield f"The answers don't tell {', '.join(lacking)}: {'; '.join(effects) or 'the seeded total is taken for it'}."


def _unsent(scenario: Scenario) -> Iterator[str]:
    """The kinds that the run did not have, and what is not known for that."""
    reasons = agreed.unsent(scenario.contract, scenario.pool if "given" in scenario.pool else None)
    for setting, why in UNSENT.items():
        kinds = [kind for kind, reason in reasons.items() if reason == setting]
        if kinds:
            yield why.format(", ".join(kinds))
    others = [kind for kind in EXPECTED if kind not in scenario.mix and kind not in reasons]
    if others:
        yield f"The plan's mix has no {', '.join(others)}: what they would show is not known, nor missed."


def weakened(case: Units) -> list[str]:
    """What the target doesn't have, and what therefore can't be seen."""
    said = []
    if not case.movements:
        units, places, most = intervals.width(case)
        said.append(
            "There is no table of movements: an unknown outcome can't be resolved by its key, and an acknowledged move "
            "that is lost shows only where the counters leave the interval that the answers allow. It is open by "
            f"{units:,} units at {places:,} of {len(case.pool.number):,} authorizations, by {most:,} at most."
        )
        said.append(
            f"Without movements there is nothing to hold each single move against ({', '.join(CHECKS_OF_MOVEMENTS)} "
            "are left out), nor is it known whether this is still the database that the run left."
        )
    if not case.versions:
        said.append("There is no version in the database: a change that another one undid shows only in the units.")
    contract = case.seen.scenario.contract
    if not contract["version"]:
        said.append("The answers have no version: the order of the moves is not known (A8 is left out).")
    if "given" in case.seen.scenario.pool:
        said.append(
            "The pool is that of a file: POOL looks at totals only, and who else moved units meanwhile is not known."
        )
    said += [*_untold(contract), *_unsent(case.seen.scenario)]
    if not case.replays_told and {"race", "repeat"} & set(case.seen.scenario.expected):
        said.append(
            "The answers don't distinguish a replay from a first answer: both halves of a race may report that they "
            "did it, and one that is lost doesn't show by that."
        )
    return said
