"""What an answer means, the body tells; what can't be read means nothing."""

import json
import subprocess
import sys
from typing import Any

import pytest

from harness.settings import ROOT
from systems import ids

JUDGE = """
import json, sys
from harness.load.http import Answer
from harness.plan.plans import reference
from locustfiles.authorizations import Practitioner
from locustfiles.messages import MessageSender
from systems import authorizations

out = []
for system, judge, contract, status, body in json.load(sys.stdin):
    user = object.__new__({"messages": MessageSender, "authorizations": Practitioner}[system])
    user.contract = {**reference(system, "contract"), **contract}
    about = [authorizations.subject(1001, 1, 5, "reserve")] if system == "authorizations" else []
    outcome, failure, said = getattr(user, judge)(*about, Answer(status, body.encode()))
    out.append([outcome.name, failure.name, said])
json.dump(out, sys.stdout)
"""

ID = "0198a6b2-7f00-7abc-8def-0123456789ab"
STATE = {"id": ids.uuid_of(1001), "totalUnits": 1000, "usedUnits": 0, "scheduledUnits": 5, "availableUnits": 995}


def message(status: int, body: Any, **contract: Any) -> tuple[Any, ...]:
    return "messages", "_judge", contract, status, body if isinstance(body, str) else json.dumps(body)


def conflict(status: int, body: Any, **contract: Any) -> tuple[Any, ...]:
    return "messages", "_judge_conflict", contract, status, body if isinstance(body, str) else json.dumps(body)


def units(judge: str, status: int, body: Any, **contract: Any) -> tuple[Any, ...]:
    return "authorizations", judge, contract, status, body if isinstance(body, str) else json.dumps(body)


def state(**more: Any) -> dict[str, Any]:
    return {**STATE, "version": 1, "replayed": False, **more}


NEW, DONE, NO = ("ACK", "NONE"), ("REPLAY", "NONE"), ("REJECT", "NONE")
UNREAD, UNKNOWN = ("UNKNOWN", "BAD_BODY"), ("UNKNOWN", "NONE")

ANSWERS = {
    "stored": (message(201, {"messageId": ID}), NEW),
    "stored under a number": (message(201, {"messageId": 17}), NEW),
    "stored before": (message(409, {"messageId": ID, "same": True}), DONE),
    "the key is another's": (message(409, {"messageId": ID, "same": False}), NO),
    "a 409 of somebody else": (message(409, {"error": "conflict"}), UNREAD),
    "a 409 that is a page": (message(409, "<html>"), UNREAD),
    "a 409 that is cut": (message(409, '{"messageId": "' + ID), UNREAD),
    "a 409 without a body": (message(409, ""), UNREAD),
    "a 409 that is a list": (message(409, [True]), UNREAD),
    "stored before, but says not what": (message(409, {"same": True}), UNREAD),
    "it says what in words": (message(409, {"messageId": ID, "same": "yes"}), UNREAD),
    "a contract without the word": (message(409, {"messageId": ID}, same=""), DONE),
    "a bare 409": (message(409, {"error": "conflict"}, same=""), DONE),
    "a bare 409 to another body": (conflict(409, {"error": "conflict"}, same=""), NO),
    "a 409 to another body": (conflict(409, {"messageId": ID, "same": False}), NO),
    "another body, told to be the same": (conflict(409, {"messageId": ID, "same": True}), DONE),
    "another body, stored": (conflict(201, {"messageId": ID}, same=""), NEW),
    "stored, without an id": (message(201, "", message_id=""), NEW),
    "stored before, without an id": (message(409, {"same": True}, message_id=""), DONE),
    "a 409 of somebody else, without an id": (message(409, "<html>", message_id=""), UNREAD),
    "stored, but says not what": (message(201, {"messageId": True}), UNREAD),
    "no such user": (message(404, "nobody"), NO),
    "a proxy gave up": (message(504, ""), UNKNOWN),
    "moved": (units("_judge_move", 200, state()), NEW),
    "moved before": (units("_judge_move", 200, state(replayed=True)), DONE),
    "moved, untold": (units("_judge_move", 200, state(replayed=None)), NEW),
    "too few units": (units("_judge_move", 409, {"error": "insufficient_units"}), NO),
    "a 409 of a proxy": (units("_judge_move", 409, "<html>"), UNKNOWN),
    "a move that can't be read": (units("_judge_move", 200, "<html>"), UNREAD),
    "again": (units("_judge_again", 200, state(replayed=True)), DONE),
    "again, untold": (units("_judge_again", 200, state(), replayed=""), DONE),
    "again, and says that it is new": (units("_judge_again", 200, state()), NEW),
    "again, unreadable": (units("_judge_again", 200, "{"), UNREAD),
    "a 409 to a repeat": (units("_judge_again", 409, "<html>"), UNKNOWN),
    "its id in capitals": (units("_judge_move", 200, state(id=STATE["id"].upper())), NEW),
    "its id without hyphens": (units("_judge_move", 200, state(id=STATE["id"].replace("-", ""))), NEW),
    "another id": (units("_judge_move", 200, state(id=ids.uuid_of(1002))), NEW),
    "refused by its own status and word": (
        units(
            "_judge_move", 400, {"error": "Bad Request"}, conflicts={"reserve": {"status": 400, "error": "Bad Request"}}
        ),
        NO,
    ),
    "the status of another move": (
        units(
            "_judge_move", 400, {"error": "Bad Request"}, conflicts={"release": {"status": 400, "error": "Bad Request"}}
        ),
        UNKNOWN,
    ),
    "available is not told": (units("_judge_move", 200, {**state(), "availableUnits": None}, available=""), NEW),
    "it is, though the contract has it": (units("_judge_move", 200, {**state(), "availableUnits": None}), UNREAD),
    "no id": (units("_judge_move", 200, state(id=None)), NEW),
}


@pytest.fixture(scope="module")
def judged() -> dict[str, list[Any]]:
    """What each of ANSWERS means. In a process of its own, as Locust changes the one that imports it."""
    asked = json.dumps([answer for answer, _ in ANSWERS.values()])
    done = subprocess.run([sys.executable, "-c", JUDGE], cwd=ROOT, input=asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(zip(ANSWERS, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("name", ANSWERS)
def test_the_body_tells_what_an_answer_means(name: str, judged: dict[str, list[Any]]) -> None:
    assert tuple(judged[name][:2]) == ANSWERS[name][1]


def test_an_id_is_the_same_however_it_is_written(judged: dict[str, list[Any]]) -> None:
    said = {name: found[2] for name, found in judged.items()}

    assert said["stored"] == said["stored before"] == ids.digest(ID)
    assert said["stored under a number"] == ids.digest("17")
    assert said["its id in capitals"] == said["its id without hyphens"] == said["moved"]
    assert said["moved"] not in (said["another id"], said["no id"])
