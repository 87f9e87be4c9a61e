"""What happened, counted, in the text format of Prometheus."""

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics

from systems.authorizations import MOVES

# When a counter was made is nothing that happened.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The counters of one process.

    Each process of `--processes` counts for itself, and a request reaches one of them: add up the
    answers of several, or count with one process.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self.counter("authorizations_requests", "answers by status", "operation", "status")
        self.retries = self.counter(
            "authorizations_serialization_retries", "transactions done again after 40001 or 40P01", "operation"
        )
        self.exhausted = self.counter(
            "authorizations_serialization_exhausted", "requests given up after such retries", "operation"
        )

        for operation in MOVES:
            # What has not happened yet is told as 0.
            self.retries.labels(operation)
            self.exhausted.labels(operation)

    def counter(self, name: str, what: str, *labels: str) -> Counter:
        """A new counter; Prometheus appends _total to its name."""
        return Counter(name, what, labels, registry=self.registry)
