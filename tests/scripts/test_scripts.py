"""The commands of the requirement do what they say, and refuse what they can't do."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.settings import ROOT
from tests.harness.monitor.test_gauges import answering

SCRIPTS = ROOT / "scripts"
TOLD = {
    "queues": {
        "a-queue": {"depth": 7, "inFlight": 2, "oldestSeconds": 1.5, "redelivered": 0.25},
        "d": {"depth": 3, "deadLetters": True},
    }
}


def ran(name: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if key not in ("TARGET_URL", "ORCHESTRATOR_URL")}
    return subprocess.run(
        [str(SCRIPTS / name), *words], env=plain | environment, capture_output=True, text=True, timeout=60
    )


def test_every_script_can_be_run_and_is_one() -> None:
    for path in SCRIPTS.glob("*.sh"):
        assert os.access(path, os.X_OK), path
        assert subprocess.run(["bash", "-n", str(path)]).returncode == 0


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("run-perf-test-local.sh", [], "expected load, stress or spike"),
        ("run-perf-test-local.sh", ["soak"], "expected load, stress or spike"),
        ("wait-for-services.sh", [], "ORCHESTRATOR_URL is not set"),
        ("queue-stats.sh", [], "ORCHESTRATOR_URL is not set"),
        ("queue-stats.sh", ["/nowhere"], "expected the folder of a run"),
        ("monitor-queues.sh", [], "ORCHESTRATOR_URL is not set"),
    ],
)
def test_what_can_t_be_done_is_refused(name: str, words: list[str], expected: str) -> None:
    done = ran(name, *words)

    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_queues_are_shown_as_a_target_tells_them() -> None:
    with answering(json.dumps(TOLD).encode(), path="/api/orchestrator/queues") as url:
        once = ran("queue-stats.sh", ORCHESTRATOR_URL=url)
        twice = ran("monitor-queues-during-test.sh", "0.01", "0.01", ORCHESTRATOR_URL=url)
    gone = ran("queue-stats.sh", ORCHESTRATOR_URL=url)

    assert once.returncode == 0
    assert any(line.split() == ["a-queue", "7", "2", "1.5", "0.250"] for line in once.stdout.splitlines())
    assert any(line.split() == ["dead", "letters", "3"] for line in once.stdout.splitlines())
    assert twice.stdout.count("a-queue") == 2
    assert (gone.returncode, gone.stdout) == (1, "")


def test_of_a_run_the_most_is_shown(tmp_path: Path) -> None:
    lines = [{"at": n, "queue.a.depth": depth, "queue.a.oldest": 0.5} for n, depth in enumerate((3, 9, 4))]
    (tmp_path / "monitor.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    assert any(
        line.split() == ["a", "9", "0", "0.5", "0.000"]
        for line in ran("queue-stats.sh", str(tmp_path)).stdout.splitlines()
    )


def test_one_who_waits_is_told_when_the_target_is_up_and_when_it_never_was() -> None:
    with answering(b"{}", path="/api/orchestrator/health") as url:
        assert "is up" in ran("wait-for-services.sh", ORCHESTRATOR_URL=url).stdout
    never = ran("wait-for-services.sh", ORCHESTRATOR_URL=url, WAIT_SECONDS="1")
    assert never.returncode == 1
    assert "does not answer 2xx after 1 s" in never.stderr
