"""The families in the text of Prometheus."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from reports.live.families import COUNTER, HISTOGRAM, Family


class _Known(Collector):
    """A collector of what is already known."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def exposition(families: Sequence[Family], ends: Sequence[float]) -> bytes:
    """What a scrape gets; `ends` are those of the buckets of times."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Known([_metric(family, ends) for family in families]))
    return generate_latest(registry)


def _metric(family: Family, ends: Sequence[float]) -> Metric:
    labels = list(dict.fromkeys(name for one, *_ in [*family.points, *family.times] for name in one))
    if family.kind == HISTOGRAM:
        histogram = HistogramMetricFamily(family.name, family.said, labels=labels)
        for one, times in family.times:
            so_far = times.counts.cumsum().tolist()
            marks = [*map(floatToGoString, ends), "+Inf"]
            buckets = list(zip(marks, so_far, strict=True))
            histogram.add_metric([one[name] for name in labels], buckets, times.total)
        return histogram
    kind = CounterMetricFamily if family.kind == COUNTER else GaugeMetricFamily
    metric = kind(family.name, family.said, labels=labels)
    for one, value in family.points:
        metric.add_metric([one[name] for name in labels], value)
    return metric
