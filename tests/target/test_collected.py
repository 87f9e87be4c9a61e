"""What the garbage collector takes is counted, once for each process."""

import gc

from target import collected


def total() -> float:
    (metric,) = collected.Collected().collect()
    return float(metric.samples[0].value)


def test_each_collection_counts_once() -> None:
    collected.counted()
    collected.counted()
    before = total()
    gc.collect()

    assert total() > before
    assert gc.callbacks.count(collected._told) == 1
