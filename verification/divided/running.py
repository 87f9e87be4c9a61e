"""Has all parts of a run judged: here one after the other, by processes of this machine, or over Dask."""

import importlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context

from harness.errors import PlanError
from harness.parent import die_with_parent
from verification.divided.judging import Judged, Task, judged

Judge = Callable[[Sequence[Task]], list[Judged]]
"""Has tasks done: what was found in each part, in their order."""
TRIES = 5
"""So many workers of Dask may die over a part before it is given up."""
WORKERS_S = 60.0
"""So long is waited for the first of them."""


@contextmanager
def judging(dask: str) -> Iterator[Judge]:
    """Within, what has parts judged; `dask`: the address of a scheduler, "" for the processes of this machine.

    A worker that dies leaves nothing behind that counts: its parts are judged again.
    """
    if dask:
        yield partial(over_dask, address=dask)
        return
    with here() as judge:
        yield judge


@contextmanager
def here() -> Iterator[Judge]:
    """Within, what has them judged by processes of this machine, which begin with the first parts, and stay: it takes
    as long to begin one as to judge a hundred thousand operations.
    """
    pools: list[ProcessPoolExecutor] = []

    def judge(tasks: Sequence[Task]) -> list[Judged]:
        workers = min(len(os.sched_getaffinity(0)), len(tasks))
        if workers == 1:
            return [judged(task) for task in tasks]
        if not pools:
            pools.append(ProcessPoolExecutor(workers, get_context("spawn"), _end_with, (os.getpid(),)))
        found: dict[int, Judged] = {}
        try:
            futures = [pools[0].submit(judged, task) for task in tasks]
            for place, future in enumerate(futures):
                found[place] = future.result()
        except BrokenProcessPool:
            # Mostly it had too little memory: one at a time needs less.
            pools.pop().shutdown()
        return [found[place] if place in found else judged(task) for place, task in enumerate(tasks)]

    try:
        yield judge
    finally:
        for pool in pools:
            pool.shutdown()


def _end_with(parent: int) -> None:
    """Have this process killed when its parent ends: it would wait for ever for more to do."""
    if doomed := die_with_parent(signal.SIGKILL):
        doomed()
    if os.getppid() != parent:
        os._exit(1)


def over_dask(tasks: Sequence[Task], address: str) -> list[Judged]:
    """What was found in each part, in order."""
    distributed = importlib.import_module("distributed")
    try:
        client = distributed.Client(address, set_as_default=False)
    except OSError as error:
        raise PlanError(f"PERF_DASK={address}: no scheduler of Dask answers there: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError:
            raise PlanError(
                f"PERF_DASK={address}: no worker has come to that scheduler in {WORKERS_S:g} s: "
                f"`dask worker {address}` starts one; then verify the run again"
            ) from None
        futures = client.map(judged, tasks, pure=False, retries=TRIES)
        found: list[Judged] = client.gather(futures)
    return found
