"""Whether a target at TARGET_URL is up: asked once, as its contract says, at every address that the load would use."""

import http.client
import socket
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from harness import addresses
from harness.addresses import Address
from harness.errors import StackError

TIMEOUT_S = 5.0


def require(url: str, health: str | None, ca_file: str | None = None) -> None:
    """StackError unless the target at `url` answers `health` (method and path) with 2xx; or, without one, listens.

    `ca_file` (PEM) is trusted besides what the system trusts, for https.
    """
    if health is None:
        missing = _each(url, ca_file, lambda _: None)
        asked = f"{url}: {missing}: expected a target that listens there"
    else:
        method, path = health.split(" ", 1)
        missing = ask(method, url + path, ca_file)
        asked = f"{method} {url}{path}: {missing}: expected a target that answers 2xx"
    if missing:
        raise StackError(
            f"{asked}. Fix TARGET_URL, or unset it to use ours; [contract] health in the plan says what to ask"
        )


def ask(method: str, url: str, ca_file: str | None = None) -> str | None:
    """None if `url` answers 2xx, else what it did.

    Connections of the load go to all addresses of the name that have one to give: each of these must answer so.
    """
    return _each(url, ca_file, lambda sock: _wrong(method, url, sock))


def _each(url: str, ca_file: str | None, wrong: Callable[[socket.socket], str | None]) -> str | None:
    """None if an address of `url` can be connected to, and nothing is `wrong` with any that can; else what is."""
    try:
        place = addresses.where(url)
        context = addresses.trust(ca_file) if place.secure else None
        found = addresses.look_up(place)
    except (OSError, ValueError) as error:
        return str(error)
    refused: list[str] = []
    for address in found:
        try:
            sock = _connect(address, context, place.name)
        except OSError as error:
            refused.append(str(error))
            continue
        with sock:
            missing = wrong(sock)
        if missing:
            return missing if len(found) == 1 else f"{missing} (at {address[0]}, one of its {len(found)} addresses)"
    return "; ".join(dict.fromkeys(refused)) if len(refused) == len(found) else None


def _connect(address: Address, context: ssl.SSLContext | None, name: str) -> socket.socket:
    sock = socket.socket(addresses.family(address), socket.SOCK_STREAM)
    try:
        sock.settimeout(TIMEOUT_S)
        sock.connect(address)
        return context.wrap_socket(sock, server_hostname=name) if context else sock
    except BaseException:
        sock.close()
        raise


def _wrong(method: str, url: str, sock: socket.socket) -> str | None:
    """What is wrong with the answer to a request: None = nothing, it is 2xx. No redirect is followed."""
    place, parts = addresses.where(url), urlsplit(url)
    connection = http.client.HTTPConnection(place.name, place.port)
    connection.sock = sock
    try:
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request(method, path, headers={"Host": place.authority, "Connection": "close"})
        with connection.getresponse() as response:
            status = response.status
    except http.client.HTTPException as error:
        return f"doesn't speak HTTP: {type(error).__name__}"
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None if 200 <= status < 300 else f"answers {status}"
