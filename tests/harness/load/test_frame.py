"""What a user of one's own gives the frame is recorded the same way, compiled or not."""

import json
import subprocess
import sys
from pathlib import Path

from harness.outcomes import Failure, Outcome
from harness.settings import ROOT
from tests.support.scripted_peer import OK, Peer, answering

SCRIPT = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from harness.journal import Journal
from harness.load.http import Connection, Origin
from harness.load.http_user import HttpUser
from harness.outcomes import Failure, Outcome

performed = []

class User(HttpUser):
    def perform(self, *given):
        performed.append(super().perform(*given))
        return performed[-1]

def broken():
    yield Outcome.ACK
    raise ValueError

user = object.__new__(User)
journal = Journal(Path(sys.argv[2], "journal-0.bin"), {"run": "run", "worker": 0, "kinds": ["x"]})
tally = SimpleNamespace(alone=True, bytes=[0], routes=[""])
user.session = SimpleNamespace(journal=journal, places={"x": 0}, tally=tally)
user.number, user.traced = 0, None
user.connection = Connection(Origin(sys.argv[1], 60))
user.frame = user.framed()
ack = Outcome.ACK, Failure.NONE, 0
for said in (ack, list(ack), ack[:2], (*ack, 0), broken()):
    try:
        user.send("x", "POST /x", 1, lambda _: b"{}", lambda _: said)
    except ValueError:
        pass
for body, headers in ((bytearray(b"{}"), bytearray(b"A: 1\\r\\n")), (memoryview(b"{}"), None)):
    user.send("x", "POST /x", 1, lambda _: body, lambda _: ack, headers=lambda _: headers)
print(json.dumps([len(performed), journal.records(0)[["outcome", "failure"]].tolist()]))
"""
DONE, LOST = [Outcome.ACK, Failure.NONE], [Outcome.UNKNOWN, Failure.KILLED]


def test_what_is_no_meaning_acknowledges_nothing_and_what_can_be_taken_for_bytes_is_sent(tmp_path: Path) -> None:
    peer = Peer(answering(*[OK] * 7))
    words = [sys.executable, "-c", SCRIPT, peer.url, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    peer.close()

    assert done.returncode == 0, done.stderr
    performed, ends = json.loads(done.stdout)
    assert ends == [DONE, DONE, LOST, LOST, LOST, DONE, DONE]
    assert performed == 4, "what a user does around `perform` is done around `send`, too"
    assert [b"A: 1\r\n" in head for head in peer.heads] == [False] * 5 + [True, False]
