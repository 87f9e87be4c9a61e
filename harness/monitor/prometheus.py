"""What a target reports at a Prometheus endpoint."""

import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S = 0.5
MOST = 200
"""The number of names that are kept: one with a label for each user would fill the disk."""
MOST_BYTES = 4 << 20


class Prometheus:
    """metrics.<name>: each counter and gauge, summed over its labels; a histogram's sum and count."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def sample(self) -> dict[str, float]:
        """Its current values; nothing if it doesn't answer in time, or not in that format."""
        line: dict[str, float] = {}
        try:
            with self._open(self._url, timeout=TIMEOUT_S) as answer:
                body = answer.read(MOST_BYTES).decode()
            for family in text_string_to_metric_families(body):
                for one in family.samples:
                    if one.name.endswith(("_bucket", "_created")) or "quantile" in one.labels:
                        continue
                    name = f"metrics.{one.name}"
                    if (name in line or len(line) < MOST) and one.value == one.value:
                        line[name] = line.get(name, 0.0) + one.value
        except (OSError, ValueError, urllib.error.URLError):
            return {}
        return line
