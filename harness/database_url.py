"""Where a database is: its URL, taken apart once, for the guard, for libpq and for the target alike.

What libpq would take from elsewhere (another host in the query, a service file, PGHOSTADDR) is refused or left out, so
that the host that is looked at is the host that is connected to.
"""

import ipaddress
import os
import pwd
import re
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote, urlencode

from harness.errors import DatabaseError, nearest

FORM = "postgresql://user:password@host:port/name"
ENCODED = "where @ : / ? # and % in a user, password or name are written %40 %3A %2F %3F %23 and %25"

_URL = re.compile(
    r"""(?:postgres|postgresql)(?:\+\w+)?://
    (?:(?P<user>[^:@/?\#\s]*)(?::(?P<password>[^@/?\#\s]*))?@)?
    (?P<host>\[[0-9A-Fa-f:.]+\]|[^:@/?\#\s\[\]]*)(?::(?P<port>\d*))?
    (?:/(?P<name>[^@/?\#\s]*))?
    (?:\?(?P<query>[^@?\#\s]*))?""",
    re.VERBOSE,
)
"""No second @ anywhere: one may be a part of the password, which what follows it would be shown of."""
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]|/.*")
_SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
OF_TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl")
"""What libpq and asyncpg have in common."""
OF_LIBPQ = (
    *("sslnegotiation", "sslsni", "ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding"),
    *("gssencmode", "krbsrvname", "requirepeer", "connect_timeout", "tcp_user_timeout", "target_session_attrs"),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
)
IGNORED = ("application_name", "client_encoding")
"""We set these ourselves."""
KNOWN = ("hostaddr", "schema", "options", *OF_TLS, *OF_LIBPQ, *IGNORED)
ELSEWHERE = frozenset({"host", "port", "dbname", "user", "password", "passfile", "service", "servicefile"})
"""What would lead somewhere else than the URL says."""


@dataclass(frozen=True)
class Address:
    """A database on a server."""

    user: str
    password: str | None = field(repr=False)
    host: str
    """A name, an address, or the folder of a socket."""
    hostaddr: str
    """The address that is connected to, whatever that of the host is; "" = the host's."""
    port: int
    name: str
    schema: str
    """What its search path is to be; "" = the user's own."""
    options: tuple[tuple[str, str], ...] = field(repr=False)
    """Parameters of libpq."""

    @property
    def shown(self) -> str:
        """Its URL with the password as ***, and without what else may be secret."""
        user = quote(self.user, safe="") + ("" if self.password is None else ":***")
        query = {"hostaddr": self.hostaddr.strip("[]"), "schema": self.schema}
        said = urlencode({key: value for key, value in query.items() if value})
        return f"postgresql://{user}@{self._place(self.host)}{f'?{said}' if said else ''}"

    @property
    def url(self) -> str:
        """Its URL, as libpq and asyncpg both read it: for the target."""
        query = {key: value for key, value in self.options if key in OF_TLS} | self._session()
        user = quote(self.user, safe="") + ("" if self.password is None else f":{quote(self.password, safe='')}")
        # Spaces as %20: libpq takes a + for itself.
        where = self._place(self.hostaddr or self.host)  # asyncpg knows one of them only
        return f"postgresql://{user}@{where}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")

    def parameters(self) -> dict[str, Any]:
        """What psycopg2 connects with."""
        found: dict[str, Any] = {"host": self.host.strip("[]"), "port": self.port, "dbname": self.name}
        found |= {"user": self.user, **dict(self.options), **self._session()}
        found |= {"hostaddr": self.hostaddr.strip("[]")} if self.hostaddr else {}
        return found if self.password is None else {**found, "password": self.password}

    def of(self, name: str) -> "Address":
        """Another database on the same server."""
        return replace(self, name=name, schema="")

    def _place(self, host: str) -> str:
        written = quote(host, safe="") if host.startswith("/") else host
        return f"{written}:{self.port}/{quote(self.name, safe='')}"

    def _session(self) -> dict[str, str]:
        """The settings of its sessions, as a server takes them when a session begins."""
        said = [value for key, value in self.options if key == "options"]
        said += [f'-csearch_path="{self.schema}"'] if self.schema else []
        return {"options": " ".join(said)} if said else {}


def parse(url: str) -> Address:
    """`url` taken apart; DatabaseError, which shows no part of a password, for what is not one host and one name."""
    match = _URL.fullmatch(url)
    if match is None:
        raise DatabaseError(f"the database URL can't be read: expected {FORM}, {ENCODED}")
    query = _query(match["query"] or "")
    host, port = _decoded(match["host"]), match["port"] or ""
    if not host:
        host, port = query.pop("host", ""), query.pop("port", port)
    if "," in host:
        raise DatabaseError(f"the database URL names several hosts: expected one, {FORM}")
    if not _HOST.fullmatch(host) or not match["name"] or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise DatabaseError(f"the database URL lacks a host, a port or a name: expected {FORM}, {ENCODED}")
    password = None if match["password"] is None else _decoded(match["password"])
    user = _decoded(match["user"] or "") or _ourselves()
    schema, hostaddr = query.pop("schema", ""), _ip(query.pop("hostaddr", ""))
    found = Address(user, password, host, hostaddr, int(port or 5432), _decoded(match["name"]), schema, ())
    for word in query:
        if word in ELSEWHERE:
            raise DatabaseError(f"database URL {found.shown}: {word} in its query: expected {FORM}")
        if word not in KNOWN:
            raise DatabaseError(f"database URL {found.shown}: unknown {word!r} in its query; {nearest(word, KNOWN)}")
    if query.get("sslmode", SSLMODES[0]) not in SSLMODES:
        raise DatabaseError(
            f"database URL {found.shown}: sslmode={query['sslmode']}: {nearest(query['sslmode'], SSLMODES)}"
        )
    if schema and not _SCHEMA.fullmatch(schema):
        raise DatabaseError(f"the database URL has schema={schema!r}: expected letters, digits and underscores")
    return replace(found, options=tuple((key, value) for key, value in query.items() if key not in IGNORED))


def with_password(url: str, password: str) -> str:
    """`url` with that password for its user; DatabaseError if it has no user, or a password already."""
    if parse(url).password is not None:
        raise DatabaseError("the database URL has a password, and another was given: expected one of them")
    match = _URL.fullmatch(url)
    if match is None or not match["user"]:
        raise DatabaseError(
            "the database URL has no user, whose password was given: expected postgresql://user@host/name"
        )
    end = match.end("user")
    return f"{url[:end]}:{quote(password, safe='')}{url[end:]}"


def _query(text: str) -> dict[str, str]:
    """The words of a query, as libpq reads them: a + is a plus."""
    found: dict[str, str] = {}
    for pair in text.split("&") if text else []:
        key, equals, value = pair.partition("=")
        if not key or not equals or _decoded(key) in found:
            raise DatabaseError(
                f"the query of the database URL can't be read: expected each key once, {FORM}?key=value"
            )
        found[_decoded(key)] = _decoded(value)
    return found


def _decoded(text: str) -> str:
    """`text` without percent-encoding; DatabaseError where that is wrong."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise DatabaseError(f"the database URL has a % that encodes nothing: expected {FORM}, {ENCODED}")
    try:
        return _whole(unquote(text, errors="strict"))
    except UnicodeDecodeError:
        raise DatabaseError("the database URL is not UTF-8 where it is percent-encoded") from None


def _whole(text: str) -> str:
    if "\0" in text:  # where libpq would take it to end
        raise DatabaseError("the database URL has a %00 in it: expected none")
    return text


def _ip(text: str) -> str:
    """An address as a URL has it; DatabaseError unless `text` is one, or empty."""
    if not text:
        return ""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise DatabaseError(
            "the database URL has a hostaddr that is no address: expected one, such as 127.0.0.1"
        ) from None
    return f"[{found}]" if found.version == 6 else str(found)


def _ourselves() -> str:
    """The user of a URL without one: the one whose process this is, to libpq and asyncpg alike."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise DatabaseError(
            f"the database URL has no user, and user id {os.geteuid()} has no name here: expected {FORM}"
        ) from None
