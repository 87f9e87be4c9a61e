"""Other people's users are heard: what their code raises, wherever it does, and who of them sent nothing."""

import json
import subprocess
import sys
from typing import Any

import pytest

from harness.settings import ROOT


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What the crowds knew, of one process for all tests."""
    command = [sys.executable, "-m", "tests.support.crowds"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize(
    ("user", "text"),
    [
        ("Dies", "KeyError in on_start of Dies: 'token'"),
        ("Nested", "OSError in on_start of Nested: no file"),
        ("Fails", "ValueError in Fails: of a task"),
    ],
)
def test_what_their_code_raises_is_counted_once_and_named(found: dict[str, Any], user: str, text: str) -> None:
    told = found[user]

    assert list(told["raised"]) == [text]
    assert told["raised"][text] == told["exceptions"]
    assert told["users"] == {user: {"users": 1, "silent": 1}}
    assert user != "Dies" or told["exceptions"] == 1


def test_an_error_that_ends_a_user_at_its_end_is_counted_too(found: dict[str, Any]) -> None:
    assert found["LeavesBadly"]["raised"] == {"RuntimeError in on_stop of LeavesBadly: at the end": 1}


def test_an_error_at_the_end_of_a_set_of_tasks_is_counted_though_locust_only_logs_it(found: dict[str, Any]) -> None:
    text = "LookupError in on_stop of LeavesASet: of a set"

    assert list(found["LeavesASet"]["raised"]) == [text]
    assert found["LeavesASet"]["exceptions"] == found["LeavesASet"]["raised"][text] > 2
    assert (found["LeavesWell"]["raised"], found["LeavesWell"]["exceptions"]) == ({}, 0)


def test_users_that_sent_nothing_are_told_from_those_that_sent_from_greenlets_of_their_own(
    found: dict[str, Any],
) -> None:
    assert found["Sends"] == {
        "raised": {},
        "users": {"Sends": {"users": 1, "silent": 0}, "Quiet": {"users": 1, "silent": 1}},
        "exceptions": 0,
    }


def test_when_the_load_is_over_each_user_ends_by_itself_and_may_be_ended_again(found: dict[str, Any]) -> None:
    assert found["ended"]["raised"] == {}
    assert found["ended"]["stopped"] is False


def test_a_path_is_below_the_host(found: dict[str, Any]) -> None:
    host = "http://127.0.0.1:80"
    assert found["paths"] == [[f"{host}/items", f"{host}/items", f"{host}?page=1", host, "http://127.0.0.1:81/x"]] * 2


def test_the_crowds_of_all_processes_are_one(found: dict[str, Any]) -> None:
    assert found["together"] == [
        {"raised": {"a": 3}, "users": {"Buyer": {"users": 5, "silent": 1}, "Guest": {"users": 1, "silent": 1}}},
        {},
    ]
