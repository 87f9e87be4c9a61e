"""A user of ours records metrics of its own; one that is refused counts as an exception of the user."""

import json
import subprocess
import sys
from pathlib import Path

from harness.settings import ROOT

SCRIPT = """
import json, sys, time
from pathlib import Path
from types import SimpleNamespace
from harness import own_metrics
from harness.journal import Journal
from harness.journaled import read
from harness.load.user import LoadUser
from harness.own_metrics import Recorder

journal = Journal(Path(sys.argv[1]) / "journal-0.bin", {"run": "r", "worker": 0, "kinds": ["buy"], "began": 1})
heard = []
session = SimpleNamespace(owed=[], exceptions=0, metrics=Recorder(journal.path))
events = SimpleNamespace(user_error=SimpleNamespace(fire=lambda **told: heard.append(str(told["exception"]))))
user = object.__new__(LoadUser)
user.session, user.environment = session, SimpleNamespace(events=events)

def buy(user):
    user.metric("cart_size", 17)
    user.metric("cached", False)
    user.metric("bought", count=2)
    user.metric("no name", 1)

user._tasks = {"buy": buy}
user._do("buy")
user._do("buy")
journal.close()
found = {one.name: [one.kind, one.values.tolist()] for one in own_metrics.read_all([read(journal.path)])}
print(json.dumps([found, session.exceptions, heard]))
"""


def test_a_user_records_and_a_malformed_name_is_an_exception_of_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found, exceptions, heard = json.loads(done.stdout)
    assert found == {
        "cart_size": ["trend", [17.0, 17.0]],
        "cached": ["rate", [0.0, 0.0]],
        "bought": ["counter", [2.0, 2.0]],
    }
    assert exceptions == 2
    assert heard[0] == "metric 'no name': expected a letter, then up to 63 letters, digits and _ . -"
