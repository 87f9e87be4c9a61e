"""The dashboards are what their builder makes, and each expression is about something that is told of a load."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.__main__ import FOLDER, SOURCE, dashboards, text
from harness.plan import plans
from tests.support.told_load import ToldLoad

EACH = pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
SCENARIOS = {system: plans.scenarios(system)[0] for system in plans.systems()}


def expressions(found: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in found["panels"] for target in panel["targets"]]


def test_what_is_committed_is_what_the_builder_makes() -> None:
    made = dashboards()
    assert set(FOLDER.iterdir()) == set(made)
    for path, found in made.items():
        assert path.read_text() == text(found), f"{path}: run `make dashboards`"


def test_there_is_one_for_each_system_and_each_has_its_own_id() -> None:
    found = [json.loads(path.read_text()) for path in FOLDER.iterdir()]
    assert {path.stem for path in FOLDER.iterdir()} == {"overview", *plans.systems()}
    assert len({one["uid"] for one in found}) == len({one["title"] for one in found}) == len(found)


@EACH
def test_every_panel_can_be_drawn(path: Path) -> None:
    found = json.loads(path.read_text())
    assert len({panel["id"] for panel in found["panels"]}) == len(found["panels"])
    for panel in found["panels"]:
        assert panel["datasource"] == SOURCE
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        assert all(target["datasource"] == SOURCE and target["legendFormat"] for target in panel["targets"])
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for one, other in combinations([panel["gridPos"] for panel in found["panels"]], 2):
        apart = (one["x"] + one["w"] <= other["x"], other["x"] + other["w"] <= one["x"])
        assert any((*apart, one["y"] + one["h"] <= other["y"], other["y"] + other["h"] <= one["y"]))


@EACH
def test_every_expression_names_what_is_told(path: Path, tmp_path: Path) -> None:
    """Names of metrics, labels and values of labels; that each gives data a Prometheus shows in `make test-machine`."""
    system = path.stem if path.stem in SCENARIOS else "messages"
    told = ToldLoad(tmp_path, SCENARIOS[system]).text().decode()
    labels = set(re.findall(r'(\w+)="', told))
    for expression in expressions(json.loads(path.read_text())):
        for name in re.findall(r"proofload_\w+", expression):
            assert re.search(rf"^# TYPE {re.sub('_(bucket|sum|count)$', '', name)} ", told, re.MULTILINE), name
        for label, _, value in re.findall(r'(\w+)(=~?)"([^"]*)"', expression):
            assert label in labels, expression
            if label == "name":
                pattern = re.compile(value.replace(r"\\", "\\"))
                assert any(pattern.fullmatch(one) for one in re.findall(r'name="([^"]*)"', told)), expression
            if label == "system":
                assert value == path.stem
        assert expression.count("(") == expression.count(")")


def test_provisioning_names_what_is_there() -> None:
    provisioning = FOLDER.parent / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["uid"]) == (SOURCE["type"], SOURCE["uid"])
    [provider] = yaml.safe_load((provisioning / "dashboards" / "proofload.yml").read_text())["providers"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
