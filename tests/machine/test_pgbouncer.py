"""Behind pgbouncer in transaction mode, verification leaves the service the sessions that it had."""

import os
import pwd
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from harness import database as databases
from harness import guard
from harness.database_url import parse
from harness.errors import GuardError
from harness.settings import Settings
from harness.stack import process
from tests.support.target_process import query
from verification import binary
from verification.reading import reader

pytestmark = pytest.mark.machine

INI = """
[databases]
{name} = host=127.0.0.1 port={port} dbname={name} user=postgres pool_size=1
alias = host=127.0.0.1 port={port} dbname={name} user=postgres pool_size=1
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
"""


@pytest.fixture
def pooled(database: str) -> Iterator[str]:
    """The URL of the same database through a pgbouncer that has one session with it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        pytest.skip("no pgbouncer here: `apt-get install pgbouncer`")
    folder = Path("/var/tmp") / f"proofload-pgbouncer-{os.getpid()}"
    folder.mkdir()
    # It refuses to run as root.
    owner = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    server, listen = parse(database), process.free_port()
    ini = folder / "pgbouncer.ini"
    ini.write_text(INI.format(name=server.name, port=server.port, listen=listen))
    folder.chmod(0o755)
    ini.chmod(0o644)
    running = process.start([program, str(ini)], folder / "log", {"PATH": os.environ["PATH"]}, owner)
    url = f"postgresql://postgres@127.0.0.1:{listen}/{server.name}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                query(url, "SELECT 1")
                break
            except psycopg2.OperationalError as error:
                if time.monotonic() > deadline:
                    pytest.fail(f"{error}{process.tail(folder / 'log')}")
                time.sleep(0.05)
        yield url
    finally:
        process.stop(running, signal.SIGINT)
        shutil.rmtree(folder)


SESSION = """
SELECT name, setting FROM pg_settings WHERE context IN ('user', 'superuser')
AND name NOT IN ('application_name', 'client_encoding') ORDER BY 1
"""


def test_a_service_writes_on_after_verification_read(pooled: str) -> None:
    query(pooled, "CREATE TABLE things (n integer PRIMARY KEY); INSERT INTO things VALUES (1)")
    service: Any = databases.driver(parse(pooled), "service")
    service.autocommit = True
    with service.cursor() as cursor:
        cursor.execute(SESSION)
        before = cursor.fetchall()
        with reader(pooled) as reading:
            assert abs(reading.clock_offset()) < 60 * 10**9
            assert reading.writers() == []
            assert reading.settings()["fsync"] == "on"
            assert reading.frame("SELECT n FROM things", {"n": "int64"})["n"].tolist() == [1]
            assert reading.columns("SELECT n::bigint FROM things", {"n": binary.WHOLE})["n"].tolist() == [1]
            with reading.snapshot():
                assert reading.row("SELECT count(*) FROM things") == (1,)
            reading.fingerprint(["things"])
            # The one session of the pool is free again, while the reader is still there.
            cursor.execute("INSERT INTO things VALUES (2)")
        cursor.execute(SESSION)
        assert cursor.fetchall() == before
    service.close()


def test_a_database_under_another_name_is_refused(pooled: str, database: str) -> None:
    guard.must_be(pooled, Settings())
    with pytest.raises(GuardError, match=f"says that it is 127.0.0.1/{parse(database).name}"):
        guard.must_be(parse(pooled).of("alias").url, Settings())
