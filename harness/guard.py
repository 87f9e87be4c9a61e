"""Nothing but loopback, or a host that was allowed by name, is ever loaded, seeded or cleaned."""

import ipaddress
import os
from urllib.parse import urlsplit

from harness import database
from harness.errors import DatabaseError, GuardError
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


def on_loopback(url: str) -> bool:
    """Whether the database at `url` is on this machine, by host and by address if that is given too."""
    parsed = database.parse(url)
    # libpq connects to hostaddr, whatever the host is called.
    address = parsed.query.get("hostaddr") or os.environ.get("PGHOSTADDR") or "127.0.0.1"
    return is_loopback(parsed.host or "") and all(map(is_loopback, str(address).split(",")))


def may_write(url: str, settings: Settings) -> None:
    """GuardError unless the database at `url` may be written: loopback, or its host/name in PERF_ALLOW_DATABASES."""
    parsed = database.parse(url)
    name = f"{parsed.host}/{parsed.database}"
    if not on_loopback(url) and name not in settings.allow_databases:
        raise GuardError(
            f"refused to seed or clean the database {name}: it is not on this machine and was not allowed. "
            f"To allow exactly this database: PERF_ALLOW_DATABASES={name}"
        )


def may_create(url: str) -> None:
    """DatabaseError, with the command that creates it, unless the missing database at `url` is on this machine."""
    if not on_loopback(url):
        raise DatabaseError(
            f"the server answers, but has no database {database.redacted(url)}, and one that is not on this machine "
            f"is not created: `{database.createdb(url)}`"
        )


def must_answer(url: str) -> None:
    """DatabaseError unless the database at `url` can be connected to, or will be created where it is missing."""
    if database.missing(url):
        may_create(url)
    else:
        database.connect(url, "stack").close()
