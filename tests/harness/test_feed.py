"""A feed gives each row once, over all processes, in its order; a file that is none is refused with the line."""

import json
import threading
from collections import Counter
from pathlib import Path

import pytest

from harness.errors import FeedError
from harness.feed import LEASE, RANDOM, SEQUENTIAL, UNIQUE, Feed, Lease, Row, Rows

CSV = b'name,mail\nAda,a@x\n"Bo, the 2nd","b\n""@""x"\n\nZo\xc3\xab,  \n'


def file(folder: Path, content: bytes, name: str = "users.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def many(folder: Path, count: int) -> Path:
    return file(folder, b"n\n" + b"".join(b"%d\n" % n for n in range(1, count + 1)))


def drawn(feed: Feed) -> list[int]:
    found = []
    while (row := feed.draw()) is not None:
        assert row["n"] == str(row.number)
        found.append(row.number)
    return found


@pytest.mark.parametrize("change", [lambda text: text, lambda text: b"\xef\xbb\xbf" + text, lambda text: text.rstrip()])
def test_a_csv_is_read_row_by_row_also_with_breaks_in_quotes(tmp_path: Path, change: object) -> None:
    content = change(CSV)  # type: ignore[operator]
    rows = Rows(file(tmp_path, content))

    assert rows.columns == ("name", "mail")
    assert [dict(rows.row(number)) for number in range(1, len(rows) + 1)] == [
        {"name": "Ada", "mail": "a@x"},
        {"name": "Bo, the 2nd", "mail": 'b\n"@"x'},
        {"name": "Zoë", "mail": "  " if content.endswith(b"\n") else ""},
    ]
    assert rows.row(3).number == 3


def test_lines_may_end_as_on_windows(tmp_path: Path) -> None:
    rows = Rows(file(tmp_path, CSV.replace(b"\n", b"\r\n")))
    assert rows.row(2) == {"name": "Bo, the 2nd", "mail": 'b\r\n"@"x'}
    assert rows.row(3)["mail"] == "  "


def test_a_jsonl_has_what_json_has(tmp_path: Path) -> None:
    lines = [{"id": 1, "tags": ["a", None]}, {"id": "zwei", "more": {"x": 1.5}}]
    rows = Rows(file(tmp_path, "\n\n".join(map(json.dumps, lines)).encode(), "events.jsonl"))

    assert [rows.row(1), rows.row(2)] == lines
    assert type(rows.row(1)) is Row


BAD = {
    "fields missing": (b"a,b\n1,2\n1\n", "users.csv:3: 1 fields, expected 2 (a, b)"),
    "a field too many, after a break": (b'a,b\n"x\ny",2\n1,2,3\n', "users.csv:4: 3 fields, expected 2"),
    "a quote that is never closed": (b'a,b\n1,2\n"1,2\n3,4\n', "users.csv:3: a quote is never closed"),
    "text after a quote": (b'a,b\n"1"x,2\n', "users.csv:2: ',' expected after '\"'"),
    "not UTF-8": (b"a\n\xff\n", "users.csv:2: not UTF-8 (byte 1 of the line)"),
    "no name": (b"a,,c\n", "users.csv:1: column 2 has no name"),
    "a name twice": (b"a,b,a\n", "users.csv:1: two columns are called 'a'"),
    "no rows": (b"a,b\n\n", "users.csv: no rows: expected at least one below the names of columns"),
    "nothing": (b"", "users.csv: no rows"),
}
BAD_JSON = {
    "no JSON": (b'{"a": 1}\n{"a":\n', "events.jsonl:2: "),
    "no object": (b'{"a": 1}\n[1]\n', "events.jsonl:2: list: expected an object"),
    "no number": (b'{"a": NaN}\n', "events.jsonl:1: NaN: expected a number"),
    "too deep": (b"[" * 100_000 + b"\n", "events.jsonl:1: nested too deeply"),
    "nothing": (b"\n", "events.jsonl: no rows: expected at least one"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_csv_is_named_with_its_line(tmp_path: Path, case: str) -> None:
    content, said = BAD[case]
    with pytest.raises(FeedError) as refused:
        Rows(file(tmp_path, content))
    assert said in str(refused.value)


@pytest.mark.parametrize("case", BAD_JSON)
def test_a_bad_jsonl_is_named_with_its_line(tmp_path: Path, case: str) -> None:
    content, said = BAD_JSON[case]
    with pytest.raises(FeedError) as refused:
        Rows(file(tmp_path, content, "events.jsonl"))
    assert said in str(refused.value)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"none\.csv: No such file or directory: expected a feed"):
        Rows(tmp_path / "none.csv")
    with pytest.raises(FeedError, match=r"expected a file that ends in \.csv or \.jsonl"):
        Rows(file(tmp_path, CSV, "users.xlsx"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FeedError, match=r"folder\.csv: Is a directory"):
        Rows(tmp_path / "folder.csv")


def test_a_row_that_is_another_one_by_now_is_an_error(tmp_path: Path) -> None:
    path = many(tmp_path, 9)
    rows = Rows(path)
    path.write_bytes(b'"\n' * 9)
    with pytest.raises(FeedError, match=r"users\.csv: row 1: .*: the file was changed meanwhile"):
        rows.row(1)
    with pytest.raises(IndexError, match="expected 1 to 9"):
        rows.row(10)


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_a_sequence_and_a_draw_without_return_give_each_row_once_and_then_none(tmp_path: Path, count: int) -> None:
    path = many(tmp_path, count)
    found = [drawn(Feed(Rows(path), order, Lease(None, 1), "1/0")) for order in (SEQUENTIAL, UNIQUE)]

    assert found[0] == list(range(1, count + 1))
    assert sorted(found[1]) == found[0]
    assert count < 7 or found[1] != found[0]
    assert drawn(Feed(Rows(path), UNIQUE, Lease(None, 1), "1/0")) == found[1]


def test_by_chance_rows_come_again_and_each_process_has_its_own(tmp_path: Path) -> None:
    path = many(tmp_path, 20)
    draws = []
    for seed in ("1/0", "1/1", "1/0"):
        feed = Feed(Rows(path), RANDOM, Lease(None, 2), seed)
        draws.append([row.number for row in (feed.draw() for _ in range(400)) if row])

    assert set(draws[0]) == set(range(1, 21))
    assert draws[0] == draws[2] != draws[1]


@pytest.mark.parametrize("order", [SEQUENTIAL, UNIQUE])
def test_no_two_processes_share_a_row_and_none_is_left_over(tmp_path: Path, order: str) -> None:
    count, processes = 5000, 4
    path, lease = many(tmp_path, count), tmp_path / LEASE.format("feed")
    found: list[list[int]] = [[] for _ in range(processes)]

    # Each has a file of its own, as processes have: the lock is of that, not of a thread.
    feeds = [Feed(Rows(path), order, Lease(lease, processes), f"1/{worker}") for worker in range(processes)]
    threads = [
        threading.Thread(target=lambda worker=worker: found[worker].extend(drawn(feeds[worker])))
        for worker in range(processes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter(number for each in found for number in each) == Counter(range(1, count + 1))


def test_of_little_no_process_takes_all(tmp_path: Path) -> None:
    lease = tmp_path / "counter"
    leases = [Lease(lease, 4) for _ in range(4)]
    assert [len(one.take(64)) for one in leases] == [1, 1, 1, 1]
    assert len(Lease(tmp_path / "other", 4).take(10**6)) == 1000
    with pytest.raises(FeedError, match="expected leave to write it"):
        Lease(tmp_path / "none" / "counter", 4)


def test_rows_that_were_checked_are_not_read_again_before_they_are_drawn(tmp_path: Path) -> None:
    path = file(tmp_path, b"a,b\n1,2\n3\n")
    rows = Rows(path, check=False)
    assert (len(rows), rows.row(1)) == (2, {"a": "1", "b": "2"})
    with pytest.raises(FeedError, match=r"row 2: 1 fields, expected 2"):
        rows.row(2)
