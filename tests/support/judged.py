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

from harness import binding, catalogue, database, fingerprint, journaled
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
from systems import coupons, event_store
from tests.support.divided import found_alike, goes_on, remembered, verified_alike
from tests.support.plans import varied
from verification.__main__ import verify

# Rare kinds more often: what a fault needs must come often enough in a short load that none of it is due to luck.
MESSAGE_MIX = {"process": 76, "repeat": 9, "conflict": 4, "stranger": 3, "race": 4, "later": 4}
AUTHORIZATION_MIX = {
    "reserve": 56,
    "release": 17,
    "consume": 9,
    "repeat": 4,
    "reuse": 3,
    "stranger": 3,
    "forged": 5,
    "race": 3,
}
COUPON_MIX = {
    **coupons.MIX,
    "valid": 12,
    "redeem": 9,
    "contend": 18,
    "repeat": 7,
    "switch": 4,
    "switched": 7,
    "history": 3,
    "flood": 9,
}
EVENT_MIX = {
    **event_store.MIX,
    "append_1": 18,
    # Gaps must be open, and two must want the same version at once.
    "contend": 12,
    "stale": 6,
    "reuse": 3,
    "early_snapshot": 5,
    "slow": 6,
    "stream": 13,
    "restart": 3,
    "head": 8,
    "tail": 3,
    "token_at": 3,
    "read_snapshot": 8,
}
ORCHESTRATOR_MIX = {
    "bulk": 30,
    "ndjson": 10,
    "single": 14,
    "partial": 8,
    "poison": 6,
    "repeat": 10,
    "dry_run": 8,
    "refused": 4,
    "reload": 2,
    "orchestrations": 2,
    "config": 6,
}
"""And fewer events."""
ALL_IN_ONE = {
    "validation": {"work": "all", "visible_s": 0.8, "unacked": 40},
    **{name: {"processes": 0} for name in ("inventory", "payment", "fulfillment")},
}
"""The services behind the queues in one process, whose messages come again soon."""
LOADS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "messages": (
        "sustained",
        {
            "arrivals": {"smoke": [{"rate": 80, "for": "3s"}, {"burst": 40}, {"rate": 80, "for": "100ms"}]},
            "max_users": 60,
            "mix": MESSAGE_MIX,
        },
        # Each load copies the seeded database, and verification reads the pool whole.
        {"pool": {"users": 1_000, "strangers": 1_000}},
    ),
    "authorizations": (
        "mixed",
        {
            "stages": {"smoke": [{"users": 40, "for": "400ms", "in_step": True}, {"users": 40, "requests": 600}]},
            "think": "100ms",
            "mix": AUTHORIZATION_MIX,
        },
        {},
    ),
    "event_store": (
        "event-mixed",
        {
            "arrivals": {"smoke": [{"rate": 70, "for": "3s"}, {"burst": 40}, {"rate": 70, "for": "300ms"}]},
            "max_users": 24,
            "mix": EVENT_MIX,
        },
        {
            "pool": {"events": 20_000, "largest": 10_000},
            # A commit takes longer than two batches of a processor are apart: what is missing is looked for twice.
            "service": {"engine": {"slow_ms": 600, "processors": 3}},
        },
    ),
    "orchestrator": (
        "orchestrator-load",
        {
            "stages": {"smoke": [{"users": 12, "requests": 190}]},
            "think": "200ms",
            "mix": ORCHESTRATOR_MIX,
            "rules": ["p95(response_time) < 5s", "ratio(errors) < 50%"],
        },
        {"service": ALL_IN_ONE},
    ),
    "coupons": (
        "coupon-steady",
        {
            # With two processes the API is started anew: what waits must be logged by then.
            "arrivals": {
                "smoke": [
                    {"rate": 80, "for": "3s"},
                    {"burst": 100},
                    {"rate": 80, "for": "250ms"},
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

DISTURBED: dict[str, dict[str, Any]] = {
    "messages": {
        "arrivals": {
            "smoke": [
                {"rate": 60, "for": "2s"},
                {"rate": 60, "for": "5s", "phase": "killed", "disturb": "kill target"},
                {"rate": 60, "for": "2s"},
            ]
        },
        "mix": {"process": 60, "repeat": 20, "conflict": 20},
    },
    "authorizations": {
        "stages": {
            "smoke": [
                {"users": 40, "for": "2s"},
                {"users": 40, "for": "5s", "phase": "killed", "disturb": "kill target"},
                {"users": 40, "for": "2s"},
            ]
        },
        "think": "200ms",
    },
    "orchestrator": {
        "stages": {
            "smoke": [
                {"users": 12, "for": "2s"},
                {"users": 12, "for": "4s", "phase": "killed", "disturb": "kill target"},
                {"users": 12, "for": "2s"},
            ]
        },
    },
    "coupons": {
        "arrivals": {
            "smoke": [
                {"rate": 80, "for": "3s"},
                {"burst": 100},
                {"rate": 80, "for": "5s", "phase": "killed", "disturb": "kill target"},
                {"rate": 80, "for": "2s"},
            ]
        },
    },
}
"""What makes them loads in which the target is killed, of the systems whose data may show that."""

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
    "event_store": (
        "rolled_back_acknowledged batch_in_two stale_head loaded_late snapshot_ahead",
        "half_stored order_by_time wrong_tail load_of_any_tenant snapshot_of_any_tenant gaps_of_any_tenant",
        "invented_event gap_skipped at_or_after reserialised_when_read wrong_position",
        "reserialised sequence_cached token_saved_late snapshot_of_another ahead_accepted",
        "stored_all_the_same payload_cut or_query stored_for_any_tenant",
        "version_unchecked given_up_too_soon",
        "duplicate_accepted token_saved_first snapshot_of_nothing",
        "pool_changed stream_of_any_tenant min_of_time head_of_any_tenant append_of_any_tenant",
        "seq_skipped waits_for_gap version_of_any_tenant id_key_missing not_taken_back",
    ),
    "orchestrator": (
        "acked_first chunk_twice config_otherwise counter_wrong dead_letter_bare dry_run_enqueues dry_run_otherwise "
        "out_of_order step_skipped wrong_priority",
        "altered chunk_lost dead_letter_dropped invented miscounted refusals_counted_twice rule_ignored works_twice",
        "enqueued_later good_refused queue_unserved recorded_otherwise rejected_after_all reload_loses stored_twice "
        "visibility_short",
        "default_always failed_ignored poison_blocks shed_all_the_same",
        "acks_before_work altered_later dead_letter_twice poison_served put_elsewhere",
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


IN_PARTS = ("coupons", "event_store", "orchestrator")
"""Of each load of these it is shown that the same is found in parts."""


@dataclass(frozen=True)
class Judged:
    """A run whose load is over."""

    run: Run
    findings: list[Finding]
    second: list[Finding] = field(default_factory=list)
    """What was found when it was judged again, if it was."""

    def checks(self, state: CheckState, again: bool = False) -> set[str]:
        """The ids of the checks in that state; of those that were judged again."""
        return {finding.id for finding in (self.second if again else self.findings) if finding.state is state}

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """What is reported of it."""
        binding.seal(self.run)
        return report(self.run.folder)


def scenario_of(system: str, disturbed: bool = False) -> Scenario:
    """The short load of `system`; or that in which the target is killed."""
    name, table, tables = LOADS[system]
    more = DISTURBED[system] if disturbed else {}
    return varied(name, "smoke", {"drain": "8s", "timeout": "8s", **table, **more}, **tables)


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
    again: Callable[[Run], None] | None = None,
) -> Judged:
    """What the checks find of the load of `scenario` on a target of that variant; `between` gets its URL and gives that
    of what stands before it. `meanwhile` is called time and again during the load, and ends it as the signal that it
    names. `again` changes the folder before what was judged is judged a second time.
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
                stack = Stack(target_url, url, services, "", cluster)
                with looking(run, url):
                    assert put_load(run, Settings(), stack, lambda: meanwhile(run), progress)
            with remembered() as whole:
                first = verify(run, url)
            if system == "orchestrator" and goes_on(run):
                found_alike(run.folder / "apart", *whole[0], [3])
            elif system in IN_PARTS:
                verified_alike(run, url, 3)
            second = list[Finding]()
            if again:
                again(run)
                second = verify(run, url)
                if system in IN_PARTS and not goes_on(run):
                    verified_alike(run, url, 3)
            return Judged(run, first, second)
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
            if not self.of and len(journaled.read(run.folder / "journal-0.bin").records) >= self.operations:
                self.of = below("harness.load", str(run.folder))
                self.act()


def kill(*words: str) -> Callable[[], None]:
    """Kill the first of our processes with these words."""
    return lambda: below(*words)[0].kill()
