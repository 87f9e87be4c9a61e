"""`feed` of a scenario is read before anything is started, and refused with file and line."""

import json
from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.plan import reading, rule_checks, without_plan
from harness.plan.overrides import Overrides
from harness.plan.scenario import FeedFile, resolved
from harness.plan.text import describe
from harness.settings import Settings
from tests.harness.plan.test_plan import PLAN, write


def planned(folder: Path, feed: str, **files: str) -> dict[str, FeedFile]:
    for name, content in {"users_csv": "id\n1\n2\n", "items_jsonl": '{"a": 1}\n', **files}.items():
        (folder / name.replace("_", ".")).write_text(content)
    scenario = reading.find("test", "smoke", write(folder, f"{PLAN}feed = {feed}\n"))
    assert resolved(json.loads(json.dumps(scenario.as_json()))) == scenario
    return dict(scenario.feeds)


def test_a_feed_is_a_file_a_table_or_several_by_name(tmp_path: Path) -> None:
    [(name, one)] = planned(tmp_path, '"users.csv"').items()
    assert (name, one.file, one.order, one.rows) == ("feed", str(tmp_path / "users.csv"), "sequential", 2)
    assert planned(tmp_path, '{ file = "users.csv", order = "unique" }')["feed"].order == "unique"
    several = planned(tmp_path, '{ users = "users.csv", items = { file = "items.jsonl", order = "random" } }')
    assert {name: (one.order, one.rows) for name, one in several.items()} == {
        "users": ("sequential", 2),
        "items": ("random", 1),
    }


@pytest.mark.parametrize(
    ("feed", "said"),
    [
        ('"none.csv"', r"own\.toml:\d+: \[scenario\.test\] feed: .*none\.csv: No such file"),
        ('"bad.csv"', r"feed: .*bad\.csv:3: 1 fields, expected 2 \(a, b\)"),
        ('{ file = "users.csv", order = "shuffled" }', "order = 'shuffled'; .*known: random, sequential, unique"),
        ('{ order = "unique" }', "feed lacks 'file'"),
        ('{ file = "users.csv", oder = "unique" }', "unknown key 'oder'; did you mean 'order'"),
        ('{ users = "none.csv" }', r"feed\.users: .*none\.csv: No such file"),
        ('{ "A b" = "users.csv" }', "expected a name of lower-case letters"),
        ("3", "feed = 3: expected a table"),
    ],
)
def test_what_is_no_feed_is_refused(tmp_path: Path, feed: str, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        planned(tmp_path, feed, bad_csv="a,b\n1,2\n3\n")


def test_the_plan_tells_of_its_feeds_and_of_too_few_rows(tmp_path: Path) -> None:
    planned(tmp_path, '"users.csv"')
    scenario = reading.find("test", "smoke", tmp_path / "own.toml")

    assert f"feed      {tmp_path / 'users.csv'}: 2 rows, sequential" in describe(scenario, Settings())
    assert any("2 rows for 35 operations" in line for line in rule_checks.warnings(scenario))
    planned(tmp_path, '{ file = "users.csv", order = "random" }')
    again = reading.find("test", "smoke", tmp_path / "own.toml")
    assert not any("rows for" in line for line in rule_checks.warnings(again))


def test_a_locustfile_without_a_plan_can_have_one_too(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text("from locust import User\n\nclass Visitor(User):\n    pass\n")
    (tmp_path / "users.csv").write_text("id\n1\n")
    asked = without_plan.Asked(tmp_path / "theirs.py")

    scenario = without_plan.scenario(asked, "smoke", Overrides({"feed": "users.csv"}))

    assert scenario.feeds["feed"].rows == 1
