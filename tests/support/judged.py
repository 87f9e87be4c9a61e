"""A load on a target with a fault, and what the checks find: without pipeline and monitor, reported only if asked for.

PostgreSQL stays up over all of them; each has a copy of a seeded database, a target and Locust processes of its own.
That is a third of what a run of the pipeline takes.
"""

import importlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import psutil

from harness import binding, catalogue, database, fingerprint, journal
from harness.check import Finding
from harness.errors import JournalError
from harness.fixtures import fixtures_of
from harness.load_stage import put_load
from harness.monitor.looks import PERIOD_S, Looks
from harness.monitor.postgres import DatabaseSampler
from harness.plan.scenario import Scenario
from harness.progress import Progress
from harness.run import Run
from harness.settings import Settings
from harness.stack.postgres import Postgres
from harness.stack.process import free_port
from harness.stack.services import Services
from harness.stack.stack import Stack
from harness.stack.variant import Variant
from harness.verdict import CheckState
from reports.__main__ import report
from schema.migrate import migrate
from systems import coupons
from tests.support.plans import varied
from verification.__main__ import verify

COUPON_MIX = {
    **coupons.MIX,
    "valid": 20,
    # More often than in a shop: in a short load each of them must meet what it is about.
    "contend": 18,
    "switch": 4,
    "switched": 7,
    "flood": 8,
}
LOADS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "messages": (
        "sustained",
        {
            "arrivals": {"smoke": [{"rate": 80, "for": "3s"}, {"burst": 40}, {"rate": 80, "for": "100ms"}]},
            "max_users": 60,
        },
        # Each load copies the seeded database, and verification reads the pool whole.
        {"pool": {"users": 1_000, "strangers": 1_000}},
    ),
    "authorizations": (
        "mixed",
        {
            "stages": {"smoke": [{"users": 40, "for": "400ms", "in_step": True}, {"users": 40, "requests": 600}]},
            "think": "100ms",
        },
        {},
    ),
    "coupons": (
        "coupon-steady",
        {
            # With two processes the API is started anew: what waits must be logged by then.
            "arrivals": {
                "smoke": [
                    {"rate": 80, "for": "3s"},
                    {"burst": 100},
                    {"rate": 80, "for": "100ms"},
                    {"pause": "4s", "scale": {"api": 2}},
                    {"rate": 40, "for": "250ms"},
                ]
            },
            "max_users": 110,
            "eventual": "2500ms",
            "mix": COUPON_MIX,
        },
        {
            "pool": {"users": 2_000},
            "service": {"api": {"flush_seconds": 2, "user_rate": 3}},
        },
    ),
}
"""For each system a scenario, what makes it short (long enough for each of its faults to show), and other tables."""

AT_ONCE: dict[str, tuple[str, ...]] = {
    "messages": (
        "ack_before_commit phantom_row replay_other_id commits_dont_wait check_dropped torn_delivery",
        "swallowed_error stored_twice conflict_overwrites unlogged pool_changed lost_delivery",
        "reject_after_write body_altered sent_early",
        "repeat_refused clock_steps_back lost_in_a_crowd redelivered",
        "stranger_used_a_key commits_later failed_delivery",
        "fresh_refused answer_first",
    ),
    "authorizations": (
        "ack_before_commit double_consume unsigned_believed unbalanced",
        "duplicate_is_success swallowed_error token_ignored refusals_misnamed",
        "commits_but_rejects commits_later expired_believed",
        "key_of_another_move half_written audience_ignored",
        "repeat_refused tenant_ignored wrong_units",
        "fresh_refused released_twice_at_once stale_reads",
        "spurious_reject another_authorization",
        "key_of_another_authorization leaks",
        "strangers_consume pool_changed",
    ),
    "coupons": (
        "dates_ignored batch_twice stale_history",
        "for_everybody other_user_logged use_lost",
        "rounded_down batch_lost invented_use",
        "cap_ignored invented_line not_counted",
        "minimum_ignored only_full_batches use_of_another",
        "per_user_ignored other_amount_logged nobody_limited",
        "status_cached never_done others_limited",
        "not_invalidated not_at_the_end",
        "checked_then_counted order_twice",
        "index_dropped pool_changed refused_all_the_same",
    ),
}
"""For each system the faults that don't hide each other, and which no check has in common: one load shows them all.

That each of them by itself is caught is shown by `make fault-matrix`."""


@dataclass(frozen=True)
class Judged:
    """A run whose load is over."""

    run: Run
    findings: list[Finding]

    def checks(self, state: CheckState) -> set[str]:
        """The ids of the checks in that state."""
        return {finding.id for finding in self.findings if finding.state is state}

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """What is reported of it."""
        binding.seal(self.run)
        return report(self.run.folder)


def scenario_of(system: str) -> Scenario:
    """The short load of `system`."""
    name, table, tables = LOADS[system]
    return varied(name, "smoke", {"drain": "8s", "timeout": "8s", **table}, **tables)


@contextmanager
def database_of(cluster: Postgres, scenario: Scenario) -> Iterator[str]:
    """The URL of a copy of the seeded database of the system and pool; the first to ask seeds it."""
    template = "_".join(["pool", scenario.system, *map(str, scenario.pool.values())])
    if template not in cluster.databases():
        url = cluster.create(template)
        migrate(scenario.system, url, scenario.database)
        with database.session(url, "test") as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        with TemporaryDirectory() as folder:
            importlib.import_module(f"seeding.{scenario.system}").seed(url, 1, scenario, Path(folder) / "data.json")
    name = f"judged_{uuid.uuid4().hex[:12]}"
    yield cluster.create(name, template)
    cluster.drop(name)


@contextmanager
def looking(run: Run, url: str) -> Iterator[None]:
    """Meanwhile what the monitor does: look at the rows."""
    sampler, ended = DatabaseSampler(url), Event()
    looks = Looks(run.folder, run.scenario, sampler.connected)

    def look() -> None:
        while not ended.wait(PERIOD_S[0]):
            looks.take()
        sampler.close()

    thread = Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def judged(
    cluster: Postgres,
    folder: Path,
    scenario: Scenario,
    variant: Variant,
    between: Callable[[str], AbstractContextManager[str]] = nullcontext,
    meanwhile: Callable[[Run], str | None] = lambda _: None,
) -> Judged:
    """What the checks find of the load of `scenario` on a target of that variant; `between` gets its URL and gives that
    of what stands before it. `meanwhile` is called time and again during the load, and ends it as the signal that it
    names.
    """
    system = scenario.system
    with database_of(cluster, scenario) as url, Progress() as progress:
        run = Run.create(folder / "runs", scenario, seed=1, command=[], interrupted=None)
        run.record(host=fingerprint.host(), versions=fingerprint.versions(), git={"commit": None, "dirty": None})
        seeding = importlib.import_module(f"seeding.{system}")
        services = Services(scenario.services, run, url, free_port(), variant)
        run.record(
            seeding=seeding.seed(url, 1, scenario, fixtures_of(run.folder)),
            target={"url": services.target_url, "ours": True, "services": {}, "fault": variant.fault, "died": []},
            database={"ours": True, **fingerprint.server(url)},
            monitor={"died": False},
            schema=catalogue.lines(url),
        )
        try:
            services.start()
            with between(services.target_url) as target_url:
                stack = Stack(target_url, url, services, "")
                with looking(run, url):
                    assert put_load(run, Settings(), stack, lambda: meanwhile(run), progress, ui=False)
            return Judged(run, verify(run, url))
        finally:
            services.stop()


def below(*words: str) -> list[psutil.Process]:
    """Our processes that have all these words on their command line; no nursery, which has words of others."""
    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            line = set(each.cmdline())
            found += [each] if set(words) <= line and "tests.support.nursery" not in line else []
    return found


@dataclass
class When:
    """Does something once, when so many operations have been begun; `of` are the processes of the load then."""

    operations: int
    act: Callable[[], None]
    of: list[psutil.Process] = field(default_factory=list)

    def __call__(self, run: Run) -> None:
        with suppress(JournalError):
            if not self.of and len(journal.read(run.folder / "journal-0.bin").records) >= self.operations:
                self.of = below("harness.load", str(run.folder))
                self.act()


def kill(*words: str) -> Callable[[], None]:
    """Kill the first of our processes with these words."""
    return lambda: below(*words)[0].kill()
