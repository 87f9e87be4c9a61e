"""The requests of a traced run have the trace id of their operation, and those of another run have none."""

import json
import re
import subprocess
import sys

import pytest

from harness.settings import ROOT
from systems import ids
from systems.traces import trace_of
from tests.support.scripted_peer import OK, Peer, answering

SEND = """
import json, sys
from types import SimpleNamespace
from harness.load.http import Connection, Origin
from harness.load.http_user import HttpUser
from locustfiles.orchestrator import Submitter
from systems import traces

url, run, traced, user_class = json.load(sys.stdin)
user = object.__new__({"HttpUser": HttpUser, "Submitter": Submitter}[user_class])
user.session = SimpleNamespace(tally=SimpleNamespace(bytes=[0], routes=[""]))
user.traced = traces.header(run) if traced else None
exchange = user._exchange if user_class == "HttpUser" else user._exchange_text
headers = (lambda number: b"X-Own: 1\\r\\n") if user_class == "HttpUser" else None
exchange(77, 0, "POST /x", lambda number: b"{}", headers, Connection(Origin(url, 60)))
"""


@pytest.mark.parametrize(("user", "traced"), [("HttpUser", True), ("HttpUser", False), ("Submitter", True)])
def test_a_request_has_the_trace_of_its_operation(user: str, traced: bool) -> None:
    peer = Peer(answering(OK))
    given = json.dumps([peer.url, ids.SAMPLE_RUN, traced, user])
    subprocess.run([sys.executable, "-c", SEND], cwd=ROOT, input=given, text=True, check=True)
    peer.close()

    [head] = peer.heads
    found = re.findall(rb"\r\ntraceparent: 00-([0-9a-f]{32})-[0-9a-f]{16}-01\r\n", head)
    assert found == ([trace_of(ids.SAMPLE_RUN, 77).encode()] if traced else [])
    assert (b"\r\nX-Own: 1\r\n" in head) is (user == "HttpUser")
    assert b"\r\nContent-Length: 2\r\n" in head
