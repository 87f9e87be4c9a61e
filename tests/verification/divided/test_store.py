"""What is kept in parts is given back as it was."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RunError
from verification.divided.columns import packed, unpacked
from verification.divided.store import Store

TEXTS = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)
LINES = st.lists(st.tuples(TEXTS, TEXTS, st.integers(-(2**63), 2**63 - 1), st.none() | st.datetimes()), max_size=6)


@given(st.lists(LINES, min_size=1, max_size=4))
def test_a_table_in_pieces_is_put_together_again(pieces: list[list[tuple[object, ...]]]) -> None:
    tables = [
        pd.DataFrame(lines, columns=["a", "b b", "n", "at"]).astype(
            {"a": "str", "b b": "str", "n": "int64", "at": "datetime64[us]"}
        )
        for lines in pieces
    ]

    pd.testing.assert_frame_equal(unpacked([packed(one) for one in tables]), pd.concat(tables, ignore_index=True))


def test_a_column_of_nothing_stays_one() -> None:
    table = pd.DataFrame({"stray": pd.Series([None, None], dtype="str")})

    assert unpacked([packed(table)])["stray"].isna().all()


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_lines_are_in_the_part_of_their_key_in_their_order(tmp_path: Path, scheme: str) -> None:
    store = Store(f"{scheme}{tmp_path}/parts", 4)
    store.make()
    keys = np.array([9, 1, 5, 1, -1, 9, 1])
    for first in (0, 4):
        some = np.arange(first, min(first + 4, len(keys)))
        store.divide("t", keys[some], lambda lines, some=some: {"place": some[lines]})  # type: ignore[misc]
    parts = [np.concatenate([np.zeros(0, int), *(one["place"] for one in store.read("t", n))]) for n in range(4)]

    assert sorted(np.concatenate(parts).tolist()) == list(range(len(keys)))
    for part in parts:
        assert part.tolist() == sorted(part.tolist())
    for key in set(keys.tolist()):
        places = set(np.flatnonzero(keys == key).tolist())
        assert sum(places <= set(part.tolist()) for part in parts) == 1
    store.remove()
    assert not (tmp_path / "parts").exists()


def test_numbers_that_follow_each_other_are_spread_evenly() -> None:
    for step in (1, 2, 4, 1 << 40):
        counts = np.bincount(Store("", 8).part_of(np.arange(100_000) * step), minlength=8)

        assert counts.max() < 1.1 * counts.min()


def test_without_room_it_says_what_to_do(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "gone"), 2)

    with pytest.raises(RunError, match=r"gone: No such file .*: expected room .* set PERF_PARTITIONS_FOLDER"):
        store.add("t", 0, {"a": np.zeros(1)})
