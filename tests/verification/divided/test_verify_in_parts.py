"""The command of verification, in parts: the same integrity.json and effects.npy, and nothing is left beside them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from harness import check
from harness.errors import PlanError
from harness.project import environment
from harness.settings import Settings
from tests.support.divided import written
from tests.support.message_scene import ID, KEY, NO_INDEX, Scene, change, clean_scene, copy_of_1
from tests.support.target_process import eventually
from verification.__main__ import verify
from verification.divided.verifying import FOLDER


@pytest.fixture
def scene(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return clean_scene(database, tmp_path, monkeypatch)


DAMAGES = {
    "clean": "SELECT",
    "several": NO_INDEX
    + f"DELETE FROM message_logs WHERE idempotency_key = '{KEY[7]}';"
    + "".join(copy_of_1(f"'{key}'") + ";" for key in (KEY[1], KEY[4], f"{ID}-1", f"{ID}-{99:016x}", "somebody"))
    + change(0, "message_content = 'other', sent_at = NULL")
    + change(9, "created_at = created_at - interval '1 hour'"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_what_is_written_is_the_same_in_however_many_parts(
    scene: Scene, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.sql(damage)
    found = []
    for count in ("1", "2", "7"):
        monkeypatch.setenv("PERF_PARTITIONS", count)
        verify(scene.run, scene.url)
        found.append(written(scene.run))
    whole, *others = found

    assert others == [whole, whole]
    assert not (scene.run.folder / FOLDER).exists()
    states = {one["id"]: one["state"] for one in whole[0]["checks"]}
    assert set(states.values()) == {"HOLDS"} if damage == "SELECT" else states["X2"] == states["X4"] == "VIOLATED"


def test_parts_are_kept_where_they_are_asked_to_be_meanwhile(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "elsewhere"
    monkeypatch.setenv("PERF_PARTITIONS", "2")
    monkeypatch.setenv("PERF_PARTITIONS_FOLDER", str(place))
    scene.sql("DROP TABLE message_logs")
    found = verify(scene.run, scene.url)

    assert all(finding.crashed for finding in found)
    assert scene.run.read(check.FILE)["outcomes"]["process"] == {"ACK": 2, "UNKNOWN": 2}
    assert list(place.iterdir()) == []


@contextmanager
def judging(scene: Scene) -> Iterator[tuple[subprocess.Popen[bytes], list[psutil.Process]]]:
    """The command of verification, and its processes, of which one has judged something and waits for more."""
    asked = environment(DATABASE_URL=scene.url, PERF_PARTITIONS="50")
    command = [sys.executable, "-m", "verification", str(scene.run.folder)]
    with subprocess.Popen(command, env=asked, stdout=subprocess.DEVNULL) as process:
        eventually(lambda: any((scene.run.folder / FOLDER).glob("effects.*")), process)
        begun = [one for one in psutil.Process(process.pid).children() if "spawn_main" in " ".join(one.cmdline())]
        assert begun
        yield process, begun


def test_processes_end_with_the_verification_that_is_killed(scene: Scene) -> None:
    with judging(scene) as (process, begun):
        process.kill()

    eventually(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in begun))


def test_what_a_process_that_died_left_undone_is_done_all_the_same(scene: Scene) -> None:
    verify(scene.run, scene.url)
    whole = written(scene.run)
    with judging(scene) as (process, begun):
        begun[0].kill()
        assert process.wait() == 0

    assert written(scene.run) == whole


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PERF_PARTITIONS", "0", "expected in how many parts a run is verified, 1 or more"),
        ("PERF_DASK", "localhost", "expected the address of a scheduler of Dask: tcp://HOST:8786"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(PlanError, match=f"{name}='{value}': {said}"):
        Settings()
