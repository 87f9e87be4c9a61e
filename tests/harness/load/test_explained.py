"""The journal has a number for each failure; the log says what was wrong, of the first few."""

import subprocess
import sys
from pathlib import Path

from harness.settings import ROOT

SCRIPT = """
import logging, sys
from pathlib import Path
from types import SimpleNamespace
from harness.journal import Journal
from harness.load.http import Answer
from harness.load.http_user import HttpUser
from harness.load.session import EXPLAINED, Session
from harness.load.transport import NoAnswer
from harness.outcomes import Failure, Outcome

logging.basicConfig(format="%(message)s")
session = object.__new__(Session)
session._explained, session.id, session.expected, session.places = {}, "run", [{Outcome.ACK}], {"look": 0}
session._understood, session.run = True, None
session.tally = SimpleNamespace(alone=True, bytes=[0], routes=[""])
session.journal = Journal(Path(sys.argv[1], "journal-0.bin"), {"run": "run", "worker": 0, "kinds": ["look"]})
user = object.__new__(HttpUser)
user.session, user.number, user.traced = session, 0, None
user.frame = user.framed()

def do(answer, failure=Failure.NONE):
    def call(number):
        if isinstance(answer, Exception):
            raise answer
        return answer
    user.perform("look", 1, call, lambda _: (Outcome.UNKNOWN, failure, 0))

for _ in range(3):
    do(NoAnswer(Failure.BAD_HTTP, "Expected HTTP/"))
do(Answer(409, b"<html>"), Failure.BAD_BODY)
do(Answer(500, b"no failure of the client's"))
do(NoAnswer(Failure.READ_TIMEOUT))
for n in range(2 * EXPLAINED):
    do(NoAnswer(Failure.TOO_LARGE, str(n)))
"""


def test_each_reason_is_logged_once_and_of_a_failure_the_first_few(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "look run-0000000000000000: BAD_HTTP: Expected HTTP/",
        "look run-0000000000000003: BAD_BODY: 409 b'<html>'",
        *(f"look run-{6 + n:016x}: TOO_LARGE: {n}" for n in range(5)),
    ]
