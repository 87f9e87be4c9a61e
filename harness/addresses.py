"""Where a target is: what its URL says, every address of its name, which certificates are trusted. Load and probe both
take these from here, so that the one reaches what the other has found.
"""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from harness.errors import PlanError

Address = tuple[Any, ...]
"""What a socket connects to: host and port; of IPv6 two numbers more."""


@dataclass(frozen=True)
class Where:
    """What the URL of a target says."""

    name: str
    port: int
    prefix: str
    """What the path of each request begins with."""
    authority: str
    """Name and port as the URL has them, for the Host header."""
    secure: bool


def where(url: str) -> Where:
    """What `url` says; ValueError if it is none."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    return Where(parts.hostname or "", port, parts.path.rstrip("/"), parts.netloc, secure)


def look_up(place: Where, getaddrinfo: Callable[..., Any] | None = None) -> list[Address]:
    """All addresses of a target's name, each once; OSError or UnicodeError if it has none."""
    found = (getaddrinfo or socket.getaddrinfo)(place.name, place.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(each[4] for each in found if each[0] in (socket.AF_INET, socket.AF_INET6)))
    if not addresses:
        raise OSError(f"{place.name} has no IP address")
    return addresses


def family(address: Address) -> int:
    """The family of sockets that connect to `address`."""
    return socket.AF_INET6 if len(address) == 4 else socket.AF_INET


def trust(ca_file: str | None) -> ssl.SSLContext:
    """Trusts what the system trusts and the certificates in `ca_file` (PEM); PlanError if that has none.

    A peer that ends a connection without saying so is told from one that does.
    """
    context = ssl.create_default_context()
    # Python sets it, and OpenSSL then takes a cut for an end.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise PlanError(f"PERF_CA_FILE={ca_file}: {error}: expected certificates in PEM") from None
    return context
