"""The block of a benchmark is that of its document, to the letter."""

from pathlib import Path
from typing import Any

import pytest

from harness.check import Finding
from harness.verdict import CheckState
from reports.__main__ import report
from reports.render import benchmark_block
from tests.support.synthetic_run import synthetic_run, taking

RESULT: dict[str, Any] = {
    "requests": 1000,
    "successful": 1000,
    "failed": 0,
    "seconds": 15.23,
    "average": 0.04532,
    "minimum": 0.01245,
    "maximum": 0.15678,
    "p50": 0.03821,
    "p95": 0.08945,
    "p99": 0.12567,
    "rate": 65.66,
}
DOCUMENT = """\
═══════════════════════════════════════════════════════
                  BENCHMARK RESULTS                    
═══════════════════════════════════════════════════════
Total Requests:        1,000
Successful:            1,000
Failed:                0
Total Duration:        15.23s
───────────────────────────────────────────────────────
Response Times:
  Average:             45.32 ms
  Minimum:             12.45 ms
  Maximum:             156.78 ms
  50th percentile:     38.21 ms
  95th percentile:     89.45 ms
  99th percentile:     125.67 ms
───────────────────────────────────────────────────────
Throughput:            65.66 req/s
═══════════════════════════════════════════════════════

✅ EXCELLENT: 95th percentile response time < 100ms
✅ EXCELLENT: Average response time < 100ms""".splitlines()  # noqa: W291


def test_the_block_is_that_of_the_document() -> None:
    assert list(benchmark_block.lines(RESULT)) == DOCUMENT


def test_what_is_too_slow_is_judged_so() -> None:
    slow = list(benchmark_block.lines(RESULT | {"p95": 0.1, "average": 0.0999, "rate": None}))

    assert slow[-2:] == [
        "❌ TOO SLOW: 95th percentile response time >= 100ms",
        "✅ EXCELLENT: Average response time < 100ms",
    ]
    assert slow[-5] == "Throughput:            –"


def test_other_scenarios_have_none() -> None:
    assert list(benchmark_block.lines(None)) == []


def finding(witnesses: int) -> Finding:
    return Finding("X1", "It holds.", CheckState.VIOLATED if witnesses else CheckState.HOLDS, 10, "things", witnesses)


@pytest.mark.parametrize("wrong", [0, 3])
def test_a_wrong_answer_is_no_success(tmp_path: Path, wrong: int) -> None:
    run = synthetic_run(
        tmp_path, scenario="sustained", findings=[finding(wrong)], answer=taking(0.02), table={"benchmark": "X1"}
    )
    found = report(run.folder)["benchmark"]

    assert found["failed"] == wrong
    assert found["requests"] == found["successful"] + wrong
    assert (found["minimum"], found["maximum"]) == pytest.approx((0.02, 0.02), rel=0.2)
    assert found["rate"] == pytest.approx(found["requests"] / found["seconds"])
