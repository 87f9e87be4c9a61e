"""The journal has a number for each failure; the log says what was wrong, of the first few."""

import subprocess
import sys

from harness.settings import ROOT

SCRIPT = """
import logging
from types import SimpleNamespace
from harness.load.http import Answer
from harness.load.http_user import HttpUser
from harness.load.session import EXPLAINED, Session
from harness.load.transport import NoAnswer
from harness.outcomes import Failure, Outcome

logging.basicConfig(format="%(message)s")
session = object.__new__(Session)
session._explained, session.id, session.flying, session.expected = {}, "run", 0, [{Outcome.ACK}]
session._understood, session.run = True, None
session.tally = SimpleNamespace(alone=True)
session.journal = SimpleNamespace(begin=lambda *_: 7, end=lambda *_: None)
user = object.__new__(HttpUser)
user.session, user.kinds, user._sched, user._waited_us, user.number = session, {"look": 0}, 0, 0, 0

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


def test_each_reason_is_logged_once_and_of_a_failure_the_first_few() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "look run-0000000000000007: BAD_HTTP: Expected HTTP/",
        "look run-0000000000000007: BAD_BODY: 409 b'<html>'",
        *(f"look run-0000000000000007: TOO_LARGE: {n}" for n in range(5)),
    ]
