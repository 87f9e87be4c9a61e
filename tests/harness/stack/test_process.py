"""Processes that are ended, and ports for those that begin."""

import socket
import subprocess
from typing import cast

import pytest

from harness.stack.process import free_port
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
    port = free_port()

    # As the system sees it when anybody asks for any port.
    with socket.socket() as any_port, pytest.raises(OSError, match="already in use"):
        any_port.bind(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)) as server:
        assert server.getsockname()[1] == port
