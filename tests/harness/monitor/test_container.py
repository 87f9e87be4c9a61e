"""What a target in a container uses is told by its control group, in both versions; what it does not tell is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.monitor import cgroup, container
from harness.monitor.container import Container


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def second(tmp_path: Path, root: Path) -> None:
    write(root, cpu__stat="usage_usec 1000000\nuser_usec 1\n")
    write(root, memory__current="5000000\n", memory__stat="anon 1\ninactive_file 1000000\n", memory__max="8000000\n")


def first(tmp_path: Path, root: Path) -> None:
    write(tmp_path / "cpuacct" / "docker" / "abc", cpuacct__usage="1000000000\n")
    memory = tmp_path / "memory" / "docker" / "abc"
    write(memory, memory__usage_in_bytes="5000000\n", memory__stat="rss 1\ntotal_inactive_file 1000000\n")
    write(memory, memory__limit_in_bytes="8000000\n")


def test_both_versions_tell_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version, (make, path, more) in enumerate(
        (
            (second, "docker/abc/cpu.stat", "usage_usec 2000000\n"),
            (first, "cpuacct/docker/abc/cpuacct.usage", "2000000000\n"),
        )
    ):
        root = tmp_path / str(version)
        make(root, root / "docker" / "abc")
        clock = iter((10.0, 12.0))
        monkeypatch.setattr(container.time, "monotonic", lambda clock=clock: next(clock))
        group = Container("/docker/abc", root)
        memory = {"target.rss": 4e6, "target.limit": 8e6}

        assert group.there
        assert group.sample() == memory
        (root / path).write_text(more)
        assert group.sample() == {"target.cpu": 0.5, **memory}


def test_without_a_limit_there_is_none(tmp_path: Path) -> None:
    second(tmp_path, tmp_path / "a")
    write(tmp_path / "a", memory__max="max\n")
    assert "target.limit" not in Container("a", tmp_path).sample()

    first(tmp_path, tmp_path)
    write(tmp_path / "memory" / "docker" / "abc", memory__limit_in_bytes="9223372036854771712\n")
    assert "target.limit" not in Container("docker/abc", tmp_path).sample()


def test_a_group_that_is_gone_or_none_tells_nothing(tmp_path: Path) -> None:
    second(tmp_path, tmp_path / "a")
    group = Container("a", tmp_path)
    for path in (tmp_path / "a").iterdir():
        path.unlink()

    assert group.sample() == {}
    assert not Container("b", tmp_path).there
    assert Container("b", tmp_path).sample() == {}


@pytest.mark.skipif(not os.access(cgroup.ROOT / "memory", os.W_OK), reason="needs control groups that may be made")
def test_a_process_in_a_real_group_is_seen() -> None:
    name = f"proofload-test-{os.getpid()}"
    folders = [cgroup.ROOT / controller / name for controller in ("cpuacct", "memory")]
    code = "import sys; held = bytearray(60_000_000); print(flush=True); sys.stdin.read()"
    for folder in folders:
        folder.mkdir()
    try:
        with subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=lambda: join(folders),
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            group = Container(name)
            group.sample()
            assert 60e6 < group.sample()["target.rss"] < 200e6
            assert group.sample()["target.cpu"] >= 0
            process.communicate()
    finally:
        for folder in folders:
            folder.rmdir()


def join(folders: list[Path]) -> None:
    for folder in folders:
        (folder / "cgroup.procs").write_text(str(os.getpid()))
