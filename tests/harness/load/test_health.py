"""Even the shortest load leaves health: a line when it begins, and one when it ends."""

import gc
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import numpy as np
from gevent.event import Event

from harness.load import health
from harness.outcomes import Outcome


def session(**about: Any) -> Any:
    tally = SimpleNamespace(count=lambda: None, ended=3, errors=0, outcomes=np.zeros((1, len(Outcome)), int))
    journal = SimpleNamespace(count=3, kinds=["process"])
    facts = {"start": Event(), "began": None, "flying": 0, "schedule": None, "users": 1}
    return SimpleNamespace(**{**facts, "tally": tally, "journal": journal, **about})


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def written(load: Any, path: Path, ticks: list[health.Tick], wanted: int) -> Any:
    """The greenlet that writes, as soon as there are so many lines."""
    writer = gevent.spawn(health._write, load, path, ticks)
    give_up = time.monotonic() + 30
    while len(lines(path)) < wanted and time.monotonic() < give_up:
        gevent.sleep(0.001)
    return writer


def test_a_load_of_an_instant_has_two_lines_of_its_own(tmp_path: Path) -> None:
    load, path, ticks = session(), tmp_path / "health-0.jsonl", [(1, 900, 0)]
    load.began = time.monotonic_ns()
    load.start.set()
    writer = written(load, path, ticks, 1)
    ticks.append((2, 400, 7))

    writer.kill()

    first, last = lines(path)
    assert first["at"] >= load.began
    assert (first["lags_us"], last["lags_us"], last["flying"]) == ([900], [400], [7])
    assert last["at"] >= first["at"]


def test_time_of_garbage_collection_is_told_as_long_as_it_is_watched(tmp_path: Path) -> None:
    load, path, ticks = session(), tmp_path / "health-0.jsonl", [(1, 900, 0)]
    load.began = time.monotonic_ns()
    load.start.set()
    watching = len(gc.callbacks)
    writer = written(load, path, ticks, 1)
    gc.collect()
    ticks.append((2, 400, 7))
    writer.kill()

    first, last = lines(path)
    assert 0 <= first["gc_s"] < last["gc_s"]
    assert len(gc.callbacks) == watching


def test_what_was_said_a_moment_ago_is_not_said_again(tmp_path: Path) -> None:
    load, path = session(), tmp_path / "health-0.jsonl"
    load.began = time.monotonic_ns()
    load.start.set()
    written(load, path, [], 1).kill()

    assert len(lines(path)) == 1


def test_before_the_load_begins_there_are_lines_too(tmp_path: Path) -> None:
    load, path = session(), tmp_path / "health-0.jsonl"
    written(load, path, [], 1).kill()

    assert lines(path)[0]["begun"] == 3
