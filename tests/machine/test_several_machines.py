"""Several machines for real: network namespaces, clocks of their own, and everything that can happen to them.

Nothing of it may make a VIOLATED that is not true, nothing loads on without supervision, and nothing stays behind.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from harness import journal, journaled, search
from harness.journal import HEADER_BYTES, RECORD
from harness.machines import clocks
from harness.machines.clocks import Clock
from harness.plan import arrivals, reading
from tests.support.database_for_all import reachable
from tests.support.namespace_scene import SHORT, Scene
from tests.support.namespaces import namespaces, unfit
from tests.support.pipeline_process import Result
from tests.support.several_machines import KEY, said
from tests.support.target_process import eventually

WHY = unfit()
pytestmark = [pytest.mark.machine, pytest.mark.skipif(bool(WHY), reason=WHY)]

PLAN = """
system = "messages"
title = "Messages from several machines"
[scenario.several]
purpose = "a load that lasts long enough for something to happen"
users = { MessageSender = 1 }
max_users = 60
service.deliver = { processes = 1 }
drain = "8s"
timeout = "8s"
arrivals.smoke = [{ rate = 40, for = "5s" }]
arrivals.long = [{ rate = 40, for = "14s" }]
arrivals.endless = [{ rate = 40, for = "10m" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }
rules = [{ rule = "p95(response_time) < 30s", severity = "info" }, "ratio(errors) < 1%"]
"""
MIXED = """
system = "authorizations"
title = "Authorizations from several machines"
[scenario.several]
purpose = "users of two machines who share authorizations"
users = { Clinic = 1 }
drain = "8s"
timeout = "8s"
think = "100ms"
stages.smoke = [{ users = 40, requests = 600 }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }
rules = ["p95(response_time) < 30s", "ratio(errors) < 50%"]
"""
SEARCH = """
system = "messages"
title = "A search from several machines"
[scenario.several]
purpose = "as much as two machines are asked to offer"
users = { MessageSender = 1 }
max_users = 60
service.deliver = { processes = 1 }
drain = "8s"
timeout = "8s"
search = { from = 30, to = 60, for = "2s" }
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%"]
"""
EVENTS = """
system = "event_store"
title = "Events from several machines"
[pool]
events = 100_000
[scenario.several]
purpose = "appends and processors of two machines, in a database that both reach"
users = { Client = 1 }
max_users = 24
drain = "8s"
timeout = "8s"
arrivals.smoke = [{ rate = 60, for = "6s" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }
rules = ["p95(response_time) < 30s", "ratio(errors) < 50%"]
"""
APART = (1_000, 300)
"""By how many seconds the clocks of the two workers are ahead."""
SKEWED, DRIFTING = "2 0", "0 400"
"""The wall clock 2 s ahead; and the other one as fast as one that is being corrected."""


@pytest.fixture
def plan() -> str:
    return PLAN


@pytest.fixture
def scene(home: Path, tmp_path: Path, plan: str) -> Iterator[Scene]:
    with namespaces(*APART) as network:
        found = Scene(network, home, tmp_path, plan)
        try:
            yield found
        finally:
            found.machines.end()
        # Whatever happened, nothing of ours is left in any of them.
        names = [f"{network.name}{one}" for one in ("m", "1", "2")]
        left = [
            pid
            for name in names
            for pid in subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()
        ]
        assert not psutil.wait_procs([psutil.Process(int(pid)) for pid in left if psutil.pid_exists(int(pid))], 20)[1]


def load_processes(worker: subprocess.Popen[str]) -> list[psutil.Process]:
    """Those of a worker."""
    return [one for one in psutil.Process(worker.pid).children(recursive=True) if "harness.load" in one.cmdline()]


def drift(clock: Clock) -> tuple[float, float]:
    """How fast the master's clock goes ahead, by the quickest trips of both halves of a load; to within how much."""
    trips = sorted(clock.trips, key=lambda trip: trip.at)
    middle = (trips[0].at + trips[-1].at) // 2
    first, last = (
        min(half, key=lambda trip: trip.doubt)
        for half in ([one for one in trips if one.at <= middle], [one for one in trips if one.at > middle])
    )
    seconds = last.at - first.at
    return (last.shift - first.shift) / seconds, (first.doubt + last.doubt) / seconds + 20e-6


def no_false_accusation(result: Result) -> None:
    """Whatever is INVALID, nothing is VIOLATED."""
    assert result.checks("VIOLATED") == set(), result.out
    assert result.code == 3, result.out + result.err


def test_two_machines_with_clocks_of_their_own_are_go_and_who_comes_late_is_refused(scene: Scene) -> None:
    scene.master(4)
    workers = [scene.worker(1, 2), scene.worker(2, 2)]
    folder = scene.loading(10)
    started = [scene.running, *workers]
    below = [one for each in started for one in (psutil.Process(each.pid), *psutil.Process(each.pid).children(True))]
    lines = [" ".join(one.cmdline()) for one in below if one.is_running()]
    assert len(lines) > 8
    assert not [line for line in lines if KEY in line]
    late, stranger = scene.worker(1), scene.worker(2, PERF_JOIN_KEY="ef" * 32)
    assert "the load has begun: expected all machines to join before it" in said(late)
    assert "does not know our key" in said(stranger)
    result = scene.finish()
    journals = journaled.read_all(folder, 4)
    planned = arrivals.times(reading.find("several", "smoke", folder.parent.parent / "plan.toml").stages)
    begun = sum(int((each.records["flags"] & journal.PARTNER == 0).sum()) for each in journals)

    assert result.code == 0, result.out + result.err
    assert (late.returncode, stranger.returncode) == (2, 2)
    assert journals.lost == ()
    assert begun == len(planned)
    shifts = {each.header["machine"]: round(each.shift / 1e9) for each in journals}
    assert sorted(shifts.values()) == sorted(-ahead for ahead in APART)
    assert all(each.doubt < 1_000_000_000 for each in journals)
    assert [said(one).splitlines()[-1] for one in workers] == ["the load is over, and all of it has arrived"] * 2


@pytest.mark.parametrize("plan", [MIXED])
def test_stale_reads_are_caught_across_machines(scene: Scene) -> None:
    scene.master(2, "--fault", "stale_reads")
    scene.worker(1, clock=SKEWED)
    scene.worker(2, clock=DRIFTING)
    result = scene.finish()

    assert result.code == 1, result.out + result.err
    assert result.checks("VIOLATED") == {"A8"}


@pytest.mark.parametrize("plan", [MIXED])
def test_a_slow_link_lost_packets_and_clocks_that_go_apart_accuse_a_clean_target_of_nothing(scene: Scene) -> None:
    scene.network.slow(1, "8mbit")
    scene.network.lose(2, 0.01)
    scene.master(2)
    scene.worker(1, clock=SKEWED)
    worker = scene.worker(2, clock=DRIFTING)
    result = scene.finish()
    known = [drift(one) for path in result.folder.glob(clocks.PATTERN) if (one := clocks.read(path))]

    assert result.code == 0, result.out + result.err
    # Whichever joined first: as its clock has it, the master's falls behind that of the machine that drifts.
    assert any(abs(found + 400e-6) < doubt for found, doubt in known)
    assert any(abs(found) < doubt for found, doubt in known)
    assert "all of it has arrived" in said(worker)


@pytest.mark.parametrize("plan", [MIXED.replace("requests = 600", "requests = 1500")])
def test_a_clock_that_is_set_makes_it_invalid_and_accuses_nobody(scene: Scene) -> None:
    scene.master(2)
    stepped = scene.folder / "stepped"
    scene.worker(1)
    scene.worker(2, clock=f"0 0 {stepped}")
    scene.loading(100)
    stepped.touch()
    result = scene.finish()

    no_false_accusation(result)
    (found,) = (one for one in result.json("verdict.json")["validity"] if one["id"] == "CLOCKS")
    assert found["state"] == "broken"
    assert "was set by " in found["value"]


@pytest.mark.parametrize("plan", [SEARCH])
def test_a_search_is_followed_by_machines_elsewhere(scene: Scene) -> None:
    scene.master(2, PERF_BY_MACHINE="1")
    workers = [scene.worker(1), scene.worker(2)]
    result = scene.finish()
    record = search.read(result.folder)

    assert record is not None
    assert record.ended, result.out + result.err
    assert [step.load for step in record.steps] == [30, 60]
    assert result.code == 0, result.out + result.err
    assert result.checks("VIOLATED") == set()
    assert ["all of it has arrived" in said(one) for one in workers] == [True, True]
    assert {"machine 1", "machine 2"} <= {line.strip().split(",")[0] for line in result.err.splitlines()}


@pytest.mark.parametrize("plan", [EVENTS])
def test_an_engine_that_machines_call_in_a_database_that_all_reach_is_go(scene: Scene, tmp_path: Path) -> None:
    with reachable(tmp_path, scene.network) as url:
        allowed = {"PERF_ALLOW_DATABASES": f"{scene.network.host}/events"}
        scene.master(2, DATABASE_URL=url, **allowed)
        scene.worker(1, **allowed)
        scene.worker(2, **allowed)
        result = scene.finish()

    assert result.code == 0, result.out + result.err
    assert {"X1", "X2", "VERSION", "DELIVERED", "ONCE", "ORDER", "LOADED"} <= result.checks("HOLDS")
    assert [(result.folder / f"received-{share}.bin").stat().st_size > 0 for share in (0, 1)] == [True, True]


def test_a_third_of_the_packets_lost_makes_nothing_false(scene: Scene) -> None:
    scene.network.lose(2, 0.3, scene.machines.port, scene.machines.port + 1)
    scene.master(2, PERF_SILENCE="30s", PERF_COLLECT="60s")
    scene.worker(1, PERF_SILENCE="30s")
    scene.worker(2, PERF_SILENCE="30s")
    result = scene.finish()

    assert result.code in (0, 2, 3), result.out + result.err
    if result.code == 2:  # so many were lost that a machine was not ready in time
        assert not list(result.folder.glob("journal-*.bin"))
    else:
        assert result.checks("VIOLATED") == set()


def test_a_partition_that_heals_and_a_file_that_was_altered_here_cost_nothing(scene: Scene) -> None:
    scene.master(2, "--profile", "long", PERF_SILENCE="30s")
    workers = [scene.worker(1, PERF_SILENCE="30s"), scene.worker(2, PERF_SILENCE="30s")]
    folder = scene.loading(30)
    with (folder / "journal-1.bin").open("r+b") as file:
        file.seek(HEADER_BYTES + 10 * RECORD.itemsize)
        file.write(b"\xff" * 20 * RECORD.itemsize)
    scene.network.cut(1, scene.machines.port, scene.machines.port + 1)
    # As long as Locust's master takes to miss a worker, and more.
    log = folder / "load.log"
    eventually(lambda: "missing" in log.read_text(), scene.running)  # type: ignore[arg-type]
    scene.network.heal(1, scene.machines.port, scene.machines.port + 1)
    result = scene.finish()

    assert result.code == 0, result.out + result.err
    assert journaled.read_all(result.folder, 2).lost == ()
    assert max(one["silent_seconds"] for one in result.json("run.json")["machines"]) > 3
    assert ["all of it has arrived" in said(one) for one in workers] == [True, True]


def test_a_partition_for_good_is_invalid_and_accuses_nobody(scene: Scene) -> None:
    scene.master(2, "--profile", "endless", **SHORT)
    workers = [scene.worker(1), scene.worker(2)]
    scene.loading(20)
    of_lost = load_processes(workers[0])
    scene.network.cut(1)
    result = scene.finish()

    no_false_accusation(result)
    assert "was not heard of for" in result.out
    assert "X2" in result.checks("UNDECIDED")
    assert "nothing was heard of the master" in said(workers[0])
    assert workers[0].returncode == 3
    assert not psutil.wait_procs(of_lost, 60)[1]


def kill_a_load_process(_scene: Scene, workers: list[subprocess.Popen[str]]) -> None:
    load_processes(workers[0])[0].kill()


def kill_an_agent(_scene: Scene, workers: list[subprocess.Popen[str]]) -> None:
    workers[0].kill()


@pytest.mark.parametrize(
    ("kill", "said_of_it"),
    [(kill_a_load_process, "ended"), (kill_an_agent, "was not heard of for")],
    ids=["a load process", "an agent"],
)
def test_what_is_killed_makes_it_invalid_and_accuses_nobody(
    scene: Scene, kill: Callable[[Scene, list[subprocess.Popen[str]]], None], said_of_it: str
) -> None:
    scene.master(2, "--profile", "endless", **SHORT)
    workers = [scene.worker(1), scene.worker(2)]
    scene.loading(20)
    of_lost = load_processes(workers[0])
    kill(scene, workers)
    result = scene.finish()

    no_false_accusation(result)
    assert "a load process was lost" in result.out
    assert said_of_it in result.out
    assert not psutil.wait_procs(of_lost, 60)[1]


def test_without_its_master_a_machine_loads_no_more(scene: Scene) -> None:
    scene.master(2, "--profile", "endless", **SHORT)
    workers = [scene.worker(1), scene.worker(2)]
    scene.loading(20)
    of_them = [one for worker in workers for one in load_processes(worker)]
    scene.running.kill()

    assert ["the master is gone" in said(worker) for worker in workers] == [True, True]
    assert [worker.returncode for worker in workers] == [3, 3]
    assert not psutil.wait_procs(of_them, 60)[1]


def test_a_full_disk_at_the_master_is_named_and_invalid(scene: Scene) -> None:
    runs = scene.machines.pipeline.runs
    runs.mkdir()
    mount = f'mount -t tmpfs -o size=12m tmpfs {runs} && exec "$@"'
    plan = scene.folder / "plan.toml"
    plan.write_text(PLAN)
    inside = ("unshare", "-m", "sh", "-c", mount, "sh")
    scene.master(2, "--plan", str(plan), "--profile", "endless", inside=inside, **SHORT)
    workers = [scene.worker(1), scene.worker(2)]
    of_master = psutil.Process(scene.running.pid)

    def filled() -> bool:
        """What is left of its small disk is taken, once the load goes on."""
        there = Path(f"/proc/{of_master.pid}/root{runs}")
        for one in there.glob("*/2*/journal-1.bin"):
            with suppress(OSError), (one.parent / "filler").open("wb") as file:
                file.write(b"\0" * 20_000_000)
            return True
        return False

    eventually(filled, scene.running)  # type: ignore[arg-type]
    result = scene.finish()

    # 70 if the report finds no room either: that is no verdict.
    assert result.code in (3, 70), result.out + result.err
    assert "No space left on device" in result.out + result.err
    assert "VIOLATED" not in result.out
    for worker in workers:
        said(worker)


def test_a_machine_that_may_not_load_the_target_is_named(scene: Scene) -> None:
    scene.master(2)
    allowed, other = scene.worker(1), scene.worker(2, PERF_ALLOW_HOSTS="")
    result = scene.finish()

    assert result.code == 2, result.out + result.err
    assert f"refused to load {scene.network.host}" in result.err
    assert "refused to load" in said(other)
    assert other.returncode == 2
    assert "the master ended before the load began" in said(allowed)


def test_workers_that_do_not_come_are_said_to_be_missing(scene: Scene) -> None:
    scene.master(2, PERF_JOIN_WAIT="6s")
    scene.worker(1)
    result = scene.finish()

    assert result.code == 2, result.out + result.err
    assert "1 of 2 load processes have joined" in result.err
