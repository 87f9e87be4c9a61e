"""Locust's own port, encrypted: its RPC trusts everybody and sends all in the open, so that on several machines the
join key of the load (`harness.machines.key`) stands before it.
"""

from types import SimpleNamespace
from typing import Any

import zmq.green
from locust.rpc import zmqrpc

from harness.machines.key import JoinKey


def encrypt(key: JoinKey) -> None:
    """From here on Locust's sockets of this process let in, and speak to, nobody but who has the key."""

    class Context(zmq.green.Context):  # type: ignore[type-arg]
        """Makes no other sockets."""

        def socket(self, socket_type: int, *arguments: Any, **options: Any) -> Any:
            made = super().socket(socket_type, *arguments, **options)
            if socket_type == zmq.green.ROUTER:
                key.listen(made)
            else:
                key.connect(made)
            return made

    rpc: Any = zmqrpc
    rpc.zmq = SimpleNamespace(**{**vars(zmq.green), "Context": Context})
