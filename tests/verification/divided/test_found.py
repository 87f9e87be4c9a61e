"""Parts add up to the whole, however they are grouped."""

from collections.abc import Sequence
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from verification.checks import NO_PART, summed
from verification.found import Found, Part, Witness, added


def tell(part: Part) -> Found:
    return part.found(f"{part.witnesses} of {dict(part.sums)}, {part.named}")


def witness(place: int) -> Witness:
    return Witness((place,), {"place": place}, f"SELECT {place};", f"number {place}")


def one(line: tuple[int, bool, int]) -> Part:
    """What is found of one line: its place, whether it is wrong, and by how much."""
    place, wrong, by = line
    worst = Witness((-by, place), {"by": by}) if wrong else None
    return Part(
        tell,
        1,
        int(wrong),
        witness(place) if wrong else None,
        worst,
        {"by": by},
        {"by": by},
        {"by": frozenset([by])},
        {str(by): witness(place)} if wrong else {},
        frozenset([by] if wrong else []),
    )


LINES = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=20).map(
    lambda lines: [(place, wrong, by) for place, (wrong, by) in enumerate(lines)]
)


@given(LINES, st.randoms(use_true_random=False), st.integers(1, 5))
def test_the_sum_does_not_depend_on_order_or_grouping(
    lines: Sequence[tuple[int, bool, int]], draw: st.DataObject, count: int
) -> None:
    whole = added([one(line) for line in lines])
    shuffled = list(lines)
    draw.shuffle(shuffled)  # type: ignore[attr-defined]
    groups = [shuffled[first::count] for first in range(count)]
    apart = added([reduce(lambda left, right: added([left, right]), map(one, group)) for group in groups if group])

    assert apart == whole
    assert apart.told() == whole.told()


def test_the_first_and_the_worst_are_those_of_the_whole() -> None:
    found = added([one((7, True, 3)), one((2, False, 9)), one((4, True, 1)), one((5, True, 3))])

    # Three that only one part can find, and two that several may: by 1 and, in two parts, by 3.
    assert found.told() == Found(4, 5, "5 of {'by': 16}, number 4", {"place": 4}, {"by": 3}, "SELECT 4;")
    assert {name: one.order for name, one in found.each.items()} == {"1": (4,), "3": (5,)}
    assert found.worst == Witness((-3, 5), {"by": 3})
    assert (found.most, found.sets) == ({"by": 9}, {"by": frozenset({1, 3, 9})})


def test_without_a_witness_there_is_no_detail() -> None:
    assert added([one((1, False, 0))]).told() == Found(1)


def test_a_witness_that_can_not_be_shown_counts_all_the_same() -> None:
    assert Part(tell, 3, 2).told() == Found(3, 2, "2 of {}, ")


def test_what_is_found_of_a_part_as_if_it_were_all_is_no_sum() -> None:
    assert summed([Part(tell, 1), Found(1)]) == NO_PART
    assert summed([Part(tell, 1), "the check could not be run"]) == "the check could not be run"
