"""The schedule of an open load: when each operation is due and of which kind it is, decided before the first is sent.

The same plan and seed always give the same schedule.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from harness.plan.scenario import Scenario, Stage

PART = 1 << 18
"""So many arrivals are counted at a time."""


def planned(scenario: Scenario, seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint16]]:
    """When each arrival of `scenario` is due, in seconds from the beginning, and of which kind it is.

    Those of a search step by step, since a step is decided only after the one before it.
    """
    if scenario.search is None:
        due = times(scenario.stages, seed if scenario.poisson else None)
        return due, kinds(scenario.mix, len(due), seed)
    parts = [of_stage(scenario, number, seed) for number in range(len(scenario.stages))]
    return np.concatenate([due for due, _ in parts]), np.concatenate([drawn for _, drawn in parts])


def count(scenario: Scenario, seed: int) -> int:
    """How many arrivals `scenario` has, without a schedule of them."""
    if scenario.search is None:
        return _count(scenario.stages, seed if scenario.poisson else None)
    seeds = [_of_stage(number, seed) if scenario.poisson else None for number in range(len(scenario.stages))]
    return sum(_count([stage], own) for stage, own in zip(scenario.stages, seeds, strict=True))


def _of_stage(number: int, seed: int) -> int:
    """The seed of a stage of a search."""
    return seed + (number << 32)


def of_stage(scenario: Scenario, number: int, seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint16]]:
    """The same of one stage of a search, which depends on no other."""
    own = _of_stage(number, seed)
    due = times([scenario.stages[number]], own if scenario.poisson else None)
    begin = sum(stage.seconds for stage in scenario.stages[:number])
    return begin + due, kinds(scenario.mix, len(due), own)


def times(stages: Sequence[Stage], poisson_seed: int | None = None) -> npt.NDArray[np.float64]:
    """When each arrival is due, in seconds from the beginning, ascending.

    Arrivals are points on the axis of the load offered so far (the integral of the rate), carried over
    to the axis of time. Evenly spaced points, the k-th at k + 1/2, make even gaps at a constant rate, gaps
    that close steadily in a ramp, and as many arrivals as the integral of the plan, rounded. Points with
    exponential gaps of mean 1, drawn from `poisson_seed`, make a Poisson process of the planned rate.
    """
    points = np.concatenate([np.empty(0), *_points(stages, poisson_seed)])
    parts: list[npt.NDArray[np.float64]] = []
    begin = offered = 0.0
    for stage in stages:
        r0, slope = stage.start_rate, (stage.end_rate - stage.start_rate) / stage.seconds
        after = offered + stage.seconds * (stage.start_rate + stage.end_rate) / 2
        first, beyond = np.searchsorted(points, [offered, after - 1e-9])
        wanted = points[first:beyond] - offered
        # The t at which r0·t + slope·t²/2 = wanted, in the form that also holds for slope = 0.
        root = np.sqrt(np.maximum(r0 * r0 + 2 * slope * wanted, 0.0))
        local = np.divide(2 * wanted, r0 + root, out=np.zeros_like(wanted), where=r0 + root > 0)
        parts.append(begin + np.clip(local, 0.0, stage.seconds))
        begin, offered = begin + stage.seconds, after
    return np.concatenate(parts) if parts else np.empty(0)


def _points(stages: Sequence[Stage], poisson_seed: int | None) -> Iterator[npt.NDArray[np.float64]]:
    """The points on the axis of the load offered, ascending, a part at a time."""
    total = sum(stage.seconds * (stage.start_rate + stage.end_rate) / 2 for stage in stages)
    if poisson_seed is None:
        # A little less than a half, so that an integral that ends on k + 1/2 keeps its last arrival.
        number = max(int(np.ceil(total - 0.5 - 1e-9)), 0)
        for at in range(0, number, PART):
            yield np.arange(at, min(at + PART, number), dtype=float) + 0.5
        return
    # Enough to reach beyond the plan, except with a probability of 1e-15.
    enough, last = int(total + 8 * total**0.5 + 32), 0.0
    random = np.random.default_rng(poisson_seed)
    for at in range(0, enough, PART):
        gaps = random.exponential(size=min(PART, enough - at))
        gaps[0] += last
        yield (points := gaps.cumsum())
        last = float(points[-1])


def _count(stages: Sequence[Stage], poisson_seed: int | None) -> int:
    """How many arrivals `times` has."""
    offered = np.cumsum([0.0, *(stage.seconds * (stage.start_rate + stage.end_rate) / 2 for stage in stages)])
    found = 0
    for points in _points(stages, poisson_seed):
        own = np.searchsorted(points, offered[1:] - 1e-9) - np.searchsorted(points, offered[:-1])
        found += int(np.maximum(own, 0).sum())
    return found


def kinds(mix: Mapping[str, int], count: int, seed: int) -> npt.NDArray[np.uint16]:
    """The kind of each of `count` arrivals, as an index into `mix`, whose values are the shares.

    Every block of as many arrivals as the shares add up to holds each kind exactly that often, spread
    evenly and shifted by chance: so a short run exercises the rare kinds too, and no second is full of them.
    """
    shares = np.array(list(mix.values()))
    block = int(shares.sum())
    kind = np.repeat(np.arange(len(shares), dtype=np.uint16), shares)
    place = np.concatenate([np.arange(share) for share in shares])
    random = np.random.default_rng([seed, block])
    shifts = random.random((-(-count // block), len(shares)))
    spread = (place[None, :] + shifts[:, kind]) / shares[kind]
    return kind[np.argsort(spread, axis=1, kind="stable")].reshape(-1)[:count]
