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


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_what_is_added_at_a_time_is_one_file_of_which_each_part_reads_its_own(tmp_path: Path, scheme: str) -> None:
    store = Store(f"{scheme}{tmp_path}/parts", 300)
    store.make()
    part = np.arange(1000) % 100 * 3
    lines = np.zeros(1000, [("n", "<i8"), ("at", "<M8[us]"), ("flag", "?"), ("words", ">u8", (2,))])
    lines["n"] = np.arange(1000)
    for table in ("t", "t", "u.7"):
        store.spread(table, part, lambda some: {"": lines[some], "half": lines["n"][some] / 2})
    store.add("u.7", 5, {"": lines[:1]})

    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == [
        "t-0.bin",
        "t-1.bin",
        "u.7-0.bin",
        "u.7-1.bin",
    ]
    first, again = store.only(6).read("t", 6)
    assert (first[""] == lines[part == 6]).all()
    assert first["half"].tolist() == again["half"].tolist() == (lines["n"][part == 6] / 2).tolist()
    assert store.read("t", 7) == store.read("v", 6) == store.only(6).read("t", 9) == []
    assert [len(one[""]) for number in (4, 5, 6) for one in store.read("u.7", number)] == [1, 10]
    assert (store.tables(5), store.tables(7), store.only(6).tables(6)) == ({"u.7"}, set(), {"t", "u.7"})


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_file_that_was_cut_is_not_taken_for_a_whole_one(tmp_path: Path, scheme: str) -> None:
    store = Store(f"{scheme}{tmp_path}", 2)
    store.spread("t", np.array([0, 0, 1]), lambda lines: {"line": lines})
    with (tmp_path / "t-0.bin").open("r+b") as file:
        file.truncate(store.pieces["t"][0].bounds[-1] - 1)

    assert store.read("t", 0)[0]["line"].tolist() == [0, 1]
    with pytest.raises(RunError, match=r"t-0\.bin: was cut: expected 152 bytes\. Verify the run again"):
        store.read("t", 1)


def test_what_is_no_number_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected arrays of numbers"):
        Store(str(tmp_path), 2).add("t", 0, {"a": np.array(["text", None], object)})


def test_numbers_that_follow_each_other_are_spread_evenly() -> None:
    for step in (1, 2, 4, 1 << 40):
        counts = np.bincount(Store("", 8).part_of(np.arange(100_000) * step), minlength=8)

        assert counts.max() < 1.1 * counts.min()


def test_without_room_it_says_what_to_do(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "gone"), 2)

    with pytest.raises(RunError, match=r"gone: No such file .*: expected room .* set PERF_PARTITIONS_FOLDER"):
        store.add("t", 0, {"a": np.zeros(1)})
