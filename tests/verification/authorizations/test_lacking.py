"""Of a target that has less, what can't be judged is left out and said, and the rest is judged as before."""

from dataclasses import replace

import pytest

from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from harness.verdict import CheckState
from systems.authorizations import MOVES
from tests.support.authorization_edits import (
    FORGED,
    LAST,
    NEVER_DONE,
    RACED,
    STRANGER,
    UNTOUCHED,
    Edit,
    accepted,
    answer,
    beyond_reserved,
    lacking,
    let_in,
    outcome,
    same_version,
    stands,
    violated,
)
from tests.support.authorization_history import (
    HOT,
    SPREAD,
    History,
    clean,
    scenario,
)
from verification.authorizations import CHECKS_OF_MOVEMENTS, checks_of, weakened

LACKS: dict[tuple[str, ...], tuple[set[str], list[str]]] = {
    (): (set(), []),
    ("movements",): (set(CHECKS_OF_MOVEMENTS), ["There is no table of movements", "Without movements"]),
    ("version",): (set(), ["There is no version in the database"]),
    ("answered versions",): ({"A8"}, ["The answers have no version"]),
    ("replayed",): (set(), ["The answers don't distinguish a replay"]),
    ("available",): (set(), ["The answers don't tell available: it is derived, so that"]),
    ("total",): (set(), ["The answers don't tell total: the seeded total is taken for it."]),
    ("total", "available"): (set(), ["The answers don't tell total, available: they are derived from the seeded"]),
    ("used", "available"): ({"A8"}, ["The answers don't tell used, available: what is used and scheduled is seen in"]),
    ("id",): (set(), ["The answers don't tell id: an answer about another authorization does not show (X7)."]),
    ("movements", "version", "answered versions", "replayed"): (
        {*CHECKS_OF_MOVEMENTS, "A8"},
        [
            "There is no table of movements",
            "Without movements",
            "There is no version in the database",
            "The answers have no version",
            "The answers don't distinguish a replay",
        ],
    ),
}


@pytest.mark.parametrize(
    ("lacks", "left_out", "said_of_it"),
    [pytest.param(lacks, *of_it, id=" and ".join(lacks) or "nothing") for lacks, of_it in LACKS.items()],
)
def test_what_a_target_lacks_is_left_out_and_said(
    lacks: tuple[str, ...], left_out: set[str], said_of_it: list[str]
) -> None:
    history = clean(lacking(*lacks))
    found = history.judge()
    whole = {check.id for check in checks_of(scenario())}

    assert set(found) == whole - left_out
    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}
    sentences = weakened(history.case())
    assert [sentence.startswith(words) for sentence, words in zip(sentences, said_of_it, strict=True)] == [True] * len(
        said_of_it
    )


def planned(*kinds: str) -> Scenario:
    """The plan of these kinds only."""
    whole = scenario()
    parts = {part: {kind: getattr(whole, part)[kind] for kind in kinds} for part in ("mix", "expected", "effects")}
    return replace(whole, users={"Practitioner": 1}, **parts)


@pytest.mark.parametrize(
    ("kinds", "left_out"),
    [
        (("reserve",), {"X3", "A4", "TOKEN"}),
        (("reserve", "release"), {"X3", "TOKEN"}),
        (("reserve", "consume", "repeat", "stranger"), {"TOKEN"}),
    ],
)
def test_a_kind_that_the_plan_does_not_have_is_not_missed_and_said(kinds: tuple[str, ...], left_out: set[str]) -> None:
    history = History(planned(*kinds))
    for kind in kinds:
        by = 5 if kind == "stranger" else None
        history.act(
            kind, SPREAD, by=by, key_of=1 if kind == "repeat" else None, move=kind if kind in MOVES else "reserve"
        )
    found = history.judge()
    whole = {check.id for check in checks_of(scenario())}

    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}
    assert whole - set(found) == left_out
    assert "The plan's mix has no " in " ".join(weakened(history.case()))
    titles = {check.id: check.title for check in checks_of(history.scenario)}
    assert ("stranger" in titles["A12"], "none tried to" in titles["X7"]) == (
        "stranger" in kinds,
        "stranger" not in kinds,
    )


def test_without_movements_the_interval_is_as_wide_as_what_is_unknown() -> None:
    history = clean(lacking("movements"))

    # Unknown: a consume of 3 at one; at the other, two reserves and a release of 5.
    assert "It is open by 18 units at 2 of 58 authorizations, by 15 at most." in weakened(history.case())[0]
    assert history.case().resolved() == {"unknown": 4, "committed": None, "absent": None, "share": 4 / 23}
    assert len(history.case().effects()) == 0


WITHOUT_MOVEMENTS: dict[str, tuple[Edit, set[str]]] = {
    "an acknowledged move left nothing, and nothing is unknown": (
        lambda h: (h.act("reserve", UNTOUCHED), h.count(UNTOUCHED, "reserve", -5, -1)),
        {"A6"},
    ),
    "a repeated consume was counted twice": (lambda h: h.count(SPREAD, "consume", 3), {"A4", "A6"}),
    "a repeated release was counted twice": (lambda h: h.count(HOT, "release", 5), {"A4", "A6"}),
    "a version too many": (lambda h: stands(h, HOT, version=2), {"A6"}),
    "a version too few": (lambda h: stands(h, HOT, version=-2), {"A6"}),
    "too much is used and scheduled": (lambda h: stands(h, HOT, scheduled=20), {"A1", "DOC", "A6"}),
    "two moves made one version": (lambda h: same_version(h, LAST, RACED), {"A8"}),
    "an answer named a version beyond": (lambda h: answer(h, LAST, version=50), {"A8"}),
    "a stranger was acknowledged": (lambda h: let_in(h, STRANGER), {"X7"}),
    "a used key was taken as new": (lambda h: accepted(h, Outcome.ACK), {"A5"}),
    "a forged token was believed": (lambda h: let_in(h, FORGED), {"TOKEN"}),
    "a refusal though there were enough units": (lambda h: outcome(h, NEVER_DONE, Outcome.REJECT, 409), {"A7"}),
    "more was used than was reserved": (beyond_reserved, {"A3", "A4"}),
    # What only movements would show.
    "an acknowledged move left nothing": (
        lambda h: (h.count(SPREAD, "consume", -3, -1), outcome(h, LAST, Outcome.UNKNOWN, 0)),
        set(),
    ),
}


@pytest.mark.parametrize(("edit", "expected"), WITHOUT_MOVEMENTS.values(), ids=list(WITHOUT_MOVEMENTS))
def test_without_movements_an_edit_violates_exactly_these_checks(edit: Edit, expected: set[str]) -> None:
    history = clean(lacking("movements"))
    edit(history)
    found = history.judge()

    assert violated(found) == expected
    assert not any(finding.crashed for finding in found.values())
    for id_ in expected:
        assert found[id_].first
        assert found[id_].sql.startswith(("SELECT * FROM authorizations WHERE ", "SELECT "))


def test_without_versions_in_answers_overbooking_is_found_at_the_moment_at_which_it_was_certain() -> None:
    history = History(lacking("answered versions"))
    for _ in range(5):
        history.act("reserve", HOT, force=True)
    for _ in range(5):
        history.act("release", HOT)
    found = history.judge()

    assert violated(found) == {"A1", "A1M"}
    assert "0 by all of them together, 0 in the order of their versions, 1 at some moment" in found["A1M"].detail


def test_a_plan_without_a_kind_has_no_check_of_it() -> None:
    whole = scenario()
    few = replace(whole, expected={kind: whole.expected[kind] for kind in ("reserve", "release", "consume")})
    without_movements = replace(few, database={**few.database, "movements": ""})

    assert "TOKEN" not in {check.id for check in checks_of(few)}
    assert "A5" in {check.id for check in checks_of(few)}
    assert "A5" not in {check.id for check in checks_of(without_movements)}
    history = History(few)
    history.act("reserve")
    assert history.judge()["A5"].state == CheckState.HOLDS
