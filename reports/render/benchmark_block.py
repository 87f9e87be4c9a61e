"""The block of figures that the document of the coupons prints at the end of a benchmark, to the letter."""

from collections.abc import Iterator
from typing import Any

WIDTH = 55
LIMIT_S = 0.100
COLUMN = 23


def lines(result: dict[str, Any] | None) -> Iterator[str]:
    """The lines for a `benchmark` of verdict.json; none without one."""
    if result is None:
        return
    yield "═" * WIDTH
    yield f"{'':18}BENCHMARK RESULTS{'':20}"
    yield "═" * WIDTH
    yield _line("Total Requests:", f"{result['requests']:,}")
    yield _line("Successful:", f"{result['successful']:,}")
    yield _line("Failed:", f"{result['failed']:,}")
    yield _line("Total Duration:", f"{result['seconds']:.2f}s")
    yield "─" * WIDTH
    yield "Response Times:"
    for name, key in (
        ("Average", "average"),
        ("Minimum", "minimum"),
        ("Maximum", "maximum"),
        ("50th percentile", "p50"),
        ("95th percentile", "p95"),
        ("99th percentile", "p99"),
    ):
        yield _line(f"  {name}:", f"{result[key] * 1000:.2f} ms")
    yield "─" * WIDTH
    rate = result["rate"]
    yield _line("Throughput:", f"{rate:.2f} req/s" if rate is not None else "–")
    yield "═" * WIDTH
    yield ""
    yield _judged("95th percentile", result["p95"])
    yield _judged("Average", result["average"])


def _line(name: str, value: str) -> str:
    return f"{name:<{COLUMN}}{value}"


def _judged(name: str, seconds: float) -> str:
    if seconds < LIMIT_S:
        return f"✅ EXCELLENT: {name} response time < {LIMIT_S * 1000:.0f}ms"
    return f"❌ TOO SLOW: {name} response time >= {LIMIT_S * 1000:.0f}ms"
