"""What was completed before a disturbance is kept, by operation and to the µs; nothing where no column tells."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import settled
from harness.plan.scenario import Scenario
from harness.run import Run
from systems import ids
from tests.support.plans import varied
from tests.support.target_process import query, with_users

STORE = """
INSERT INTO message_logs (user_id, message_type, scheduled_send_time, message_content, idempotency_key, status, sent_at)
VALUES (%s, 'BIRTHDAY', now(), 'x', %s, %s, %s)
"""


def run_of(folder: Path, scenario: Scenario) -> Run:
    return Run.create(folder, scenario, seed=1, interrupted=None)


def test_what_is_sent_is_kept_each_time_and_of_this_run_alone(database: str, tmp_path: Path) -> None:
    url, run = with_users(database, 5), run_of(tmp_path, varied("peak"))
    user, at = ids.uuid_of(1), "2026-11-26 10:00:00.123456+02"
    query(url, STORE, user, ids.key(run.id, 7), "SENT", at)
    query(url, STORE, user, ids.key(run.id, 8), "SCHEDULED", None)
    query(url, STORE, user, ids.key("20261120T235501abcdef", 9), "SENT", at)
    query(url, STORE, user, f"{run.id}-of nobody", "SENT", at)

    settled.take(run, url)
    settled.take(run, url)

    moment = np.datetime64("2026-11-26T08:00:00.123456", "us").astype(np.int64)
    assert settled.read(run.folder).tolist() == [(7, moment)] * 2


@pytest.mark.parametrize(
    "change", [{"completed": ""}, {"rows": ("", "")}, {"database": {"messages": "m", "key": "k", "sent": ""}}]
)
def test_where_no_column_tells_nothing_is_asked(tmp_path: Path, change: dict[str, Any]) -> None:
    run = run_of(tmp_path, replace(varied("peak"), **change))

    settled.take(run, "postgresql://nobody@127.0.0.1:1/none")

    assert len(settled.read(run.folder)) == 0
