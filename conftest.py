"""What all tests share: a PostgreSQL of their own for each test process, and an environment without our variables."""

import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import hypothesis
import psycopg2
import pytest

from harness.stack import postgres, process
from harness.stack.postgres import Postgres
from tests.support.nursery import Nurseries

VARIABLES = (
    "TARGET_URL",
    "DATABASE_URL",
    "FAULT",
    "PROFILER",
    "PROFILE",
    "NO_COLOR",
    "FORCE_COLOR",
    "CI",
    "GITHUB_STEP_SUMMARY",
)

# Tests and ours are compiled once, not by each of the many processes that tests start: a tenth of the suite's time.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# No test is about speed: neither its own, nor that at which its examples are made. `make test` is a gate, and has the
# same examples each time; `make fuzz` has new ones.
hypothesis.settings.register_profile("fuzz", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("gate", hypothesis.settings.get_profile("fuzz"), derandomize=True)
hypothesis.settings.load_profile("gate")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting in the environment of the person who runs the tests reaches them."""
    for name in list(os.environ):
        if name in VARIABLES or name.startswith(("PERF_", "LOCUST_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The PERF_HOME of this test process."""
    path = tmp_path_factory.mktemp("home")
    yield path
    shutil.rmtree(postgres.folder(path), ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A running PostgreSQL, for the tests of this process that need no pipeline."""
    path = tmp_path_factory.mktemp("cluster")
    server = postgres.start(path)
    yield server
    server.stop()
    postgres.remove(path)


@pytest.fixture(scope="session")
def _nurseries() -> Iterator[Nurseries]:
    """Those of this test process."""
    nurseries = Nurseries()
    yield nurseries
    nurseries.close()


@pytest.fixture
def nurseries(_nurseries: Nurseries, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loads and targets are forked off a process that has their libraries, for tests that start many."""
    monkeypatch.setattr(process, "start", _nurseries.start)


EMPTY = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$
DECLARE it text;
BEGIN
    FOR it IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', it);
    END LOOP;
    EXECUTE format('ALTER DATABASE %I RESET ALL', current_database());
END $$;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""
"""Leaves of a database what `CREATE DATABASE` makes, which takes twenty times as long."""


@pytest.fixture(scope="session")
def _databases() -> list[str]:
    """The URLs of empty databases that tests are done with."""
    return []


@pytest.fixture
def database(cluster: Postgres, _databases: list[str]) -> Iterator[str]:
    """The URL of an empty database, of this test alone."""
    url = _databases.pop() if _databases else cluster.create(f"test_{uuid.uuid4().hex[:12]}")
    yield url
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(EMPTY)
    _databases.append(url)


ALLOW_SKIPS = "PERF_ALLOW_SKIPS"
"""The variable that lets a machine skip tests for want of something; elsewhere in CI a skipped test is a failure."""


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test that was skipped proves nothing, and must not pass for one that was run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if hasattr(session.config, "workerinput") or reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped and os.environ.get("CI") and not os.environ.get(ALLOW_SKIPS):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for report in skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            reporter.write_line(f"SKIPPED in CI: {report.nodeid}: {reason}", red=True)
        reporter.write_line(f"expected every test to run; {ALLOW_SKIPS}=1 allows this machine to skip", red=True)
