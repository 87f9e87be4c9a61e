"""metrics.txt: the figures of a run in OpenMetrics text, which GitLab compares with the target branch's."""

from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest

from harness.verdict import Verdict
from reports.tables.own_metrics import FIGURES


def render(verdict: dict[str, Any]) -> str:
    """The contents of verdict.json as OpenMetrics: seconds, shares of 1, counts; what was not measured is left out."""
    run = verdict["run"]
    common = {"scenario": run["scenario"], "profile": run["profile"]}
    families = {
        "verdict": ("Whether the verdict is this one", [({"verdict": v}, v == verdict["verdict"]) for v in Verdict]),
        "rule_value": (
            "What a rule measured, in its base unit",
            [({"rule": rule["text"], "state": rule["state"]}, rule["value"]) for rule in verdict["rules"]],
        ),
        "rule_limit": ("Its limit", [({"rule": rule["text"]}, rule["limit"]) for rule in verdict["rules"]]),
        "check_witnesses": (
            "How many things break an invariant of the data",
            [({"check": check["id"], "state": check["state"]}, check["witnesses"]) for check in verdict["checks"]],
        ),
        "check_compared": (
            "How many things were compared for it",
            [({"check": check["id"]}, check["compared"]) for check in verdict["checks"]],
        ),
        "operations": (
            "Operations by outcome",
            [
                ({"op": row["kind"], "outcome": name}, count)
                for row in verdict["operations"][:-1]
                for name, count in row["outcomes"].items()
            ],
        ),
        "response_seconds": (
            "Response times: nearest rank",
            [
                ({"op": row["kind"], "quantile": quantile}, row["response"][name])
                for row in verdict["operations"]
                for name, quantile in (("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99"), ("max", "1"))
            ],
        ),
        "metric": (
            "Metrics of the users themselves: mean, extremes and percentiles of trends, shares of rates, and counts",
            [
                ({"name": row["name"], "kind": row["kind"], "figure": name}, row[name])
                for row in verdict["metrics"]
                for name in FIGURES
            ],
        ),
    }
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families([_family(name, common, *family) for name, family in families.items()]))
    text: str = generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    return text


class _Families:
    """A collector of what is already known."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _family(name: str, common: dict[str, str], said: str, values: list[tuple[dict[str, str], Any]]) -> Metric:
    labels = [*common, *(values[0][0] if values else {})]
    family = GaugeMetricFamily(f"proofload_{name}", said, labels=labels)
    for own, value in values:
        if value is not None:
            family.add_metric([*common.values(), *map(str, own.values())], float(value))
    return family
