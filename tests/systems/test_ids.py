"""Every id has an inverse, and whatever is no id of ours has none."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from systems import ids
from verification.rows import operations

RUN = ids.run_of(datetime(2026, 11, 20, 23, 55, 1, tzinfo=UTC), "a1b2c3")
OPERATIONS, ITEMS = st.integers(0, 2**63 - 1), st.integers(0, ids.MOST_ITEMS - 1)


def test_a_run_knows_when_it_was_born() -> None:
    assert RUN == "20261120T235501a1b2c3"
    assert ids.born(RUN) == datetime(2026, 11, 20, 23, 55, 1, tzinfo=UTC)


@given(OPERATIONS, ITEMS)
def test_a_key_names_its_operation_and_item(op: int, item: int) -> None:
    assert ids.parse(RUN, ids.key(RUN, op)) == (op, 0)
    assert ids.parse(RUN, ids.item_key(RUN, op, item)) == (op, item)
    assert ids.parse("20261120T235501ffffff", ids.key(RUN, op)) is None
    for key in (ids.key(RUN, op), ids.item_key(RUN, op, item)):
        assert re.fullmatch(ids.KEY_SQL.removeprefix("~ ").strip("'"), key)


KEYS = st.one_of(
    OPERATIONS.map(lambda op: ids.key(RUN, op)),
    st.tuples(OPERATIONS, ITEMS).map(lambda both: ids.item_key(RUN, *both)),
)


@st.composite
def nearly(draw: st.DrawFn) -> str:
    """A key, of which a character may be another, missing or too many."""
    key = draw(KEYS)
    place, new = draw(st.integers(len(RUN) + 1, len(key))), draw(st.text(max_size=1))
    return key[:place] + new + key[place + draw(st.integers(0, 1)) :]


@given(st.lists(st.one_of(KEYS, nearly(), st.text(max_size=25).map(lambda text: f"{RUN}-{text}"))))
def test_a_million_keys_are_parsed_as_one_is(keys: list[str]) -> None:
    ops, items = operations([key[len(RUN) + 1 :] for key in keys])

    assert list(zip(ops.tolist(), items.tolist(), strict=True)) == [ids.parse(RUN, key) or (-1, 0) for key in keys]


@given(st.uuids())
def test_a_uuid_is_the_same_in_every_spelling(uuid: UUID) -> None:
    for one in (str(uuid), uuid.hex):
        for said in (one, one.upper(), f"{{{one}}}", f"urn:uuid:{one}"):
            assert ids.canonical(said) == str(uuid)
            assert ids.digest(said) == ids.digest(str(uuid))


@given(st.one_of(st.text(max_size=40), st.from_regex(r"[A-Za-z0-9]{8}-[A-Za-z0-9-]{27}", fullmatch=True)))
@example("DEADBEEF")
def test_what_is_no_uuid_is_not_changed(text: str) -> None:
    try:
        expected = str(UUID(text))
    except ValueError:
        expected = text

    assert ids.canonical(text) in (expected, text.lower() if text == text.lower() else text)


def test_a_whole_number_is_an_id_and_nothing_else_but_text_is() -> None:
    assert ids.digest(17) == ids.digest("17") != ids.digest("017")
    for said in (None, True, 1.0, [], {}):
        with pytest.raises(TypeError, match="is no id"):
            ids.digest(said)
