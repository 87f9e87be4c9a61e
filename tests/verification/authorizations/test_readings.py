"""Subjects, answers and ids are read as the facts made them, and nothing else is taken for them."""

import re
import uuid

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from systems import authorizations as facts
from systems import ids
from systems.authorizations import MOVES
from tests.support.authorization_edits import state
from verification import binary
from verification.authorizations.moves import about


# Numbers, as they are read.
@given(st.integers(0, 2**24 - 1), st.integers(0, 2**8 - 1), st.integers(0, 2**16 - 1), st.sampled_from(list(MOVES)))
def test_a_subject_is_read_as_the_facts_made_it(number: int, who: int, units: int, move: str) -> None:
    found = about(np.array([facts.subject(number, who, units, move)]))

    assert {name: value.tolist() for name, value in found.items()} == {
        "authorization": [number],
        "practitioner": [who],
        "units": [units],
        "move": [MOVES.index(move)],
    }


@given(st.integers(0, 2**20 - 1), st.integers(0, 2**20 - 1), st.integers(0, 2**21 - 1), st.booleans(), st.booleans())
def test_an_answer_is_read_as_the_facts_made_it(
    used: int, scheduled: int, version: int, unbalanced: bool, another: bool
) -> None:
    said_of_it = {"used": used, "scheduled": scheduled, "version": version}

    assert state(facts.state(used, scheduled, version, unbalanced, another)) == {
        **said_of_it,
        "unbalanced": unbalanced,
        "another": another,
    }


@given(st.lists(st.one_of(st.integers(1, 10**12 - 1).map(ids.uuid_of), st.uuids().map(str))))
def test_a_uuid_has_a_number_only_if_the_facts_made_it_of_one(uuids: list[str]) -> None:
    words = np.frombuffer(b"".join(uuid.UUID(one).bytes for one in uuids), ">u8").reshape(-1, 2)

    for one, number in zip(uuids, binary.numbers(words).tolist(), strict=True):
        made = re.fullmatch(f"{ids.UUID_PREFIX}([0-9]{{12}})", one)
        assert number == (int(made[1]) if made else binary.NONE)


@given(st.integers(0, 2**48 - 1))
def test_a_uuid_that_only_begins_as_ours_has_none(low: int) -> None:
    one = f"{ids.UUID_PREFIX}{low:012x}"
    words = np.frombuffer(uuid.UUID(one).bytes, ">u8").reshape(-1, 2)

    assert binary.numbers(words)[0] == (int(one[-12:]) if one[-12:].isdecimal() else binary.NONE)


@given(st.lists(st.one_of(st.binary(min_size=16, max_size=16), st.integers(0, 2**64 - 1).map(lambda n: b"%016x" % n))))
def test_characters_are_an_operation_only_if_they_are_just_as_the_facts_make_them(suffixes: list[bytes]) -> None:
    words = np.frombuffer(b"".join(suffixes), ">u8").reshape(-1, 2)

    for suffix, op in zip(suffixes, binary.operations(words).tolist(), strict=True):
        assert op == (int(suffix, 16) if re.fullmatch(b"[0-7][0-9a-f]{15}", suffix) else binary.NONE)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 15), st.sampled_from(b"/:@G`g\0\x80\xff "))
def test_one_character_that_is_no_digit_makes_it_none(digits: bytes, place: int, other: int) -> None:
    suffix = bytearray(b"%016x" % (int.from_bytes(digits, "big") >> 65))
    suffix[place] = other

    assert binary.operations(np.frombuffer(bytes(suffix), ">u8").reshape(-1, 2)).tolist() == [binary.NONE]
