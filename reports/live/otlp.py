"""The families to a collector of OpenTelemetry, by OTLP over HTTP: the same figures as Prometheus gets.

What the load has counted is given to the exporter as it is: instruments of OpenTelemetry would count a second time.
The exporter takes its headers, timeout and certificates from the variables that OpenTelemetry states for them.
"""

import importlib
import logging
import os
import time
from collections.abc import Sequence
from typing import Any

from reports.live.families import COUNTER, HISTOGRAM, Family, Labels

EVERY = "OTEL_METRIC_EXPORT_INTERVAL"
"""OpenTelemetry's own variable: how often metrics are sent (ms)."""
DEFAULT_MS = 5000
PATH = "/v1/metrics"

log = logging.getLogger(__name__)


class Otlp:
    """Sends to the collector at a URL; what it does not take is logged, and no failure of the load."""

    def __init__(self, url: str) -> None:
        self._points: Any = importlib.import_module("opentelemetry.sdk.metrics.export")
        resources: Any = importlib.import_module("opentelemetry.sdk.resources")
        scopes: Any = importlib.import_module("opentelemetry.sdk.util.instrumentation")
        exporters: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.metric_exporter")
        self._resource = resources.Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME") or "proofload"})
        self._scope = scopes.InstrumentationScope("proofload")
        self._exporter = exporters.OTLPMetricExporter(endpoint=endpoint(url))
        self._every = int(os.environ.get(EVERY, "") or DEFAULT_MS) / 1000
        self._began, self._due = time.time_ns(), 0.0

    def push(self, families: Sequence[Family], ends: Sequence[float], last: bool) -> None:
        """Send them, if it is time to, or the last time."""
        if not last and time.monotonic() < self._due:
            return
        self._due = time.monotonic() + self._every
        p = self._points
        metrics = [self._metric(family, ends) for family in families if family.points or family.times]
        scope = p.ScopeMetrics(scope=self._scope, metrics=metrics, schema_url="")
        resource = p.ResourceMetrics(resource=self._resource, scope_metrics=[scope], schema_url="")
        done = self._exporter.export(p.MetricsData(resource_metrics=[resource]))
        if done is not p.MetricExportResult.SUCCESS:
            log.warning("the collector did not take the metrics")

    def _metric(self, family: Family, ends: Sequence[float]) -> Any:
        p, now = self._points, time.time_ns()
        data: Any
        if family.kind == HISTOGRAM:
            points = [
                p.HistogramDataPoint(
                    attributes=labels,
                    start_time_unix_nano=self._began,
                    time_unix_nano=now,
                    count=int(times.counts.sum()),
                    sum=times.total,
                    bucket_counts=times.counts.tolist(),
                    explicit_bounds=list(ends),
                    min=None,
                    max=None,
                )
                for labels, times in family.times
            ]
            data = p.Histogram(data_points=points, aggregation_temporality=p.AggregationTemporality.CUMULATIVE)
        else:
            numbers = [self._number(labels, value, now) for labels, value in family.points]
            data = p.Gauge(data_points=numbers)
            if family.kind == COUNTER:
                cumulative = p.AggregationTemporality.CUMULATIVE
                data = p.Sum(data_points=numbers, aggregation_temporality=cumulative, is_monotonic=True)
        unit = "s" if family.name.endswith("_seconds") else ""
        return p.Metric(name=family.name, description=family.said, unit=unit, data=data)

    def _number(self, labels: Labels, value: float, now: int) -> Any:
        began = self._began
        return self._points.NumberDataPoint(
            attributes=labels, start_time_unix_nano=began, time_unix_nano=now, value=value
        )


def endpoint(url: str) -> str:
    """Where metrics go: the collector's address, with OTLP's path if it has none."""
    return url if url.rstrip("/").endswith(PATH) else f"{url.rstrip('/')}{PATH}"
