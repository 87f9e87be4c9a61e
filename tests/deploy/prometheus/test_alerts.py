"""Each rule of each plan is an alert, or is named as one that only the report judges; the files are made so."""

import re
from pathlib import Path

import pytest
import yaml

from deploy.prometheus.__main__ import documents, group, rules
from deploy.prometheus.expressions import alert
from harness.plan import plans
from harness.plan.grammar import parse
from harness.settings import ROOT
from reports.live.families import COUNTER, HISTOGRAM, families
from tests.support.told_load import ToldLoad

SYSTEMS = plans.systems()
SCENARIOS = [name for system in SYSTEMS for name in plans.scenarios(system)]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Of all that is told of a load."""
    endings = {COUNTER: ("_total",), HISTOGRAM: ("_bucket", "_count", "_sum")}
    told = families(ToldLoad(tmp_path_factory.mktemp("runs"), "peak").live)
    return {f"{one.name}{ending}" for one in told for ending in endings.get(one.kind, ("",))}


def test_what_is_committed_is_what_the_plans_say() -> None:
    made = documents()
    assert {path.name for path in (ROOT / "deploy" / "prometheus" / "alerts").iterdir()} == {p.name for p in made}
    for path, text in made.items():
        assert path.read_text() == text, f"{path}: run `make dashboards`"


def test_no_rule_is_missing_and_each_names_what_is_told(names: set[str]) -> None:
    for scenario in SCENARIOS:
        made, left = group(scenario)
        stated = rules(scenario)
        assert {one["labels"]["rule"] for one in made["rules"]} | set(left) == {rule.text for rule in stated}
        for one in made["rules"]:
            assert set(re.findall(r"proofload_\w+", one["expr"])) <= names, one
            # The limit of the rule itself, which is the end of a bucket in each of its loads.
            [limit] = [rule.limit for rule in stated if rule.text == one["labels"]["rule"]]
            for end in re.findall(r'le="([\d.]+)"', one["expr"]):
                assert float(end) == limit, one


@pytest.mark.parametrize(
    ("rule", "expression"),
    [
        (
            "p95(response_time{op=a}) < 500ms",
            'sum(rate(proofload_response_seconds_bucket{scenario="x",phase!="warm-up",op="a",le="0.5"}[1m])) / '
            'sum(rate(proofload_response_seconds_count{scenario="x",phase!="warm-up",op="a"}[1m])) < 0.95',
        ),
        (
            'ratio(errors{phase=~"a|b"}) < 1%',
            'sum(rate(proofload_operations_total{scenario="x",expected="no",phase=~"a|b"}[1m])) / '
            'sum(rate(proofload_operations_total{scenario="x",phase=~"a|b"}[1m])) >= 0.01',
        ),
        (
            "ratio(errors{outcome=SHED}) < 20%",
            'sum(rate(proofload_operations_total{scenario="x",expected="no",phase!="warm-up",outcome="SHED"}[1m])) / '
            'sum(rate(proofload_operations_total{scenario="x",phase!="warm-up"}[1m])) >= 0.2',
        ),
        (
            "rate(goodput) >= 50/s",
            'sum(rate(proofload_operations_total{scenario="x",expected="yes",phase!="warm-up"}[1m])) < 50 and '
            'on() max(proofload_load_running{scenario="x"}) == 1',
        ),
        (
            "mean(response_time) < 100ms",
            'sum(rate(proofload_response_seconds_sum{scenario="x",phase!="warm-up"}[1m])) / '
            'sum(rate(proofload_response_seconds_count{scenario="x",phase!="warm-up"}[1m])) >= 0.1',
        ),
        ("max(resource.queue.depth) < 50000", 'proofload_queue_depth{scenario="x",queue="all"} >= 50000'),
        ("max(resource.target.rss) < 1500MB", 'proofload_resource{scenario="x",name="target.rss"} >= 1500000000'),
        (
            "ratio(dropped) < 0.1%",
            'proofload_dropped_total{scenario="x"} / (proofload_offered_total{scenario="x"} > 0) >= 0.001',
        ),
        # What is not told second by second is said by the load itself, of all that has ended.
        (
            'count(errors{phase=~"a|b"}) < 5 in 100% of 1s windows',
            'proofload_rule_holds{scenario="x",rule="count(errors{phase=~\\"a|b\\"}) < 5 in 100% of 1s windows"} == 0',
        ),
        ("ratio(conflicts) < 1%", 'proofload_rule_holds{scenario="x",rule="ratio(conflicts) < 1%"} == 0'),
        (
            "rate(goodput) >= 95% of offered",
            'proofload_rule_holds{scenario="x",rule="rate(goodput) >= 95% of offered"} == 0',
        ),
        ("p95(end_to_end) < 1s", ""),
        ("value(invariant.X1) == 0", ""),
        ("slope(response_time) < 1ms/min", ""),
        ("p95(response_time) <= baseline +10%", ""),
    ],
)
def test_a_rule_in_promql(rule: str, expression: str) -> None:
    assert alert(parse(rule), "x") == expression


def test_each_is_a_file_of_prometheus() -> None:
    for path in documents():
        groups = yaml.safe_load(Path(path).read_text())["groups"]
        assert [one["name"] for one in groups] == plans.scenarios(path.stem)
        assert all(one["expr"] for of in groups for one in of["rules"])
