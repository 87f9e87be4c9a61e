"""The schedule of an open load: when each operation is due and of which kind it is, decided before the first is sent.

The same plan and seed give the same schedule, whoever asks for it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from harness.plan import Stage


def times(stages: Sequence[Stage]) -> npt.NDArray[np.float64]:
    """When each arrival is due, in seconds from the beginning, ascending.

    Arrivals are spaced evenly in the load that has been offered so far: the k-th is due when the
    integral of the rate reaches k + 1/2. So a stage of constant rate has even gaps, a ramp closes
    them steadily, and the number of arrivals is the integral of the whole plan, rounded.
    """
    parts: list[npt.NDArray[np.float64]] = []
    begin, offered = 0.0, 0.0
    for stage in stages:
        r0, slope = stage.start_rate, (stage.end_rate - stage.start_rate) / stage.seconds
        after = offered + stage.seconds * (stage.start_rate + stage.end_rate) / 2
        # A half is subtracted with a little less, so that an integral that ends on k + 1/2 keeps its last arrival here.
        first, beyond = int(np.ceil(offered - 0.5)), int(np.ceil(after - 0.5 - 1e-9))
        wanted = np.arange(max(first, 0), beyond) + 0.5 - offered
        # The t at which r0·t + slope·t²/2 = wanted, in the form that also holds for slope = 0.
        root = np.sqrt(np.maximum(r0 * r0 + 2 * slope * wanted, 0.0))
        total = r0 + root
        local = np.divide(2 * wanted, total, out=np.zeros_like(wanted), where=total > 0)
        parts.append(begin + np.clip(local, 0.0, stage.seconds))
        begin, offered = begin + stage.seconds, after
    return np.concatenate(parts) if parts else np.empty(0)


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
