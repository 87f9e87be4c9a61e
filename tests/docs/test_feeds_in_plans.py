"""The example of docs/plans.md about feeds is a plan that can be read, and its lines draw what they say."""

import re
from pathlib import Path

from harness.feed import SEQUENTIAL, Feed, Lease, Rows
from harness.plan import reading
from harness.settings import ROOT

SECTION = (ROOT / "docs" / "plans.md").read_text().split("\n## Feeds\n")[1].split("\n## ")[0]


def test_its_example_is_a_plan_whose_rows_are_drawn_as_it_says(tmp_path: Path) -> None:
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", SECTION, re.DOTALL))
    (tmp_path / "mine.toml").write_text(blocks["toml"])
    (tmp_path / "theirs.py").write_text("from locust import User\n\nclass Visitor(User):\n    pass\n")
    (tmp_path / "people.csv").write_text("name\nAda\n")
    (tmp_path / "orders.jsonl").write_text('{"id": 1}\n{"id": 2}\n{"id": 3}\n')

    feeds = reading.find("logins", "smoke", tmp_path / "mine.toml").feeds
    open_ = {name: Feed(Rows(Path(one.file)), one.order, Lease(None, 1), "1/0") for name, one in feeds.items()}

    def feed(count: int = 0, *, name: str) -> object:
        rows = [open_[name].draw() for _ in range(count or 1)]
        return rows if count else rows[0]

    drawn: dict[str, object] = {"feed": feed}
    exec("\n".join(line for line in blocks["python"].splitlines() if not line.startswith("from")), drawn)

    assert drawn["me"] == {"name": "Ada"}
    assert drawn["batch"] == [{"id": 1}, {"id": 2}]
    assert feeds["orders"].order == SEQUENTIAL
    assert len(blocks["toml"].splitlines()) <= 10
