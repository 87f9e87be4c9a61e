"""A benchmark has just the requests that it is stated to have, and its block of figures counts them."""

from pathlib import Path

import pytest

from harness import journaled
from harness.stack.postgres import Postgres
from harness.stack.variant import Variant
from harness.verdict import CheckState
from tests.support.judged import judged
from tests.support.plans import varied

pytestmark = pytest.mark.usefixtures("nurseries")


def test_it_has_just_so_many_requests_and_none_before_second_0(cluster: Postgres, tmp_path: Path) -> None:
    scenario = varied(
        "coupon-benchmark",
        "smoke",
        {"stages": {"smoke": [{"users": 20, "requests": 150, "for": "1m"}]}, "eventual": "1s", "drain": "8s"},
        pool={"users": 2_000},
        service={"api": {"flush_seconds": 0.2}},
    )
    found = judged(cluster, tmp_path, scenario, Variant("other_amount_logged+rounded_down"))
    one = journaled.read(found.run.folder / "journal-0.bin")
    states = {finding.id: finding for finding in found.findings}
    result = found.verdict["benchmark"]

    assert len(one.records) == 150
    assert (one.records["start"] >= one.header["began"]).all()
    assert states["LOG"].state is states["VERDICT"].state is CheckState.VIOLATED
    assert result["requests"] == 150
    assert result["failed"] == states["VERDICT"].witnesses > 0
