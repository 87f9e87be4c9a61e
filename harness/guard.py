"""Nothing but loopback, or a host that was allowed by name, is ever loaded, seeded or cleaned."""

import ipaddress
from urllib.parse import urlsplit

from harness import database
from harness.errors import GuardError
from harness.settings import Settings


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its very name: localhost, 127.0.0.0/8, ::1, a socket folder."""
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def may_load(url: str, settings: Settings) -> None:
    """GuardError unless the target at `url` may get load: loopback, or its host in PERF_ALLOW_HOSTS."""
    parts = urlsplit(url)
    host = parts.hostname
    if parts.username is not None or parts.password is not None:
        raise GuardError(f"the target at {host} has a user or password in its URL, which would be shown: expected none")
    if parts.scheme not in ("http", "https") or not host:
        raise GuardError(f"target {url!r} is not a URL: expected http://host:port or https://host:port")
    if not is_loopback(host) and host not in settings.allow_hosts:
        raise GuardError(
            f"refused to load {host}: it is not this machine and was not allowed. "
            f"To allow exactly this host: PERF_ALLOW_HOSTS={host}"
        )


def may_write(url: str, settings: Settings) -> None:
    """GuardError unless the database at `url` may be written: loopback, or its host/name in PERF_ALLOW_DATABASES."""
    parsed = database.parse(url)
    name = f"{parsed.host}/{parsed.database}"
    if not is_loopback(parsed.host or "") and name not in settings.allow_databases:
        raise GuardError(
            f"refused to seed or clean the database {name}: it is not on this machine and was not allowed. "
            f"To allow exactly this database: PERF_ALLOW_DATABASES={name}"
        )
