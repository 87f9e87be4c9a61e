"""SQL of a plan judges the run of somebody else's locustfile: a service that loses updates is NO-GO, a right one GO."""

from pathlib import Path

import pytest

from harness import binding, fingerprint
from harness.load_stage import put_load
from harness.plan import reading
from harness.progress import Progress
from harness.run import Run
from harness.settings import Settings
from harness.stack.stack import Stack
from reports.__main__ import report
from systems import ids
from systems.authorizations import HOT
from tests.support.authorization_target import moving, token, with_authorizations
from verification.__main__ import verify

THEIRS = """\
import itertools
import uuid

from locust import HttpUser, constant, task

AUTHORIZATIONS = {authorizations!r}


class Clinic(HttpUser):
    wait_time = constant(0.05)

    def on_start(self):
        self.client.headers["Authorization"] = "Bearer {token}"
        self.ids = itertools.cycle(AUTHORIZATIONS)

    @task
    def reserve(self):
        path = f"/api/authorizations/{{next(self.ids)}}/reserve"
        headers = {{"Idempotency-Key": str(uuid.uuid4())}}
        how = {{"headers": headers, "name": "reserve", "catch_response": True}}
        with self.client.post(path, json={{"units": 10}}, **how) as answer:
            if answer.status_code in (200, 409):
                answer.success()
"""
PLAN = '''\
[check.counted]
title = "No authorization has more units used and scheduled than it has."
sql = """
SELECT id, total_units, used_units, scheduled_units FROM authorizations WHERE used_units + scheduled_units > total_units
"""

[check.overbooked]
title = "No authorization was promised more often than it has units."
sql = """
SELECT a.id, a.total_units, sum(m.units) AS reserved
FROM authorizations a JOIN unit_movements m ON m.authorization_id = a.id
GROUP BY a.id HAVING sum(m.units) > a.total_units
"""
before = true

[scenario.theirs]
purpose = "somebody else's users"
locustfile = "theirs.py"
users = { Clinic = 1 }
stages.smoke = [{ users = 20, for = "2s" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 20, foreign_statuses = "100%" }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%"]
'''


@pytest.mark.parametrize(
    ("fault", "verdict", "states"),
    [
        ("none", "GO", {"counted": "HOLDS", "overbooked": "HOLDS"}),
        ("overbooked", "NO-GO", {"counted": "VIOLATED", "overbooked": "VIOLATED"}),
        # Each transaction writes both counters as it computed them from one read: only the movements contradict them.
        ("none_rc", "NO-GO", {"counted": "HOLDS", "overbooked": "VIOLATED"}),
    ],
)
def test_sql_of_the_plan_finds_lost_updates_under_a_locustfile_of_somebody_else(
    fault: str, verdict: str, states: dict[str, str], database: str, tmp_path: Path
) -> None:
    # All users are at the same authorization, and then at the next: those of the organization of practitioner 1.
    mine = [ids.uuid_of(n) for n in HOT[:5]]
    (tmp_path / "theirs.py").write_text(THEIRS.format(authorizations=mine, token=token()))
    (tmp_path / "plan.toml").write_text(PLAN)
    with moving(with_authorizations(database), fault) as units, Progress() as progress:
        run = Run.create(
            tmp_path / "runs",
            reading.find("theirs", "smoke", tmp_path / "plan.toml"),
            seed=1,
            command=[],
            interrupted=None,
        )
        run.record(
            host=fingerprint.host(),
            versions=fingerprint.versions(),
            git={"commit": None, "dirty": None},
            seeding=None,
            target={"url": units.target.url, "ours": False, "services": {}, "fault": None, "died": []},
            database={"ours": False, **fingerprint.server(database)},
            monitor={"died": False},
        )
        assert put_load(run, Settings(), Stack(units.target.url, database, None, ""), lambda: None, progress)
    verify(run, database)
    binding.seal(run)
    found = report(run.folder)

    assert (found["verdict"], {one["id"]: one["state"] for one in found["checks"]}) == (verdict, states), found[
        "reason"
    ]
