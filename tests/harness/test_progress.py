"""The line of progress says how much waits in the queues of a target, if it tells, and on request each machine's."""

import json
import time
from pathlib import Path

from harness.progress import load_line, machine_lines
from tests.support.plans import varied


def test_what_waits_in_queues_is_said_where_the_target_tells_it(tmp_path: Path) -> None:
    queues, none = varied("orchestrator-load"), varied("sustained")
    began = time.monotonic_ns()
    assert "queued" not in load_line(tmp_path, queues, began)

    lines = [{"at": 1, "queue.depth": 7.0}, {"at": 2, "queue.depth": 1234.0}]
    (tmp_path / "monitor.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    assert load_line(tmp_path, queues, began).endswith("0 in flight · 1,234 queued")
    assert "queued" not in load_line(tmp_path, none, began)


def test_of_what_was_accepted_the_share_that_was_routed_is_said_where_the_target_counts_both(tmp_path: Path) -> None:
    counted = {"metrics.orchestrator_events_processed_total": 400, "metrics.orchestrator_events_routed_total": 398}
    lines = [{"at": 1, "queue.depth": 7.0}, {"at": 2, "queue.depth": 0.0, **counted}]
    (tmp_path / "monitor.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    assert load_line(tmp_path, varied("orchestrator-load"), time.monotonic_ns()).endswith("0 queued · 99.5 % routed")


def test_after_its_time_the_answers_that_are_waited_for_are_counted(tmp_path: Path) -> None:
    scenario = varied("sustained")
    over = time.monotonic_ns() - int(scenario.seconds * 1e9) - 10**9
    for share, flying in ((0, [9, 1200]), (1, [5, 3])):
        lines = [{"at": (n + 1) * 10**9, "ended": n, "errors": 0, "in_flight": f} for n, f in enumerate(flying)]
        (tmp_path / f"health-{share}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    assert load_line(tmp_path, scenario, over).startswith("waiting for the last 1,203 answers · ")
    assert load_line(tmp_path, scenario, time.monotonic_ns(), ending=True).startswith("waiting for the last 1,203 ")
    assert " left · " in load_line(tmp_path, scenario, time.monotonic_ns())

    for share in (0, 1):
        with (tmp_path / f"health-{share}.jsonl").open("a") as file:
            file.write('{"at": 9000000000, "ended": 9, "errors": 0, "in_flight": 0}\n')
    assert load_line(tmp_path, scenario, over).startswith("the last answers are there · ")


def test_each_machine_has_a_line_of_its_own(tmp_path: Path) -> None:
    for share, ended in enumerate((40, 20, 7)):
        lines = [{"at": second * 10**9, "ended": second * ended, "errors": second, "in_flight": 2} for second in (1, 2)]
        (tmp_path / f"health-{share}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (tmp_path / "machine-1.jsonl").write_text('{"at": 1, "machine.cpu": 1.26, "machine.cores": 4}\n{"at": 2, "machi')
    machines = [{"number": 1, "host": "near", "shares": [0, 1]}, {"number": 2, "host": "far", "shares": [2]}]

    assert machine_lines(tmp_path, machines) == [
        "machine 1, near: 120 operations · 60.0/s · 4 errors · 4 in flight · 1.3 of 4 cores",
        "machine 2, far: 14 operations · 7.0/s · 2 errors · 2 in flight",
    ]
    assert machine_lines(tmp_path, []) == []
