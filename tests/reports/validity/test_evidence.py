"""Health, journals, workers and monitor: what is missing or torn is named."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import journal, journaled
from harness.errors import JournalError, RunError
from harness.run import Run
from harness.verdict import ValidityState
from reports.samples.evidence import gather
from tests.support.synthetic_run import BEGAN, EXPECTED, Answer, bind, synthetic_run
from tests.support.validity_runs import CROWDED, broken, conditions, monitored


def warned(run: Run) -> list[str]:
    return [one.id for one in conditions(run).values() if one.state == "warning"]


def test_health_that_stops_is_no_health(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    path = run.folder / "health-0.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:9]))
    bind(run)

    assert conditions(run)["V2"].value == "load process 0 said nothing of its health for 7.5 s"


def test_the_last_line_of_health_may_be_torn(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    path = run.folder / "health-0.jsonl"
    path.write_text(path.read_text()[:-20])
    bind(run)

    assert broken(run) == []


def test_any_other_torn_line_is_damage(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    path = run.folder / "health-0.jsonl"
    path.write_text("{\n" + path.read_text())
    bind(run)

    with pytest.raises(RunError, match=r"health-0\.jsonl:1: not JSON"):
        gather(run.folder)


def test_the_slowest_loop_of_several_processes_counts(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    header = {**journaled.read(run.folder / "journal-0.bin").header, "worker": 1, "arrivals": 0, "began": BEGAN}
    journal.Journal(run.folder / "journal-1.bin", header).close()
    lines = [json.loads(line) for line in (run.folder / "health-0.jsonl").read_text().splitlines()]
    slow = [{**line, "lags_us": [30_000] * 50, "flying": [0] * 50} for line in lines]
    (run.folder / "health-1.jsonl").write_text("\n".join(map(json.dumps, slow)) + "\n")
    bind(run)

    assert broken(run) == ["V2"]


def test_a_journal_of_another_run_is_refused(tmp_path: Path) -> None:
    run, other = synthetic_run(tmp_path / "one"), synthetic_run(tmp_path / "other")
    (other.folder / "journal-0.bin").replace(run.folder / "journal-0.bin")
    bind(run)

    with pytest.raises(JournalError, match=r"expected run .* as in run\.json"):
        gather(run.folder)


STAGES = [
    {"rate": 10, "for": "10s", "phase": "one"},
    {"pause": "1s"},
    {"pause": "2s", "scale": {"deliver": 4}},
    {"rate": 40, "for": "5s", "phase": "four"},
]


TABLE = {"arrivals": {"smoke": STAGES}, "service": {"deliver": {"processes": 1}}, "rules": ["ratio(errors) < 1%"]}


@pytest.mark.parametrize(
    ("facts", "value"),
    [
        ({"scaling": [{"service": "deliver", "processes": 4, "planned": 11.0, "done": 13.0}]}, None),
        ({"scaling": [{"service": "deliver", "processes": 4, "planned": 11.2, "done": 12.0}]}, None),
        (
            {"scaling": [{"service": "deliver", "processes": 4, "planned": 11.0, "done": 13.5}]},
            "4 processes of deliver were reached 500 ms after their load",
        ),
        (
            {"scaling": [{"service": "deliver", "processes": 4, "planned": 11.0, "done": None}]},
            "4 processes of deliver were never reached",
        ),
        (
            {"scaling": [{"service": "deliver", "processes": 3, "planned": 11.0, "done": 12.0}]},
            "4 processes of deliver were never reached",
        ),
        ({"scaling": []}, "4 processes of deliver were never reached"),
        ({}, "4 processes of deliver were never reached"),
        (
            {
                "scaling": [{"service": "deliver", "processes": 4, "planned": 11.0, "done": 12.0}],
                "scaling_failed": "no such command",
            },
            "scaling failed: no such command",
        ),
    ],
)
def test_workers_must_be_there_before_their_load(tmp_path: Path, facts: dict[str, Any], value: str | None) -> None:
    run = synthetic_run(tmp_path, table=TABLE, facts=facts)

    found = conditions(run)["SCALED"]

    assert found.state == ("ok" if value is None else "broken")
    assert value is None or value in found.value


@pytest.mark.parametrize(
    ("done", "value"),
    [
        (8.0, None),
        (14.9, None),
        (15.5, "2 processes of deliver were reached 500 ms after their load ended"),
        (None, "2 processes of deliver were never reached"),
    ],
)
def test_what_is_scaled_during_a_load_is_there_before_its_end(
    tmp_path: Path, done: float | None, value: str | None
) -> None:
    spike = [{"rate": 10, "for": "5s"}, {"rate": 40, "for": "10s", "phase": "spike", "scale": {"deliver": 2}}]
    change = {"service": "deliver", "processes": 2, "planned": 5.0, "done": done, "exit_code": 0}
    run = synthetic_run(tmp_path, table={**TABLE, "arrivals": {"smoke": spike}}, facts={"scaling": [change]})

    found = conditions(run)["SCALED"]

    assert (found.value if value else None) == value
    assert (found.state is ValidityState.BROKEN) == bool(value)


def test_nothing_is_scaled_where_the_plan_does_not_ask_for_it(tmp_path: Path) -> None:
    assert "SCALED" not in conditions(synthetic_run(tmp_path))


def test_statuses_do_not_apply_where_no_load_process_went_over_http(tmp_path: Path) -> None:
    def answer(place: int, kind: str, sched: float) -> Answer:
        return replace(EXPECTED[kind], status=0)

    alone = {"mix": {"process": 1}}
    elsewhere = conditions(synthetic_run(tmp_path / "sql", answer=answer, http=False, table=alone))["STATUSES"]
    silent = conditions(synthetic_run(tmp_path / "http", answer=answer, table=alone))["STATUSES"]

    assert (elsewhere.state, elsewhere.value) == (ValidityState.NOT_APPLICABLE, "its answers have no HTTP status")
    assert (silent.state, silent.value) == (ValidityState.BROKEN, "no answer below 500 had a status")


@pytest.mark.parametrize(
    "facts",
    [
        {"target": {"ours": False, "url": "http://127.0.0.1:8000"}},
        {"database": {"ours": False, "url": "postgresql://***@localhost/x"}},
        {"database": {"ours": False, "url": "postgresql:///x"}},
    ],
)
def test_a_target_or_database_of_the_users_on_this_machine_is_not_taken_for_others(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    found = conditions(monitored(synthetic_run(tmp_path, facts=facts), **CROWDED))["V9"]

    assert (found.state, "not of this run" in found.value) == ("ok", False)


def test_a_monitor_that_died_is_told(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, facts={"monitor": {"died": True}})

    assert (warned(run), broken(run)) == (["MONITOR"], [])
    assert conditions(run)["MONITOR"].value == "the monitor ended before the load did: see monitor.log"


def test_a_monitor_that_was_silent_is_told(tmp_path: Path) -> None:
    run = monitored(synthetic_run(tmp_path), machine__canary=lambda s: 0.001)
    path = run.folder / "monitor.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))

    found = conditions(bind(run))["MONITOR"]

    assert (found.state, found.value) == ("warning", "the monitor took no sample for 12 s")


@pytest.mark.parametrize("rule", ["max(resource.target.rss) < 1GB", "count(deadlocks) == 0"])
def test_a_rule_on_what_the_monitor_samples_needs_it_all_the_time(rule: str, tmp_path: Path) -> None:
    table = {"rules": [rule, "ratio(errors) < 1%"]}
    run = synthetic_run(tmp_path, table=table, facts={"monitor": {"died": True}})
    found = conditions(monitored(run, target__rss=lambda s: 1e8))["MONITOR"]

    assert found.state == "broken"
    assert found.value.endswith(f"{rule} rests on its samples")


def test_of_a_load_that_ended_early_the_monitor_need_not_sample_the_rest(tmp_path: Path) -> None:
    run = monitored(synthetic_run(tmp_path), machine__canary=lambda s: 0.001)
    for name, left in (("monitor.jsonl", 4), ("health-0.jsonl", 5)):
        path = run.folder / name
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:left]))

    assert conditions(bind(run))["MONITOR"].state == "ok"


def test_that_users_sent_something_is_claimed_only_where_it_is_known(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    assert conditions(run)["EXCEPTIONS"].title == "The users' own code raised nothing"

    for silent, state in ((1, "ok"), (2, "broken")):
        run.write("load.json", {**run.read("load.json"), "users": {"Buyer": {"users": 10, "silent": silent}}})
        found = conditions(bind(run))["EXCEPTIONS"]
        assert (found.state, found.title[-14:]) == (state, "sent something")
