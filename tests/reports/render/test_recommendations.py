"""Each recommendation follows from a finding that makes it appear, and from nothing else."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from reports.__main__ import report
from reports.render.recommendations import recommendations
from reports.tables import saturation
from tests.support.synthetic_run import synthetic_run

Record = dict[str, Any]
Found = Callable[[Record], None]


@pytest.fixture(scope="module")
def flawless(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The verdict on a run in which nothing was found."""
    run = synthetic_run(tmp_path_factory.mktemp("runs"))
    return report(run.folder)


def ran_out(name: str, since: float = 12.0, of: str = "of a core a process") -> Found:
    def found(verdict: Record) -> None:
        verdict["saturation"]["peaks"].append({"name": name, "share": 0.99, "of": of, "at": since, "n": 60})
        verdict["saturation"]["ran_out"].append({"name": name, "since": since})

    return found


def state(name: str, word: str, value: str = "the busiest load process used 95 % of a core over 5 s") -> Found:
    def found(verdict: Record) -> None:
        condition = next(one for one in verdict["validity"] if one["id"] == name)
        condition |= {"state": word, "value": value}

    return found


def unproven(needs: float | None) -> Found:
    return lambda verdict: verdict["rules"][0].update(state="UNPROVEN", needs=needs)


def scanning(ddl: str, times: int = 1) -> Found:
    one = {"calls": 20, "seconds": 1.5, "rows": 1, "blocks": 9, "wal_bytes": 0, "ddl": ddl}
    return lambda verdict: verdict.update(statements=[{"query": f"SELECT {n}", **one} for n in range(times)])


def retries(count: float) -> Found:
    return lambda verdict: verdict["saturation"].update(retries=count)


def exhausted(verdict: Record) -> None:
    verdict["classes"].append({**verdict["classes"][0], "class": "exhausted", "count": 7})


def answered(status: int) -> Found:
    return lambda verdict: verdict["failures"].append({"status": status, "count": 9})


def target(**facts: Any) -> Found:
    return lambda verdict: verdict["run"]["target"].update(facts)


def witness(**found: Any) -> Found:
    return lambda verdict: verdict["checks"][0].update(first=found)


def several(*found: Found) -> Found:
    def all_of_it(verdict: Record) -> None:
        for one in found:
            one(verdict)

    return all_of_it


def on_cores(count: int) -> Found:
    return lambda verdict: verdict["run"]["host"].update(cores=count)


def in_rounds(verdict: Record) -> None:
    verdict["rounds"] = {"rounds": 3}


SPENT = {"query": "SELECT 1 FROM slow", "calls": 1, "seconds": 9.0, "rows": 1, "blocks": 1, "wal_bytes": 0}
INDEX = "index CREATE UNIQUE INDEX message_key ON public.message_logs USING btree (user_id, key)"

APPEARS: dict[str, tuple[Found, list[str]]] = {
    "generator by its health": (
        state("V3", "broken"),
        ["95 % of a core", "PERF_PROCESSES=2", "core that nothing else"],
    ),
    "generator by a warning": (state("V3", "warning"), ["PERF_PROCESSES=2"]),
    "generator by its loop": (
        state("V2", "broken", "the loop was 90 ms late"),
        ["loop was 90 ms late", "PERF_PROCESSES=2"],
    ),
    "generator by the monitor": (ran_out(saturation.GENERATOR), ["its core: 99 % of a core", "second 12"]),
    "generator on one core": (
        several(state("V3", "broken"), on_cores(1)),
        ["this machine has 1 cores", "a machine of its own"],
    ),
    "generator of users who meet": (
        several(state("V3", "broken"), in_rounds),
        ["must be in one process", "core that nothing else"],
    ),
    "machine": (ran_out(saturation.MACHINE, of="of all cores"), ["All cores of the machine", "TARGET_URL"]),
    "service": (
        several(ran_out(saturation.TARGET), ran_out(f"{saturation.SERVICE}api")),
        ["service api used up", "more than its 2 processes", "SET='service.api.processes=…'", "PROFILER=py-spy"],
    ),
    "target": (ran_out(saturation.TARGET), ["The target's processes used up their cores (99 %"]),
    "PostgreSQL": (
        several(ran_out(saturation.POSTGRES), lambda verdict: verdict.update(statements=[SPENT])),
        ["PostgreSQL used up the cores", "SELECT 1 FROM slow"],
    ),
    "PostgreSQL, statements unknown": (ran_out(saturation.POSTGRES), ["look for its slowest statements"]),
    "pool": (
        ran_out(saturation.POOL, of="of its connections in use"),
        ["waited for a connection", "99 % of its connections in use", "raise it by SET='service.api.pool=…'"],
    ),
    "pool of one of several services": (
        several(ran_out(saturation.POOL), target(services={"api": 2, "deliver": 5})),
        ["SET='service.<name>.pool=…' (services: api, deliver)"],
    ),
    "pool of another's": (
        several(ran_out(saturation.POOL), target(ours=False)),
        ["raise the size of its pool; pool × processes must stay below max_connections"],
    ),
    "connections": (ran_out(saturation.CONNECTIONS), ["ran out of connections", "max_connections"]),
    "given up": (exhausted, ["7 operations were given up", "STRATEGY=conditional or STRATEGY=for_update"]),
    "given up though rows are locked": (
        several(exhausted, target(strategy="for_update")),
        ["try STRATEGY=conditional, under"],
    ),
    "given up by another's target": (several(exhausted, target(ours=False)), ["SELECT … FOR UPDATE, under READ"]),
    "retries": (retries(50.0), ["50 transactions again", "STRATEGY=conditional"]),
    "503": (answered(503), ["9 operations were answered 409 or 503", "SELECT … FOR UPDATE"]),
    "409": (answered(409), ["9 operations were answered 409 or 503"]),
    "locks": (
        ran_out(saturation.LOCKS, of="of the backends at work waited for one"),
        ["locks: 99 % of the backends", "shorten the transactions"],
    ),
    "index by its DDL": (
        witness(ddl="CREATE INDEX ON message_logs (user_id);"),
        ["(check X1): CREATE INDEX ON message_logs (user_id);"],
    ),
    "index that is gone": (
        witness(gone=[INDEX, "column public.x.y text"]),
        ["CREATE UNIQUE INDEX message_key ON public.message_logs USING btree (user_id, key);"],
    ),
    "key that is gone": (
        witness(gone=["constraint public.message_logs.message_key UNIQUE (user_id, key)", INDEX]),
        ["ALTER TABLE public.message_logs ADD CONSTRAINT message_key UNIQUE (user_id, key);"],
    ),
    "statements that scan": (
        scanning("CREATE INDEX ON public.orders (customer)", 2),
        ["all of a table", "(40 times, 3 s in all)", "SELECT 0", "try CREATE INDEX ON public.orders (customer);"],
    ),
    "unproven": (unproven(90.0), ["holds, unproven", "last about 1 m 30 s longer", "PERF_DURATION"]),
    "unprovable": (unproven(None), ["no length of a run would prove it"]),
}


@pytest.mark.parametrize("name", APPEARS)
def test_a_finding_makes_its_recommendation_appear_alone(flawless: Record, name: str) -> None:
    found, said = APPEARS[name]
    verdict = deepcopy(flawless)
    found(verdict)

    lines = recommendations(verdict)

    assert len(lines) == 1, lines
    assert [words for words in said if words not in lines[0]] == [], lines[0]


ABSENT: dict[str, Found] = {
    "a flawless run": lambda verdict: None,
    "a generator at ease": state("V3", "ok"),
    "a health that does not apply": state("V2", "not applicable"),
    "other conditions broken": state("V6", "broken", "the clock"),
    "high use that did not last": lambda verdict: verdict["saturation"]["peaks"].append(
        {"name": saturation.POOL, "share": 1.0, "of": "", "at": 1.0, "n": 9}
    ),
    "few retries": retries(1.0),
    "no retries told": lambda verdict: verdict["saturation"].update(retries=None),
    "refusals that the contract has": lambda verdict: verdict["classes"].append(
        {**verdict["classes"][0], "class": "conflict", "count": 99}
    ),
    "other failures": answered(500),
    "a witness that is no index": witness(gone=["column public.x.y text", "constraint public.x.c CHECK (y > 0)"]),
    "a rule that is missed": lambda verdict: verdict["rules"][0].update(state="NO-GO", needs=None),
    "a verdict of before, without what ran out": lambda verdict: [
        verdict["saturation"].pop(name) for name in ("ran_out", "retries")
    ],  # type: ignore[dict-item,func-returns-value]
    "a target that is not known": lambda verdict: verdict["run"].update(target=None, host=None),
}


@pytest.mark.parametrize("name", ABSENT)
def test_without_its_finding_nothing_is_recommended(flawless: Record, name: str) -> None:
    verdict = deepcopy(flawless)
    ABSENT[name](verdict)

    assert recommendations(verdict) == []


def test_what_spoils_the_figures_comes_first_and_the_unproven_last(flawless: Record) -> None:
    verdict = deepcopy(flawless)
    several(unproven(9.0), exhausted, ran_out(saturation.POOL), state("V3", "broken"))(verdict)

    begins = [line.split()[0] for line in recommendations(verdict)]

    assert begins == ["The", "Requests", "Operations", "Rule"]


def test_the_report_says_what_to_try_if_there_is_anything(tmp_path: Path) -> None:
    busy, calm = synthetic_run(tmp_path / "a", cpu=0.95), synthetic_run(tmp_path / "b")
    for run in (busy, calm):
        report(run.folder)

    assert "What to try" in (busy.folder / "report.html").read_text()
    assert "PERF_PROCESSES=2" in (busy.folder / "report.html").read_text()
    assert "What to try" not in (calm.folder / "report.html").read_text()


def test_what_a_check_has_named_is_not_recommended_again_by_a_scan(flawless: Record) -> None:
    verdict = deepcopy(flawless)
    witness(gone=["constraint public.message_logs.message_key UNIQUE (idempotency_key)"])(verdict)
    scanning("CREATE INDEX ON public.message_logs (idempotency_key)")(verdict)

    [line] = recommendations(verdict)
    assert "ADD CONSTRAINT message_key UNIQUE (idempotency_key)" in line


@pytest.mark.parametrize("statements", [None, [], [{"query": "SELECT 1"}], [{"query": "SELECT 1", "ddl": ""}]])
def test_statements_without_such_a_scan_recommend_nothing(flawless: Record, statements: Any) -> None:
    assert recommendations({**flawless, "statements": statements}) == []
