"""Whether requests have trace ids: those of our target, of another if it is asked for; and what may be linked to."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness import tracing
from harness.errors import PlanError
from harness.plan import reading
from harness.settings import Settings

JAEGER = "https://jaeger.example/trace/{trace}"
THEIRS = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("variables", "traced"),
    [
        ({}, {"url": ""}),
        ({"PERF_TRACE": "on"}, {"url": ""}),
        ({"PERF_TRACE": "off"}, None),
        ({"PERF_TRACE_URL": JAEGER}, {"url": JAEGER}),
        ({"PERF_TRACE_URL": JAEGER, "PERF_TRACE": "off"}, None),
        ({"TARGET_URL": THEIRS}, None),
        ({"TARGET_URL": THEIRS, "PERF_TRACE": "on"}, {"url": ""}),
        ({"TARGET_URL": THEIRS, "PERF_TRACE_URL": JAEGER}, {"url": JAEGER}),
    ],
)
def test_what_is_traced(variables: dict[str, str], traced: object, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TARGET_URL", "PERF_TRACE", "PERF_TRACE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert tracing.of(reading.find("peak", "smoke"), Settings()) == traced


def test_a_header_of_the_plan_stays_alone_and_users_of_others_have_their_own(tmp_path: Path) -> None:
    scenario = reading.find("peak", "smoke")
    stated = {**scenario.contract, "headers": {"TraceParent": "00-{key}-01"}}
    assert tracing.of(replace(scenario, contract=stated), Settings()) is None
    assert tracing.of(replace(scenario, system=""), Settings()) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PERF_TRACE", "yes"),
        ("PERF_TRACE_URL", "https://jaeger.example/trace/"),
        ("PERF_TRACE_URL", "jaeger.example/{trace}"),
        ("PERF_TRACE_URL", "javascript:alert('{trace}')"),
        ("PERF_TRACE_URL", "https://jaeger.example/{trace} x"),
    ],
)
def test_what_is_no_setting_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(PlanError, match=name):
        Settings()


def test_a_page_is_linked_to_only_by_http() -> None:
    assert tracing.page({"url": JAEGER}, "ab") == "https://jaeger.example/trace/ab"
    assert tracing.page({"url": "https://g/explore?left={%22q%22:%22{trace}%22}"}, "ab").endswith("{%22q%22:%22ab%22}")
    for found in (None, {}, {"url": ""}, {"url": "javascript:{trace}"}):
        assert tracing.page(found, "ab") == ""
    assert tracing.page({"url": JAEGER}, None) == ""
