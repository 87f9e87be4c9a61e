"""Nothing but loopback, or a host that was allowed by name, is ever loaded, seeded or cleaned."""

import ipaddress
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from harness import database, database_url
from harness.database_url import Address
from harness.errors import DatabaseError, GuardError
from harness.settings import Settings

WHO = """
SELECT current_database()::text, host(inet_server_addr()), pg_is_in_recovery(), current_schema()::text,
    current_setting('transaction_read_only')::boolean
"""
"""Who a server says that it is, and whether it lets us write. Its address is null at a socket."""


_PLAIN = re.compile(r"(?=[!-~]+$)[^\\%/]+//[^\\%/?#]+([/?#].*)?")
"""A URL in ASCII, whose host everybody reads alike."""


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its very name: localhost, 127.0.0.0/8, ::1, a socket folder."""
    if host.lower() == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def may_load(url: str, settings: Settings, setting: str = "TARGET_URL") -> None:
    """GuardError unless what listens at `url`, the value of `setting`, may get requests: loopback, or its host is in
    PERF_ALLOW_HOSTS.
    """
    if "@" in url:  # before anything is shown: what it is taken apart to may be a part of a password
        raise GuardError(f"{setting} has a user or password in it, which would be shown: expected none; @ is %40")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    shown = re.split("[?#]", url)[0]
    if parts.scheme not in ("http", "https") or not host or port == 0 or not _PLAIN.fullmatch(url):
        raise GuardError(f"{setting}={shown!r} is not a URL: expected http://host:port or https://host:port")
    if setting == "TARGET_URL" and shown != url:
        raise GuardError(f"{setting}={shown!r} goes on with {url[len(shown)]}, which would not be sent: expected none")
    if not is_loopback(host) and host not in settings.allow_hosts:
        raise GuardError(
            f"refused to load {host}: it is not this machine and was not allowed. "
            f"To allow exactly this host: PERF_ALLOW_HOSTS={host}"
        )


def on_loopback(url: str) -> bool:
    """Whether the database at `url` is on this machine, by its host and by its address if that is given too."""
    return _named_here(database_url.parse(url))


def _named_here(wanted: Address) -> bool:
    return all(is_loopback(each) for each in _places(wanted))


def _places(wanted: Address) -> list[str]:
    """The host and the address that were named: libpq connects to the second, if there is one."""
    return [each.strip("[]") for each in (wanted.host, wanted.hostaddr) if each]


def may_write(url: str, settings: Settings) -> None:
    """GuardError unless the database at `url` may be written: loopback, or its host/name in PERF_ALLOW_DATABASES."""
    parsed = database_url.parse(url)
    for place in _places(parsed):
        name = f"{place}/{parsed.name}"
        if not is_loopback(place) and name not in settings.allow_databases:
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


def must_answer(url: str, settings: Settings) -> None:
    """DatabaseError unless the database at `url` answers, or will be created where it is missing; GuardError if it
    turns out to be another than the URL says.
    """
    if database.missing(url):
        may_create(url)
    else:
        must_be(url, settings)


def must_be(url: str, settings: Settings) -> None:
    """GuardError or DatabaseError unless the server at `url` says that it is what may be written: to be asked before
    the first write. What listens at a port of ours may pass on to another machine, or to a database of another name.
    """
    with database.session(url, "guard") as cursor:
        cursor.execute(WHO)
        ((name, host, standby, schema, read_only),) = cursor.fetchall()
    judge(database_url.parse(url), str(name), host, settings)
    if standby:
        raise DatabaseError(f"{database.redacted(url)} is a standby, which can't be written: expected its primary")
    if read_only:
        user = database_url.parse(url).user
        raise DatabaseError(
            f"{database.redacted(url)} lets {user} read only (default_transaction_read_only): expected a user who may "
            "write; `ALTER ROLE … RESET default_transaction_read_only`, or the same of the database, fixes it"
        )
    wanted = database_url.parse(url).schema
    if wanted and schema != wanted:
        raise DatabaseError(
            f'{database.redacted(url)} has no schema {wanted} that its user may use: `CREATE SCHEMA "{wanted}"`'
        )


def judge(wanted: Address, name: str, host: str | None, settings: Settings) -> None:
    """GuardError if a server that was reached at `wanted` says that it is `name` at the address `host` (None: at a
    socket), which was neither meant nor allowed.
    """
    elsewhere = host is not None and _named_here(wanted) and not _here(host)
    named = _places(wanted)[0]
    found = f"{host if elsewhere else named}/{name}"
    if (elsewhere or name != wanted.name) and found not in settings.allow_databases:
        raise GuardError(
            f"refused to seed or clean the database {named}/{wanted.name}: the server that answers there says "
            f"that it is {found}. To allow exactly this database: PERF_ALLOW_DATABASES={found}"
        )


def _here(host: str) -> bool:
    """Whether the address `host` is this machine's own, or that of a container on it."""
    ip = ipaddress.ip_address(host)
    if ip.is_loopback:
        return True
    for interface, addresses in psutil.net_if_addrs().items():
        inside = _of_containers(interface)
        for each in addresses:
            if each.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            own = ipaddress.ip_address(each.address.partition("%")[0])
            network = f"{own}/{each.netmask}" if inside and each.family == socket.AF_INET else f"{own}"
            if ip in ipaddress.ip_network(network, strict=False):
                return True
    return False


def _of_containers(interface: str) -> bool:
    """Whether `interface` is a bridge that leads to no network card."""
    links = Path("/sys/class/net")
    ports = links / interface / "brif"
    return ports.is_dir() and not any((links / port.name / "device").exists() for port in ports.iterdir())
