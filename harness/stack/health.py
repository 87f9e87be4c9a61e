"""Whether a target at TARGET_URL is up: asked once, as its contract says."""

import http.client
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from harness.errors import StackError

TIMEOUT_S = 5.0


def require(url: str, health: str | None) -> None:
    """StackError unless the target at `url` answers `health` (method and path) with 2xx; or, without one, listens."""
    if health is None:
        missing = _listens(url)
        asked = f"{url}: {missing}: expected a target that listens there"
    else:
        method, path = health.split(" ", 1)
        missing = ask(method, url + path)
        asked = f"{method} {url}{path}: {missing}: expected a target that answers 2xx"
    if missing:
        raise StackError(
            f"{asked}. Fix TARGET_URL, or unset it to use ours; [contract] health in the plan says what to ask"
        )


def ask(method: str, url: str) -> str | None:
    """None if `url` answers 2xx, else what it did."""
    try:
        # No proxy and no redirect: only the target itself counts.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
        with opener.open(urllib.request.Request(url, method=method), timeout=TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        return f"answers {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except http.client.HTTPException as error:
        return f"doesn't speak HTTP: {type(error).__name__}"
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def _listens(url: str) -> str | None:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=TIMEOUT_S):
            return None
    except (OSError, ValueError) as error:
        return str(error)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None
