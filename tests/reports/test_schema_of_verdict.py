"""verdict.json is what docs/verdict.schema.json says, for every verdict; and the schema lets nothing else pass."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from harness.check import Group
from harness.outcomes import Failure, Outcome
from harness.plan.rules import SEVERITIES
from harness.settings import ROOT
from harness.verdict import EXIT_CODES, CheckState, RuleState, ValidityState, Verdict
from reports.__main__ import report
from reports.about import SCHEMA
from reports.tables.classes import CLASSES
from tests.support.synthetic_run import Answer, bind, synthetic_run
from tests.support.verdicts import VERDICTS

STATED = json.loads((ROOT / "docs" / "verdict.schema.json").read_text())
VALIDATOR = Draft202012Validator(STATED)

Document = dict[str, Any]
Damage = Callable[[Document], None]


def stored(tmp_path: Path, **asked: Any) -> Document:
    run = synthetic_run(tmp_path, **asked)
    report(run.folder)
    found: Document = json.loads((run.folder / "verdict.json").read_text())
    return found


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(STATED)


def test_its_words_are_those_of_the_code() -> None:
    defs = STATED["$defs"]
    assert STATED["properties"]["schema"]["const"] == SCHEMA
    assert set(defs["verdict"]["enum"]) == set(Verdict)
    codes = [each["properties"] for each in STATED["oneOf"]]
    assert {each["verdict"]["const"]: each["exit_code"]["const"] for each in codes} == EXIT_CODES
    assert set(defs["rule"]["properties"]["state"]["enum"]) == set(RuleState)
    assert set(defs["rule"]["properties"]["severity"]["enum"]) == set(SEVERITIES)
    assert set(defs["check"]["properties"]["state"]["enum"]) == set(CheckState)
    assert defs["check"]["properties"]["group"]["enum"] == list(Group)
    assert set(defs["condition"]["properties"]["state"]["enum"]) == set(ValidityState)
    assert defs["class"]["properties"]["class"]["enum"] == list(CLASSES)
    assert defs["outcome"]["enum"] == [outcome.name for outcome in Outcome]


@pytest.mark.parametrize("name", VERDICTS)
def test_every_verdict_is_valid(tmp_path: Path, name: str) -> None:
    asked, word = VERDICTS[name]

    found = stored(tmp_path, **asked)

    VALIDATOR.validate(found)
    assert found["verdict"] == word


def test_a_verdict_with_rounds_failures_and_what_the_monitor_saw_is_valid(tmp_path: Path) -> None:
    run = synthetic_run(
        tmp_path,
        "high-contention",
        users=list(range(50)) * 10,
        answer=lambda place, kind, sched: Answer(Outcome.UNKNOWN, 0, 0.01, Failure.RESET),
    )
    line = {"at": 5_000_500_000_000, "target.cpu": 0.5, "target.processes": 1}
    (run.folder / "monitor.jsonl").write_text(json.dumps(line) + "\n")
    statement = {"query": "SELECT 1", "calls": 1, "seconds": 0.1, "rows": 1, "blocks": 1, "wal_bytes": 0}
    (run.folder / "statements.json").write_text(json.dumps([statement]))
    bind(run)

    found = report(run.folder)

    VALIDATOR.validate(found)
    assert found["rounds"]
    assert found["failures"]
    assert found["saturation"]["peaks"]
    assert found["statements"]


def unknown(*path: str | int) -> Damage:
    def damage(found: Document) -> None:
        place: Any = found
        for key in path:
            place = place[key]
        place["unknown"] = 1

    return damage


def wrong(value: Any, *path: str | int) -> Damage:
    def damage(found: Document) -> None:
        place: Any = found
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        unknown(),
        *(unknown(key, 0) for key in ("causes", "rules", "checks", "validity", "operations", "classes", "phases")),
        unknown("totals"),
        unknown("operations", 0, "outcomes"),
        wrong(SCHEMA + 1, "schema"),
        wrong("PERHAPS", "verdict"),
        wrong(0, "exit_code"),
        wrong("0.6", "rules", 0, "value"),
        wrong([0.6], "rules", 0, "interval"),
        wrong("FAIL", "rules", 0, "state"),
        wrong(-1, "checks", 0, "compared"),
        wrong(True, "operations", 0, "count"),
        wrong([0.5, 0.02], "spectrum", 0),
        wrong(None, "reason"),
        lambda found: found.pop("files"),
    ],
)
def test_an_unknown_key_or_a_wrong_type_is_refused(conditional: Document, damage: Damage) -> None:
    found = deepcopy(conditional)
    damage(found)

    with pytest.raises(ValidationError):
        VALIDATOR.validate(found)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Document:
    asked, _ = VERDICTS["conditional"]
    return stored(tmp_path_factory.mktemp("runs"), **asked)
