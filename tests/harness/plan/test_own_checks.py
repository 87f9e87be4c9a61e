"""Checks of the user's own are read from any plan, and refused with file and line if they can't be meant."""

from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.plan import reading
from harness.plan.scenario import OwnCheck, Quiesce
from harness.plan.text import describe
from harness.settings import Settings

PLAN = """\
system = "messages"

[check.orphans]
title = "Every message belongs to a user."
sql = \"\"\"
SELECT id FROM message_logs WHERE user_id NOT IN (SELECT id FROM users);
\"\"\"
before = true
severity = "major"
timeout = "5s"

[check.empty-users]
title = "Every user has a name."
sql = "SELECT id FROM users WHERE first_name = ''"

[quiesce]
sql = "SELECT count(*) FROM outbox"
within = "3s"

[scenario.own]
purpose = "to be checked"
users = { MessageSender = 1 }
max_users = 10
arrivals.smoke = [{ rate = 10, for = "2s" }]
rules = ["p95(response_time) < 500ms", "ratio(errors) < 1%"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text)
    return path


def test_they_become_part_of_the_scenario(tmp_path: Path) -> None:
    scenario = reading.find("own", "smoke", write(tmp_path, PLAN))

    assert scenario.own_checks == (
        OwnCheck(
            "orphans",
            "Every message belongs to a user.",
            "SELECT id FROM message_logs WHERE user_id NOT IN (SELECT id FROM users)",
            True,
            "major",
            5.0,
        ),
        OwnCheck(
            "empty-users",
            "Every user has a name.",
            "SELECT id FROM users WHERE first_name = ''",
            False,
            "blocker",
            30.0,
        ),
    )
    assert scenario.quiesce == Quiesce("SELECT count(*) FROM outbox", 3.0)


def test_the_dry_run_names_them(tmp_path: Path) -> None:
    text = describe(reading.find("own", "smoke", write(tmp_path, PLAN)), Settings())

    assert "checks of the plan\n  orphans: Every message belongs to a user.  (major, also before the load)\n" in text
    assert "\n  empty-users: Every user has a name." in text


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("[check.orphans]", "[check.Orphans]", 3, "expected a name of lower-case letters"),
        ('severity = "major"', 'severity = "mayor"', 9, "did you mean 'major'?"),
        ('title = "Every message belongs to a user."\n', "", 4, "lacks 'title'"),
        ('title = "Every user', 'titel = "Every user', 13, "lacks 'title'; there is titel"),
        ("before = true", "before = 1", 8, "expected true or false"),
        ("before = true", "befor = true", 8, "did you mean 'before'?"),
        ('timeout = "5s"', "timeout = 5", 10, "is not a duration"),
        ("sql = \"SELECT id FROM users WHERE first_name = ''\"", "sql = 7", 14, "expected a text"),
        ('within = "3s"', 'within = "soon"', 18, "is not a duration"),
        ('within = "3s"', 'in = "3s"', 18, "did you mean 'within'?"),
        ("[check.empty-users]", "[chek.empty-users]", 12, "did you mean 'check'?"),
    ],
)
def test_what_can_not_be_meant_is_refused(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    path = write(tmp_path, PLAN.replace(old, new, 1))

    with pytest.raises(PlanError) as caught:
        reading.find("own", "smoke", path)

    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{line}: "), str(caught.value)
