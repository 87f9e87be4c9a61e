"""A run whose plan disturbs by every word that is ours to do: nothing is lost, all is on record, and it is GO."""

from pathlib import Path

import pytest

from harness.stack.process import free_port
from tests.support.pipeline_process import Pipeline

PLAN = """
system = "messages"
title = "Messages, disturbed"

# Limits that only a broken run can miss: no test is about speed.
[scenario.disturbed]
purpose = "every word once"
users = { MessageSender = 1 }
max_users = 100
service.deliver = { processes = 1 }
drain = "15s"
timeout = "8s"
arrivals.smoke = [
    { rate = 60, for = "1s", phase = "before" },
    { rate = 60, for = "1s", phase = "slow database", disturb = "delay 20ms postgres" },
    { rate = 60, for = "1s", phase = "slow", disturb = "delay 20ms" },
    { rate = 60, for = "1s", phase = "narrow", disturb = "throttle 100kB/s" },
    { rate = 60, for = "1s", phase = "cut", disturb = "cut connections" },
    { rate = 60, for = "1s", phase = "lossy", disturb = "drop answers 20%" },
    { rate = 60, for = "1s", phase = "unsure", disturb = "drop answers 10% postgres" },
    { rate = 60, for = "2s", phase = "still", disturb = "stop target 500ms" },
    { rate = 20, for = "12s", phase = "crashed", disturb = "kill postgres" },
    { rate = 20, for = "15s", phase = "killed", disturb = "kill target" },
    { rate = 60, for = "1s", phase = "after" },
]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }
rules = ['ratio(errors{phase=~"before|after"}) < 50%', "ratio(errors{phase=killed}) <= 100%", "count(deadlocks) == 0"]
"""


@pytest.mark.usefixtures("nurseries")
def test_every_word_of_ours_for_real(home: Path, tmp_path: Path) -> None:
    result = Pipeline(home, tmp_path / "runs", PLAN).run("disturbed", PERF_TARGET_PORT=str(free_port()))
    verdict, run = result.json("verdict.json"), result.json("run.json")
    lines = {line["disturb"]: line for line in run["disturbances"]}

    assert (result.code, result.checks("VIOLATED"), result.checks("UNDECIDED")) == (0, set(), set()), verdict["reason"]
    assert len(lines) == 9
    assert all(line["done"] and line["count"] and not line["failed"] for line in lines.values()), lines
    # Those that were committed though their answers were lost are not lost, nor are they sent twice.
    assert result.json("integrity.json")["resolved"]["committed"] > 0
    assert (result.folder / "settled.bin").exists()
    assert (run["postgres"]["crashed"], run["target"]["died"], run["interrupted"]) == (False, [], None)
    (condition,) = [one for one in verdict["validity"] if one["id"] == "DISTURBED"]
    assert condition["value"] == "9 of 9 were made"
    assert "Disturbed: kill postgres at " in (result.folder / "summary.md").read_text()
    assert 'id="disturbances"' in (result.folder / "report.html").read_text()
    assert "disturbed: delay 20ms postgres at " in result.out
