"""The quota of a control group and how often it stopped the run, in both versions and at every level."""

from pathlib import Path

import pytest

from harness.monitor.cgroup import Cgroup


def limited(folder: Path, quota: str, periods: int, throttled: int) -> None:
    (folder / "cpu.max").write_text(f"{quota} 100000\n")
    (folder / "cpu.stat").write_text(f"usage_usec 1\nnr_periods {periods}\nnr_throttled {throttled}\n")


def test_the_least_quota_and_the_most_stops_of_all_levels_count(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "own").write_text("0::/a/b\n")
    limited(tmp_path / "a" / "b", "200000", 10, 0)
    limited(tmp_path / "a", "150000", 10, 2)
    limited(tmp_path, "max", 0, 0)
    cgroup = Cgroup(tmp_path, tmp_path / "own")

    first = cgroup.sample()
    limited(tmp_path / "a" / "b", "200000", 20, 1)
    limited(tmp_path / "a", "150000", 20, 7)

    assert first == {"cgroup.quota": 1.5}
    assert cgroup.sample() == {"cgroup.quota": 1.5, "cgroup.throttled": 0.5}


def test_the_first_version_has_them_in_other_files(tmp_path: Path) -> None:
    folder = tmp_path / "cpu,cpuacct" / "docker" / "abc"
    folder.mkdir(parents=True)
    (tmp_path / "own").write_text("5:cpuset:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n")
    (folder / "cpu.cfs_quota_us").write_text("50000\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    (folder / "cpu.stat").write_text("nr_periods 1\nnr_throttled 0\nthrottled_time 0\n")
    cgroup = Cgroup(tmp_path, tmp_path / "own")

    assert cgroup.sample() == {"cgroup.quota": 0.5}


@pytest.mark.parametrize("own", ["0::/a/b\n", "0::/elsewhere\n", "", "nonsense: \n0::/x\n"])
def test_without_a_quota_there_is_nothing(tmp_path: Path, own: str) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "own").write_text(own)
    (tmp_path / "a" / "b" / "cpu.max").write_text("max 100000\n")

    assert Cgroup(tmp_path, tmp_path / "own").sample() == {}
    assert Cgroup(tmp_path, tmp_path / "missing").sample() == {}


@pytest.mark.parametrize("text", ["", "1", "x y", "100000 0"])
def test_a_quota_that_can_not_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "own").write_text("0::/\n")
    (tmp_path / "cpu.max").write_text(text)

    assert Cgroup(tmp_path, tmp_path / "own").sample() == {}
