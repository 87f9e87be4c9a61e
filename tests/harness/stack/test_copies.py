"""No more databases of earlier runs are kept than the disk has room for."""

from collections import namedtuple
from pathlib import Path

import pytest

from harness.errors import StackError
from harness.stack import copies, stack
from harness.stack.copies import MOST, name_of, to_drop, to_wait
from harness.stack.postgres import Postgres

GB = 10**9
SHARE = 0.2
Usage = namedtuple("Usage", "total used free")


def run(hour: int, system: str = "messages") -> str:
    return name_of(system, f"20261120T{hour:02d}0000a1b2c3")


def test_the_latest_of_a_system_are_kept_the_current_one_included() -> None:
    sizes = {run(hour): GB for hour in range(8)}

    assert sorted(to_drop(sizes, "messages", GB, 1000 * GB, SHARE)) == [run(hour) for hour in range(8 - MOST + 1)]


def test_each_system_has_its_own() -> None:
    sizes = {run(hour, system): GB for hour in range(4) for system in ("messages", "authorizations")}

    assert to_drop(sizes, "messages", GB, 1000 * GB, SHARE) == []


def test_all_together_take_their_share_of_the_disk_at_most_and_the_oldest_go_first() -> None:
    sizes = {run(1): 14 * GB, run(2): 14 * GB, run(3, "authorizations"): 14 * GB}

    # Of 200 GB there is room for the new one and one more, of 232 GB for the new one and two more.
    assert to_drop(sizes, "messages", 14 * GB, 158 * GB, SHARE) == [run(2), run(1)]
    assert to_drop(sizes, "messages", 14 * GB, 190 * GB, SHARE) == [run(1)]


def test_a_large_one_that_does_not_fit_takes_no_small_one_along() -> None:
    sizes = {run(1): GB, run(2): 50 * GB, run(3): GB}

    assert to_drop(sizes, "messages", GB, 100 * GB, SHARE) == [run(2)]


@pytest.mark.parametrize(("free", "share"), [(0, SHARE), (1000 * GB, 0.0)])
def test_without_room_none_is_kept_but_the_one_to_come(free: int, share: float) -> None:
    assert to_drop({run(1): GB, run(2): GB}, "messages", 14 * GB, free, share) == [run(2), run(1)]


def test_one_that_is_too_many_may_wait_if_there_is_room_even_then() -> None:
    sizes = {run(hour): GB for hour in range(8)}
    gone = to_drop(sizes, "messages", GB, 1000 * GB, SHARE)
    assert len(gone) == 4

    # The four that stay, the latest of those that go, and the new one.
    assert to_wait(gone, sizes, GB, 22 * GB, SHARE) == [run(3)]
    assert to_wait(gone, sizes, GB, 21 * GB, SHARE) == []
    assert to_wait([], sizes, GB, 1000 * GB, SHARE) == []


def test_what_is_no_run_of_ours_is_neither_counted_nor_dropped() -> None:
    sizes = {"messages": 500 * GB, "postgres": GB, "messages_2026": GB, "test_0123456789ab": GB, run(1): GB}

    assert to_drop(sizes, "messages", GB, 20 * GB, SHARE) == []


def test_databases_are_dropped_before_the_next_is_made(cluster: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.create("pruned")
    for hour in (1, 2):
        cluster.create(run(hour, "pruned"), "pruned")
    size = cluster.sizes()["pruned"]
    disk = Usage(0, 0, 13 * size)
    monkeypatch.setattr(stack.shutil, "disk_usage", lambda _: disk)
    try:
        stack._prune(cluster, "pruned", SHARE)  # 3 of 15 sizes: room for the next one and two more

        assert {run(1, "pruned"), run(2, "pruned")} < set(cluster.databases())

        stack._prune(cluster, "pruned", 0.15)

        assert run(1, "pruned") not in cluster.databases()
        assert run(2, "pruned") in cluster.databases()
    finally:
        for name in ("pruned", run(1, "pruned"), run(2, "pruned")):
            cluster.drop(name)


def test_one_that_can_wait_is_dropped_while_its_run_is_verified(
    cluster: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MOST", 2)
    names = [run(hour, "late") for hour in range(3)]
    cluster.create("late")
    for name in names:
        cluster.create(name, "late")
    try:
        surplus = stack._prune(cluster, "late", SHARE)
        assert surplus == [names[1]]
        assert {name for name in cluster.databases() if name.startswith("late_")} == set(names[1:])

        with stack.Stack("", "", None, "", cluster, surplus=surplus).dropping_surplus():
            pass
        assert {name for name in cluster.databases() if name.startswith("late_")} == {names[2]}

        # One that can't be dropped, for it is what the session itself is connected to, is no matter of this run.
        with stack.Stack("", "", None, "", cluster, surplus=["postgres"]).dropping_surplus():
            pass
        assert "postgres" in cluster.databases()
    finally:
        for name in ("late", *names):
            cluster.drop(name)


def test_a_copy_that_the_disk_has_no_room_for_is_refused_before_it_is_begun(
    cluster: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.create("large")
    monkeypatch.setattr(stack.shutil, "disk_usage", lambda _: Usage(0, 0, 1))
    monkeypatch.setattr(copies, "clones", lambda _: False)
    try:
        with pytest.raises(StackError, match=r"0\.0 GB free, but a copy of the seeded database of large .*PERF_HOME"):
            stack._prune(cluster, "large", SHARE)
        monkeypatch.setattr(copies, "clones", lambda _: True)
        stack._prune(cluster, "large", SHARE)
    finally:
        cluster.drop("large")


def test_where_files_can_not_be_cloned_they_are_copied(cluster: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_methods", ("a_way_that_is_not_known", "copy"))
    cluster.create("copied")
    assert "copied" in cluster.databases()
    assert cluster._methods == ("copy",)

    with pytest.raises(StackError, match=r"can't make the database copied, a copy of template1: .*already exists"):
        cluster.create("copied")
    cluster.drop("copied")


def test_whether_a_folder_clones_is_found_without_leaving_anything(tmp_path: Path) -> None:
    assert copies.clones(tmp_path) in (True, False)
    assert list(tmp_path.iterdir()) == []
