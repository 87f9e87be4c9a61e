"""What is stored and not completed is counted, of this run alone; nothing is asked where no column tells."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import completed
from harness.run import Run
from systems import ids
from tests.support.plans import varied
from tests.support.target_process import query, with_users

STORE = """
INSERT INTO message_logs (user_id, message_type, scheduled_send_time, message_content, idempotency_key, status, sent_at)
VALUES (%s, 'BIRTHDAY', now(), 'x', %s, %s, %s)
"""


def test_what_is_not_sent_is_counted_of_this_run_alone(database: str, tmp_path: Path) -> None:
    url, run = with_users(database, 5), Run.create(tmp_path, varied("peak"), seed=1, interrupted=None)
    user = ids.uuid_of(1)
    query(url, STORE, user, ids.key(run.id, 7), "SENT", "2026-11-26 10:00:00+02")
    query(url, STORE, user, ids.key("20261120T235501abcdef", 9), "SCHEDULED", None)
    assert completed.waiting(run, url) == 0
    assert list(completed.latest(run, url, 9)) == [(7, 0, 1_795_680_000_000_000)]

    for number in (8, 10):
        query(url, STORE, user, ids.key(run.id, number), "SCHEDULED", None)
    assert completed.waiting(run, url) == 2


@pytest.mark.parametrize(
    "change", [{"completed": ""}, {"rows": ("", "")}, {"database": {"messages": "m", "key": "k", "sent": ""}}]
)
def test_where_no_column_tells_nothing_is_asked(tmp_path: Path, change: dict[str, Any]) -> None:
    run = Run.create(tmp_path, replace(varied("peak"), **change), seed=1, interrupted=None)

    assert completed.waiting(run, "postgresql://nobody@127.0.0.1:1/none") == 0
    assert list(completed.latest(run, "postgresql://nobody@127.0.0.1:1/none", 9)) == []
