"""What a search finds of a queue whose capacity is known: how much it holds, how surely, and what broke first."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from harness import search as searching
from harness.journaled import read_all
from harness.outcomes import Outcome
from harness.plan.rules import Rule
from harness.run import Run
from harness.search import Record
from harness.verdict import RuleState, Verdict
from reports.__main__ import report
from reports.rules.evaluate import judge_of
from reports.rules.result import RuleResult
from reports.rules.search import searched as found_by_search
from reports.samples.evidence import gather
from reports.samples.scope import Mask
from reports.search import Searching
from systems import ids
from tests.support.plans import varied
from tests.support.searched import RULES, plan, queue, searched
from tests.support.synthetic_run import BEGAN, WALL, Answer, bind, synthetic_run
from tests.support.target_process import query, with_users

LIMIT = "value(capacity) >= 50/s"


@pytest.fixture(scope="module")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Record]:
    """A search of a target that does 60 a second."""
    return searched(tmp_path_factory.mktemp("sixty"), plan(rules=[*RULES, LIMIT]), queue(60))


@lru_cache
def verdict_of(run: Run) -> dict[str, Any]:
    return report(run.folder)


def again(tmp_path: Path, record: Record, rate: float = 60, **asked: Any) -> Run:
    """The same search with another record, or another run around it."""
    return synthetic_run(
        tmp_path, table={"arrivals": None, **plan(rules=[*RULES, LIMIT])}, answer=queue(rate)(), search=record, **asked
    )


@pytest.mark.parametrize("capacity", [30.5, 60, 137, 333])
def test_a_known_capacity_is_found_within_five_percent(tmp_path: Path, capacity: float) -> None:
    run, record = searched(tmp_path, plan(), queue(capacity))

    found = report(run.folder)["search"]

    assert found["rate"] == pytest.approx(capacity, rel=0.05)
    assert found["held"] <= capacity * 1.01
    assert found["broken"] >= capacity
    assert found["interval"][0] < found["held"] < found["interval"][1]
    assert found["interval"][0] < capacity < found["interval"][1]
    assert (found["unit"], found["over"], found["valid"], found["disagreements"]) == ("/s", True, True, [])
    assert [step["load"] for step in found["steps"]] == [step.load for step in record.steps]


def test_the_verdict_says_what_holds_how_surely_and_what_breaks(sixty: tuple[Run, Record]) -> None:
    verdict = verdict_of(sixty[0])

    sentence = verdict["search"]["sentence"]
    assert sentence.startswith("holds 59.1/s (95 %: 57.1/s to 64.3/s); breaks at 61.7/s: 96.7 % of what was offered")
    (rule,) = [rule for rule in verdict["rules"] if rule["text"] == LIMIT]
    assert (rule["value"], rule["state"], rule["n"]) == (59.1, RuleState.PASS, 9)
    assert rule["interval"] == verdict["search"]["interval"]
    assert verdict["verdict"] == Verdict.GO


def test_the_other_rules_are_those_of_the_steps_that_hold(sixty: tuple[Run, Record]) -> None:
    verdict = verdict_of(sixty[0])

    held = sum(step["load"] * 3 for step in verdict["search"]["steps"] if step["held"])
    (p95,) = [rule for rule in verdict["rules"] if rule["text"] == RULES[0]]
    assert p95["state"] == RuleState.PASS
    assert p95["n"] == pytest.approx(held, rel=0.04)  # and second halves of races
    assert max(step["p95"] for step in verdict["search"]["steps"]) > 0.25  # beyond its limit, where it broke


@pytest.mark.parametrize(("cpu", "held"), [(0.1, True), (1.5, False)])
def test_rules_on_what_the_monitor_has_are_judged_while_the_load_goes_on(
    tmp_path: Path, cpu: float, held: bool
) -> None:
    own = "max(resource.target.cpu) < 1"
    table = {"arrivals": None, **plan(rules=[*RULES, own, "count(deadlocks) == 0"])}
    record = searching.first(found if (found := varied("sustained", table=table).search) else pytest.fail("none"))
    run = synthetic_run(tmp_path, table=table, answer=queue(60)(), search=record)
    lines = [{"at": BEGAN + n * 10**9, "target.cpu": cpu, "db.deadlocks_total": 0} for n in range(30)]
    run.write_text("monitor.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    live = Searching(Run.open(run.folder), "")
    live.look(BEGAN + 30 * 10**9)

    assert live.record.steps[0].held is held
    assert [why.partition(" is ")[0] for why in live.record.steps[0].why] == [own] * (not held)


@pytest.mark.parametrize(
    ("above", "of", "proven", "said"),
    [
        (50, min, 40.0, "holds 40.0/s; nothing breaks up to 59.1/s, which is not proven: p95("),
        # Together with those beyond, which waver, it is not proven; by itself it is.
        (50, max, 40.0, "holds 40.0/s; nothing breaks up to 59.1/s, which is not proven: p95("),
        (0, min, None, "is not proven to hold anything; nothing breaks up to 59.1/s, which is not proven: p95("),
    ],
)
def test_what_is_not_proven_did_not_break(
    sixty: tuple[Run, Record], above: float, of: Callable[[list[float]], float], proven: float | None, said: str
) -> None:
    evidence = gather(sixty[0].folder)
    real = judge_of(evidence)

    def judge(rule: Rule, inside: Mask) -> RuleResult:
        result = real(rule, inside)
        loads = [one.end_rate for one, own in zip(evidence.samples.stretches, inside, strict=True) if own]
        doubted = rule.text == RULES[0] and result.state is RuleState.PASS and of(loads) > above
        return replace(result, state=RuleState.UNPROVEN) if doubted else result

    found = found_by_search(evidence, judge)
    assert found is not None
    assert (found.edge.held, found.proven, found.rate) == (59.1, proven, proven or 0.0)
    assert found.sentence.startswith(said)
    assert "; breaks at 61.7/s: 96.7 % of what was offered" in found.sentence
    assert [bool(step.unproven) for step in found.steps if step.held] == [
        step.load > above for step in found.steps if step.held
    ]


def test_every_rendering_has_it(sixty: tuple[Run, Record]) -> None:
    run, _ = sixty
    verdict_of(run)

    page = (run.folder / "report.html").read_text()
    assert "It holds 59.1/s (95 %: 57.1/s to 64.3/s); breaks at 61.7/s" in page
    drawing = page[page.index('aria-label="The load of each step of the search') :]
    drawing = drawing[: drawing.index("</figure>")]
    assert (drawing.count('class="line good"'), drawing.count('class="line broke"')) == (5, 4)
    assert 'class="band"' in drawing
    assert "✗&nbsp;broke" in page
    assert "Search: it holds 59.1/s" in (run.folder / "summary.md").read_text()


def test_a_search_without_a_limit_holds_at_least_so_much(tmp_path: Path) -> None:
    run, record = searched(tmp_path, plan(20, 70), queue(1000))

    found = report(run.folder)["search"]

    assert [step.load for step in record.steps] == [20, 40, 70]
    assert found["sentence"] == "holds at least 70.0/s: no step broke"
    assert (found["rate"], found["broken"], found["interval"]) == (70, None, None)


def test_a_search_that_breaks_in_its_first_step_says_so_and_is_not_go(tmp_path: Path) -> None:
    run, record = searched(tmp_path, plan(80, 300, rules=[*RULES, "value(capacity) >= 10/s"]), queue(10))

    verdict = report(run.folder)

    assert [step.load for step in record.steps] == [80, 80]
    assert verdict["search"]["sentence"].startswith("breaks in its first step, at 80.0/s: p95(response_time) < 250ms")
    assert verdict["search"]["rate"] == 0
    assert verdict["verdict"] == Verdict.NO_GO
    assert {rule["text"]: rule["state"] for rule in verdict["rules"]}["value(capacity) >= 10/s"] == RuleState.NO_GO


def test_errors_break_a_step_too(tmp_path: Path) -> None:
    def failing() -> Any:
        right, seen = queue(10_000)(), [0.0]

        def answer(place: int, kind: str, second: float) -> Answer:
            gap, seen[0] = second - seen[0], second
            return Answer(Outcome.UNKNOWN, 500, 0.004) if gap < 1 / 60 else right(place, kind, second)

        return answer

    run, _ = searched(tmp_path, plan(), failing)

    assert "ratio(errors) < 1% is NO-GO" in report(run.folder)["search"]["sentence"]


def test_users_are_searched_by_their_number(tmp_path: Path) -> None:
    table = plan(1, 64, max_users=None, search={"from": 1, "to": 64, "for": "3s", "by": "users"})
    record = Record(
        tuple(
            searching.Step(load, begin - 1, begin, held)
            for load, begin, held in [(1.0, 0.75, True), (2.0, 6.0, True), (4.0, 12.0, False), (3.0, 18.0, True)]
        ),
        "nothing is left to try",
        22.0,
    )
    moments = [
        (step.begin + 3 * place / (50 * step.load), "process", 0)
        for step in record.steps
        for place in range(int(50 * step.load))
    ]
    slow = {moment: 0.5 if 12 <= moment[0] < 15 else 0.02 for moment in moments}
    times = {round(second, 6): slow[second, kind, user] for second, kind, user in moments}
    run = synthetic_run(
        tmp_path,
        table={"arrivals": None, **table},
        moments=moments,
        search=record,
        answer=lambda _, kind, second: Answer(Outcome.ACK, 201, times[round(second, 6)]),
    )

    found = report(run.folder)["search"]

    assert (found["unit"], found["held"], found["broken"]) == ("users", 3, 4)
    assert found["rate"] == pytest.approx(50, rel=0.05)  # 50 a user in 3 s
    assert found["sentence"].startswith("holds 3 users (")
    assert "breaks at 4 users: p95(response_time) < 250ms" in found["sentence"]


def test_the_report_says_where_it_disagrees_with_what_was_decided(sixty: tuple[Run, Record], tmp_path: Path) -> None:
    record = sixty[1]
    steps = [replace(step, held=not step.held) if place == 1 else step for place, step in enumerate(record.steps)]

    verdict = report(again(tmp_path, replace(record, steps=tuple(steps))).folder)

    said = "step-2 did not hold by what was known during the load, and held by the report"
    assert verdict["search"]["disagreements"] == [said]
    assert said in {one["id"]: one["value"] for one in verdict["validity"]}["SEARCH"]
    assert verdict["search"]["held"] == 59.1  # the report's own judgement counts


def test_what_only_the_database_says_is_judged_by_the_report(tmp_path: Path) -> None:
    table = plan(rules=[*RULES, "p95(end_to_end) < 1s"])

    run, record = searched(tmp_path, table, queue(60), completing=lambda at: at + (2.0 if at > 5004 else 0.1))

    verdict = report(run.folder)
    assert record.steps[1].held is True
    assert [step["held"] for step in verdict["search"]["steps"]][:2] == [True, False]
    assert "step-2 held by what was known during the load" in verdict["search"]["disagreements"][0]
    assert verdict["search"]["held"] == 20


def test_a_generator_that_gives_out_first_is_no_capacity(sixty: tuple[Run, Record], tmp_path: Path) -> None:
    verdict = report(again(tmp_path, sixty[1], lags_us=(30_000,) * 50).folder)

    assert verdict["verdict"] == Verdict.INVALID
    said = {one["id"]: one for one in verdict["validity"]}["SEARCH"]
    assert said["state"] == "broken"
    assert "the generator gave out first: its loop was 30 ms late at p99 in step-6, at 61.7/s" in said["value"]
    assert verdict["search"]["valid"] is False
    assert "No capacity of the target: the generator gave out first" in verdict["search"]["sentence"]
    assert any("Not valid, SEARCH: the generator gave out first" in cause["sentence"] for cause in verdict["causes"])

    busy = report(again(tmp_path / "busy", sixty[1], cpu=0.95).folder)
    assert "a load process used 95 % of a core in step-6" in busy["search"]["sentence"]


def watched(run: Run, share: Any) -> Run:
    """The run with what a monitor saw of its machine, of two cores: `share` of them in use at a second."""
    lines = [
        {
            "at": 5_000_000_000_000 + round((second + 0.5) * 1e9),
            "machine.cores": 2,
            "machine.cpu": 2 * share(second),
            "postgres.cpu": 2 * share(second),
        }
        for second in range(50)
    ]
    (run.folder / "monitor.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return bind(run)


def test_cores_that_are_shared_with_the_target_and_give_out_first_are_no_capacity(
    sixty: tuple[Run, Record], tmp_path: Path
) -> None:
    run = watched(again(tmp_path, sixty[1], facts={"host": {"cores": 2}}), lambda second: 0.99)

    verdict = report(run.folder)

    assert verdict["verdict"] == Verdict.INVALID
    assert "the cores that generator and target share gave out first: 99 % of them" in verdict["search"]["sentence"]


def test_cores_elsewhere_are_the_targets_own_and_are_named(sixty: tuple[Run, Record], tmp_path: Path) -> None:
    far = {"host": {"cores": 2}, "target": {"url": "http://10.1.2.3:80", "ours": False}}
    run = watched(again(tmp_path, sixty[1], facts=far), lambda second: 0.99)

    found = report(run.folder)["search"]

    assert found["valid"] is True
    assert "the machine's cores ran out first" in found["sentence"]


def test_cores_that_give_out_far_beyond_the_limit_decide_nothing(sixty: tuple[Run, Record], tmp_path: Path) -> None:
    beyond = sixty[1].steps[2]
    assert beyond.load == 80
    run = again(tmp_path, sixty[1], facts={"host": {"cores": 2}})
    watched(run, lambda second: 0.99 if beyond.begin <= second < beyond.begin + 3 else 0.5)

    assert report(run.folder)["search"]["valid"] is True


def test_a_search_that_was_ended_is_no_capacity(sixty: tuple[Run, Record], tmp_path: Path) -> None:
    verdict = report(again(tmp_path, replace(sixty[1], ended="", end=0.0)).folder)

    assert verdict["verdict"] == Verdict.INVALID
    assert "the search did not come to its end" in verdict["search"]["sentence"]


def test_a_search_of_which_no_step_was_judged_has_no_figures(sixty: tuple[Run, Record], tmp_path: Path) -> None:
    record = Record((replace(sixty[1].steps[0], held=None),))

    verdict = report(again(tmp_path, record).folder)

    assert verdict["verdict"] != Verdict.GO
    assert verdict["search"]["sentence"].startswith("no step was judged")
    assert {rule["state"] for rule in verdict["rules"]} == {RuleState.ERROR}


def test_a_record_that_was_changed_is_found_out(sixty: tuple[Run, Record], tmp_path: Path) -> None:
    run = again(tmp_path, sixty[1])
    path = run.folder / searching.FILE
    path.write_text(path.read_text().replace("59.1", "591.0"))

    verdict = report(run.folder)

    assert verdict["verdict"] == Verdict.INVALID
    assert "search.json was changed after the run ended" in verdict["reason"]


def test_a_record_that_is_missing_is_found_out(sixty: tuple[Run, Record], tmp_path: Path) -> None:
    run = again(tmp_path, sixty[1])
    (run.folder / searching.FILE).unlink()

    verdict = report(run.folder)

    assert verdict["verdict"] == Verdict.INVALID
    assert "search.json is missing" in verdict["reason"]


AFTERWARDS = "p99(end_to_end) < 2s"


def first_step(folder: Path) -> tuple[Run, dict[int, int]]:
    """A run of which one step is over, and when each message of it was acknowledged (µs since 1970)."""
    table = {"arrivals": None, **plan(rules=[*RULES, AFTERWARDS])}
    scenario = varied("sustained", table=table)
    assert scenario.search is not None
    run = synthetic_run(folder, table=table, answer=queue(60)(), search=searching.first(scenario.search))
    (one,) = read_all(run.folder)
    own = one.records["outcome"] == Outcome.ACK
    ends = (one.records["end"][own] - BEGAN + WALL) // 1000
    return Run.open(run.folder), dict(zip(one.numbers[own].tolist(), ends.tolist(), strict=True))


def store(url: str, run: Run, acked: dict[int, int], seconds: float, but: float) -> None:
    """The rows of them all, sent so long afterwards; every tenth `but` s afterwards, or never (0)."""
    for place, (op, at) in enumerate(acked.items()):
        after = seconds if place % 10 else but
        sent = (at + round(after * 1e6)) / 1e6 if after else None
        query(url, STORE, ids.uuid_of(1), ids.key(run.id, op), "SENT" if sent else "SCHEDULED", sent)


STORE = """
INSERT INTO message_logs (user_id, message_type, scheduled_send_time, message_content, idempotency_key, status, sent_at)
VALUES (%s, 'BIRTHDAY', now(), 'x', %s, %s, to_timestamp(%s))
"""


@pytest.mark.parametrize(("but", "held"), [(0.2, True), (4.0, False)])
def test_end_to_end_times_are_judged_while_the_load_goes_on(
    tmp_path: Path, database: str, but: float, held: bool
) -> None:
    url, (run, acked) = with_users(database, 1), first_step(tmp_path)
    store(url, run, acked, 0.1, but)
    live = Searching(run, url)

    live.look(BEGAN + 30 * 10**9)

    (step, *_) = live.record.steps
    assert step.held is held
    assert step.why == (() if held else (f"{AFTERWARDS} is NO-GO, with 4 s",))


def test_what_a_step_left_undone_is_awaited_for_a_while(tmp_path: Path, database: str) -> None:
    url, (run, acked) = with_users(database, 1), first_step(tmp_path)
    store(url, run, acked, 0.1, 0)
    live = Searching(run, url)
    assert run.scenario.search is not None
    end = run.scenario.search.seconds * 1.25
    last = end + searching.patience(run.scenario)

    for second in (end + 2, last - 1):
        live.look(BEGAN + round(second * 1e9))
        assert live.record.steps[0].held is None
    live.look(BEGAN + round((last + 1) * 1e9))
    assert live.record.steps[0].held is False
    assert AFTERWARDS in live.record.steps[0].why[0]


def test_a_step_is_judged_without_a_database_that_is_gone(tmp_path: Path) -> None:
    run, _ = first_step(tmp_path)
    live = Searching(run, "postgresql://nobody@127.0.0.1:1/none")

    live.look(BEGAN + 30 * 10**9)

    assert live.record.steps[0].held is True
