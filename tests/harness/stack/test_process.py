"""Processes that are ended, and ports for those that begin."""

import os
import socket
import subprocess
from typing import cast

import pytest

from harness.stack import process
from tests.support.nursery import Born, Nursery


def test_a_process_that_ends_unseen_is_not_signalled() -> None:
    """Between the look whether it goes on and the signal."""
    gone = subprocess.Popen(["true"])
    gone.wait()

    class Unseen(Born):
        def poll(self) -> int | None:
            return None

    Unseen(cast("Nursery", None), gone.pid).terminate()


def test_a_free_port_is_kept_for_who_asks_for_it() -> None:
    port = process.free_port()

    # As the system sees it when anybody asks for any port.
    with socket.socket() as any_port, pytest.raises(OSError, match="already in use"):
        any_port.bind(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)) as server:
        assert server.getsockname()[1] == port


@pytest.mark.parametrize("told", [True, False])
def test_the_end_of_a_process_is_waited_for_wherever_we_are(told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not told:
        monkeypatch.delattr(os, "pidfd_open")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as one:
        assert one.stdin is not None
        assert not process.ended_within(one, 0.01)
        one.stdin.close()
        assert process.ended_within(one, 60)
        assert process.ended_within(one, 0)


def test_one_that_does_not_end_when_it_is_asked_to_is_killed() -> None:
    with subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo; exec sleep 600"], stdout=subprocess.PIPE, start_new_session=True
    ) as one:
        assert one.stdout is not None
        one.stdout.readline()

        assert process.stop(one, grace=0.01) == -9
