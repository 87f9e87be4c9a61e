"""The requests of a traced run have the trace id of their operation, and those of another run have none."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.settings import ROOT
from systems import ids
from systems.traces import trace_of
from tests.support.scripted_peer import OK, Peer, answering

SEND = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from harness.journal import Journal
from harness.load.http import Connection, Origin
from harness.load.http_user import HttpUser
from locustfiles.orchestrator import Submitter
from harness.outcomes import Failure, Outcome
from systems import traces

url, run, traced, user_class, folder = json.load(sys.stdin)
user_class = {"HttpUser": HttpUser, "Submitter": Submitter}[user_class]
user = object.__new__(user_class)
journal = Journal(Path(folder, "journal-0.bin"), {"run": run, "worker": 0, "kinds": ["x"]})
for _ in range(77):
    journal.begin(0, 1, 1, 0, 0, 1, None, 0)
tally = SimpleNamespace(alone=True, bytes=[0], routes=[""])
user.session = SimpleNamespace(journal=journal, places={"x": 0}, tally=tally)
user.number = 0
user.traced = traces.header(run) if traced else None
user.connection = Connection(Origin(url, 60))
user.frame = user.framed()
body, judge = lambda number: b"{}", lambda answer: (Outcome.ACK, Failure.NONE, 0)
if user_class is HttpUser:
    user.send("x", "POST /x", 1, body, judge, headers=lambda number: b"X-Own: 1\\r\\n")
else:
    how = (0, "POST /x", body, None, user.connection)
    user.perform("x", 1, user._exchange_text, judge, how=how)
"""


@pytest.mark.parametrize(("user", "traced"), [("HttpUser", True), ("HttpUser", False), ("Submitter", True)])
def test_a_request_has_the_trace_of_its_operation(user: str, traced: bool, tmp_path: Path) -> None:
    peer = Peer(answering(OK))
    given = json.dumps([peer.url, ids.SAMPLE_RUN, traced, user, str(tmp_path)])
    subprocess.run([sys.executable, "-c", SEND], cwd=ROOT, input=given, text=True, check=True)
    peer.close()

    [head] = peer.heads
    found = re.findall(rb"\r\ntraceparent: 00-([0-9a-f]{32})-[0-9a-f]{16}-01\r\n", head)
    assert found == ([trace_of(ids.SAMPLE_RUN, 77).encode()] if traced else [])
    assert (b"\r\nX-Own: 1\r\n" in head) is (user == "HttpUser")
    assert b"\r\nContent-Length: 2\r\n" in head
