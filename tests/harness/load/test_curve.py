"""On several machines Locust's own port lets nobody in who does not have the key, and does not open without one."""

import subprocess
import sys

import pytest

from harness.machines.key import open_to_all
from harness.project import environment

SCRIPT = """
import zmq
from locust.rpc import Message, zmqrpc
from harness.load import curve
from harness.machines.key import JoinKey

curve.encrypt(JoinKey("ab" * 32))
server = zmqrpc.Server("127.0.0.1", 0)
friend = zmqrpc.Client("127.0.0.1", server.port, "friend")
curve.encrypt(JoinKey("cd" * 32))
stranger = zmqrpc.Client("127.0.0.1", server.port, "stranger")
plain = zmq.Context.instance().socket(zmq.DEALER)
plain.connect(f"tcp://127.0.0.1:{server.port}")
plain.send(Message("quit", None, "plain").serialize())
stranger.send(Message("quit", None, "stranger"))
friend.send(Message("hello", None, "friend"))
sender, message = server.recv_from_client()
print(sender, message.type, server.socket.poll(200))
for one in (stranger, friend, server):
    one.close(linger=0)
plain.close(linger=0)
"""


def test_a_worker_with_the_key_is_heard_and_others_are_not() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment(), capture_output=True, text=True)

    assert done.stdout == "friend hello 0\n", done.stderr


@pytest.mark.parametrize(
    ("words", "is_open"),
    [
        (["--worker", "--master-host", "10.0.0.1"], False),
        (["--master", "--master-bind-host", "127.0.0.1"], False),
        (["--master", "--master-bind-host", "0.0.0.0"], True),
        (["--master", "--master-bind-host"], True),
        (["--master"], True),
    ],
)
def test_which_masters_are_open_to_all(words: list[str], is_open: bool) -> None:
    assert open_to_all(words) == is_open


def test_a_master_beyond_this_machine_without_a_key_is_refused() -> None:
    words = [sys.executable, "-m", "harness.load", "--master", "--master-bind-host", "0.0.0.0"]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True)

    assert done.returncode == 2
    assert "a master beyond this machine without PERF_JOIN_KEY" in done.stderr
