"""What ran out first is named with its figures, and nothing is named that did not run out."""

from pathlib import Path
from typing import Any

import pytest

from reports.samples.monitor_lines import lines
from reports.tables.saturation import LASTING, saturation

SECOND = 10**9
BEGAN = 100 * SECOND


def course(seconds: int = 10, **values: Any) -> list[dict[str, float]]:
    """A line a second; a value is a number, or a function of the second."""
    return [
        {"at": BEGAN + at * SECOND, **{name: value(at) if callable(value) else value for name, value in values.items()}}
        for at in range(seconds)
    ]


def names(**values: Any) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in values.items()}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (names(target__cpu=lambda at: 0.95 if at >= 4 else 0.1, target__processes=1), "First the target's cores ran"),
        (names(generator__cpu=0.99, generator__processes=1), "First the generator's core ran"),
        (names(target__rss=95e6, target__limit=100e6), "First the memory of the target's container ran"),
        (names(machine__cpu=3.9), "First the machine's cores ran"),
        (names(postgres__cpu=3.8), "First PostgreSQL's cores ran"),
        (names(db__connections=95, db__limit=100), "First the database's connections ran"),
        (names(metrics__pool_connections=8, metrics__pool_in_use=8), "First the target's pool of connections ran"),
        (names(db__active=8, db__waiting__lock=8), "First locks in the database ran"),
    ],
)
def test_every_resource_can_run_out(values: dict[str, Any], said: str) -> None:
    found = saturation(course(**values), BEGAN, 10, cores=4)
    assert found["sentence"].startswith(said)


def test_the_first_to_run_out_is_named_with_its_second_and_the_others_after_it() -> None:
    values = names(
        target__cpu=lambda at: 0.97 if at >= 5 else 0.2,
        target__processes=1,
        db__active=6,
        db__waiting__lock=lambda at: 6 if at >= 2 else 0,
    )
    sentence = saturation(course(**values), BEGAN, 10, cores=4)["sentence"]
    assert sentence.startswith("First locks in the database ran out, 2 s after the beginning: 100 %")
    assert "then the target's cores" in sentence


def test_what_ran_out_is_listed_in_the_order_of_time() -> None:
    values = names(
        generator__cpu=lambda at: 0.99 if at >= 6 else 0.1,
        generator__processes=1,
        target__cpu=lambda at: 0.97 if at >= 5 else 0.2,
        target__processes=1,
    )

    found = saturation(course(**values), BEGAN, 10, cores=4)

    assert found["ran_out"] == [
        {"name": "the target's cores", "since": 5},
        {"name": "the generator's core", "since": 6},
    ]


def test_a_service_at_its_limit_shows_among_others_that_are_not() -> None:
    values = names(target__cpu=1.2, target__processes=4) | {
        **{"service.api.cpu": 0.2, "service.api.processes": 3},
        **{"service.deliver.cpu": 1.0, "service.deliver.processes": 1},
    }

    found = saturation(course(**values), BEGAN, 10, cores=8)

    assert found["ran_out"] == [{"name": "the cores of service deliver", "since": 0}]
    assert found["sentence"].startswith("First the cores of service deliver ran out")


@pytest.mark.parametrize(
    ("values", "retries"),
    [
        ({}, None),
        (names(metrics__requests_total=lambda at: at), None),
        (names(metrics__x_retries_total=7), 0),
        (names(metrics__x_retries_total=lambda at: 100 + 3 * at), 27),
        (names(metrics__x_retries_total=lambda at: at, metrics__y_retries_total=lambda at: at), 18),
        # Another process counts from 0.
        (names(metrics__x_retries_total=lambda at: at % 5), 8),
    ],
)
def test_retries_are_what_the_counters_of_the_target_grew_by(values: dict[str, Any], retries: float | None) -> None:
    assert saturation(course(**values), BEGAN, 10, cores=4)["retries"] == retries


def test_a_hiccup_is_no_saturation() -> None:
    values = names(target__cpu=lambda at: 1.0 if at < LASTING - 1 else 0.3, target__processes=1)
    found = saturation(course(**values), BEGAN, 10, cores=4)
    assert found["sentence"] == (
        "Nothing ran out: of all that was watched over 10 s, the target's cores came closest, with 100 % of a core a "
        "process."
    )


def test_several_processes_have_a_core_each_but_no_more_than_there_are() -> None:
    values = names(target__cpu=1.9, target__processes=8)
    assert "First" not in saturation(course(**values), BEGAN, 10, cores=4)["sentence"]
    assert "First" in saturation(course(**values), BEGAN, 10, cores=2)["sentence"]


def test_what_was_not_during_the_load_does_not_count() -> None:
    values = names(target__cpu=lambda at: 1.0 if at >= 5 else 0.1, target__processes=1)
    assert "Nothing ran out" in saturation(course(**values), BEGAN, 4, cores=4)["sentence"]


def test_nobody_watched_is_not_nothing_ran_out() -> None:
    assert "nothing is known" in saturation([], BEGAN, 10, cores=4)["sentence"]
    assert "nothing is known" in saturation(course(), BEGAN, 10, cores=4)["sentence"]


def test_a_file_that_was_cut_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    assert lines(tmp_path) == []
    (tmp_path / "monitor.jsonl").write_text('{"at":1,"target.cpu":0.5}\n{"at":2,"x":"y"}\n[1]\n{"at":3,"targ')
    assert lines(tmp_path) == [{"at": 1, "target.cpu": 0.5}, {"at": 2}]


OTHERS = names(machine__cpu=1.96, machine__cores=2, run__cpu=0.3, postgres__cpu=0.2)


def test_what_others_used_up_did_not_run_out_by_this_run() -> None:
    found = saturation(course(**OTHERS), BEGAN, 10, cores=2)

    assert found["ran_out"] == []
    assert found["sentence"] == (
        "The machine was busy with other work: in 10 s its cores were 98 % in use, of which this run had 0.3 of 2. "
        "Nothing ran out: of all that was watched over 10 s, PostgreSQL's cores came closest, with 10 % of all cores."
    )
    [machine, _] = found["peaks"]
    assert (machine["share"], machine["of"]) == (0.98, "of all cores, this run 0.3 of 2")


@pytest.mark.parametrize(("own", "blamed"), [(0.97, False), (0.98, True), (1.9, True)])
def test_the_machine_ran_out_by_a_run_that_used_half_of_it(own: float, blamed: bool) -> None:
    found = saturation(course(**{**OTHERS, "run.cpu": own}), BEGAN, 10, cores=2)

    assert bool(found["ran_out"]) is blamed
    assert found["sentence"].startswith("First the machine's cores ran out") is blamed


def test_two_seconds_of_others_are_no_other_work() -> None:
    values = {**OTHERS, "machine.cpu": lambda at: 1.96 if at < LASTING - 1 else 0.5}

    assert saturation(course(**values), BEGAN, 10, cores=2)["sentence"].startswith("Nothing ran out")
