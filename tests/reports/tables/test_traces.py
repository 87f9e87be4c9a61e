"""Slow operations, failures and findings lead to traces: by ids that are computed, and links where a page is known."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.check import Finding
from harness.outcomes import Outcome
from harness.verdict import CheckState
from reports.__main__ import report
from systems import ids
from systems.traces import trace_of
from tests.support.synthetic_run import EXPECTED, Answer, bind, synthetic_run

JAEGER = {"url": 'https://jaeger.example/trace/{trace}?a="b"&c'}


def slow(place: int, kind: str, _: float) -> Answer:
    """Operation 7 takes longest, then 11; 20 fails."""
    answer = EXPECTED[kind]
    if place == 20:
        return Answer(Outcome.UNKNOWN, 500)
    return Answer(answer.outcome, answer.status, {7: 0.4, 11: 0.3}.get(place, 0.02))


def reported(tmp_path: Path, **facts: Any) -> tuple[dict[str, Any], str, str]:
    run = synthetic_run(tmp_path, answer=slow, facts=facts, moments=[(n / 12, "process", 1) for n in range(150)])
    run.record(**facts)
    bind(run)
    report(run.folder)
    found = json.loads((run.folder / "verdict.json").read_text())
    return found, (run.folder / "report.html").read_text(), run.id


def test_the_slowest_and_the_failed_are_named_with_traces_and_linked(tmp_path: Path) -> None:
    found, page, run = reported(tmp_path, trace=JAEGER)

    first, second, *rest = found["slowest"]
    assert [(one["response"], one["key"]) for one in (first, second)] == [
        (pytest.approx(0.4), ids.key(run, 7)),
        (pytest.approx(0.3), ids.key(run, 11)),
    ]
    assert first["trace"] == trace_of(run, 7)
    assert len(rest) == 8
    assert all(one["response"] <= 0.3 for one in rest)
    [failed] = found["failures"]
    assert failed["trace"] == trace_of(run, 20)
    for op in (7, 11, 20):
        # As an attribute of HTML.
        assert f'href="https://jaeger.example/trace/{trace_of(run, op)}?a=&#34;b&#34;&amp;c"' in page
    assert 'id="slowest"' in page


def test_without_an_address_they_are_named_and_without_traces_they_are_not(tmp_path: Path) -> None:
    found, page, run = reported(tmp_path / "named", trace={"url": ""})
    assert found["slowest"][0]["trace"] == trace_of(run, 7)
    assert f"<code>{trace_of(run, 7)}</code>" in page
    assert 'href="http' not in page

    found, page, run = reported(tmp_path / "none", trace=None)
    assert found["slowest"][0]["trace"] is None
    assert found["failures"][0]["trace"] is None
    assert trace_of(run, 7) not in page


def test_the_traces_of_a_finding_are_those_of_the_operations_that_it_names(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, facts={"trace": JAEGER})
    key, item, other = ids.key(run.id, 3), ids.item_key(run.id, 9, 2), ids.key("20261120T235501a1b2c3", 4)
    lost = Finding(
        "X1",
        "Each acknowledged message is stored.",
        CheckState.VIOLATED,
        171,
        "acknowledged messages",
        2,
        f"the first is {key}",
        first={"key": key, "row": None, "beside": [{"key": other}]},
        worst={"keys": [item, key]},
    )
    integrity = run.read("integrity.json")
    run.write("integrity.json", {**integrity, "checks": [lost.as_json(), *integrity["checks"][1:]]})
    bind(run)

    [found, *_] = report(run.folder)["checks"]

    assert found["traces"] == [trace_of(run.id, 3), trace_of(run.id, 9)]
    assert f"trace/{trace_of(run.id, 9)}?" in (run.folder / "report.html").read_text()
