"""Limits of response times are drawn over the phases that their rules cover, and those that are alike once."""

from pathlib import Path

from reports.__main__ import report
from reports.render.limits import of_response_time
from reports.samples.evidence import gather
from tests.support.synthetic_run import synthetic_run

STAGES = [
    {"rate": 12, "for": "2s", "phase": "warm-up"},
    {"rate": 12, "for": "4s", "phase": "steady"},
    {"rate": 12, "for": "3s", "phase": "burst"},
    {"rate": 12, "for": "3s", "phase": "steady"},
]


RULES = {
    "p95(response_time) < 500ms": ("p95, p99 < 500 ms", 0.5, ((2, 12),)),
    "p99(response_time) < 500ms": None,  # the same limit over the same phases
    "p95(response_time{phase=burst}) < 500ms": None,  # within the first one
    "p95(response_time{phase=steady}) < 400ms": ("p95 < 400 ms", 0.4, ((2, 6), (9, 12))),
    "max(response_time{op=process, phase=burst}) <= 2s": ("max process <= 2 s", 2.0, ((6, 9),)),
    "p95(service_time) < 500ms": None,
    "slope(response_time) < 3ms/min": None,
    "p95(response_time) <= baseline +10%": None,
    "ratio(errors) < 1%": None,
}
"""What is drawn of each rule; None: nothing of its own."""


def test_what_is_drawn(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, table={"rules": list(RULES), "arrivals": {"smoke": STAGES}})
    verdict = report(run.folder)

    found = of_response_time(gather(run.folder).samples, verdict["rules"])

    expected = [limit for limit in RULES.values() if limit]
    assert [tuple(limit) for limit in found] == expected
    page = (run.folder / "report.html").read_text()
    assert page.count('class="limit-name"') == len(expected)
