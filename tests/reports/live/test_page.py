"""The page of a load that goes on says what its journal, health and monitor have, and no more."""

import json
import re
from pathlib import Path

import pytest

from harness import steered
from harness.outcomes import Outcome
from harness.run import Run
from reports.__main__ import report
from reports.live.course import Course
from reports.live.live import Live
from reports.live.page import now, shell
from reports.samples.evidence import gather
from tests.support.synthetic_run import BEGAN, EXPECTED, Answer, synthetic_run, taking


def live_of(folder: Path, second: float, over: bool = False) -> Live:
    """What is known of a run at a second of its plan; its journal has the whole already."""
    if not over:
        (folder / "load.json").unlink()
    live = Live(Run.open(folder))
    live.look(BEGAN + int(second * 1e9))
    return live


def test_it_says_where_the_load_is_what_ended_and_what_each_rule_says(tmp_path: Path) -> None:
    rules = ["p95(response_time) < 50ms", "p95(response_time) < 250ms", "max(end_to_end) < 5s"]
    run = synthetic_run(tmp_path, table={"rules": rules}, answer=taking(0.2))
    (run.folder / "health-0.jsonl").write_text(
        json.dumps({"second": 1, "users": 12, "cpu": 0.25, "lags_us": [200, 3_000]}) + "\n"
    )

    page = now(live_of(run.folder, 5))

    assert "second 5 of" in page
    assert '<span class="value">200 ms</span>' in page
    assert page.index("&lt; 50ms") < page.index("&lt; 250ms"), "what is missed comes first"
    assert page.count("✗ NO-GO</span>") == 1
    assert page.count("✓ PASS") == 1
    assert "Judged when the load is over: max(end_to_end) &lt; 5s" in page
    assert 'data-name="cores">0.25</td><td class="figure" data-name="loop late">3 ms</td>' in page
    assert page.count('class="chart"') == 2
    assert ">p95 &lt; 250 ms</text>" in page, "the limit is drawn"


def test_an_outcome_that_its_kind_may_not_have_is_marked(tmp_path: Path) -> None:
    run = synthetic_run(
        tmp_path, answer=lambda place, kind, s: Answer(Outcome.UNKNOWN, 500) if place < 3 else EXPECTED[kind]
    )

    page = now(live_of(run.folder, 5))

    assert "✗ no" in page
    assert '<span class="name">errors</span><b><span class="value">3</span>' in page


def test_before_the_first_operation_and_after_the_last_it_says_so(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    assert "… verifying</p>" in now(live_of(run.folder, 5, over=True))
    (run.folder / "journal-0.bin").unlink()
    before, page = now(live_of(run.folder, 5)), shell(Live(run))
    assert "◌ waiting</p>" in before
    assert 'class="glance"' not in before
    assert "Nothing here is a verdict" in page
    assert "<dt>target</dt><dd>http://127.0.0.1:8000 (the reference)</dd>" in page


def test_its_target_stands_there_as_soon_as_it_is_up(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    target = run.facts.pop("target")
    run.write("run.json", run.facts)
    live = live_of(run.folder, 1)
    assert "<dt>target</dt>" not in now(live)

    run.record(target=target)
    live.look(BEGAN + 2 * 10**9)
    assert "<dt>target</dt><dd>http://127.0.0.1:8000 (the reference)</dd>" in now(live)


def test_it_has_the_look_of_the_report_and_is_drawn_by_the_same_code(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    live = live_of(run.folder, 8)
    pages = [shell(live), now(live)]
    run.write("load.json", {"finished": True})
    report(run.folder)
    told = (run.folder / "report.html").read_text()

    assert re.findall(r"<style>(.*?)#steer", pages[0], re.DOTALL)[0].strip() in told
    for part in ('class="verdict is-', '<ul class="glance"', '<figure class="timeline"', '<table class="stacked'):
        assert part in told
        assert part in "".join(pages)


def test_a_percentile_has_the_limit_of_the_plan_beside_it(tmp_path: Path) -> None:
    rules = [
        "p95(response_time{op=process}) < 20ms",
        "p95(response_time{phase=steady}) < 30ms",
        "p95(response_time{phase!=burst}) < 250ms",
        "p99(service_time) < 90ms",
    ]

    page = now(live_of(synthetic_run(tmp_path, table={"rules": rules}).folder, 5))

    assert page.count("<small>limit 250 ms; 20 ms in the last 10 s</small>") == 1
    assert page.count("<small>limit ") == 1
    assert 'class="limit" d="M0 ' in page.split("<small>limit")[1].split("</li>")[0], "beside its course"


def test_a_figure_that_misses_its_limit_is_marked(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, table={"rules": ["p95(response_time) < 50ms"]}, answer=taking(0.2))

    assert '<li class="is-no-go"><span class="name">p95</span><b>✗ <span class="value">200 ms</span>' in now(
        live_of(run.folder, 5)
    )


def test_after_its_time_it_says_how_many_answers_are_waited_for(tmp_path: Path) -> None:
    run = synthetic_run(
        tmp_path, answer=lambda place, kind, s: Answer(Outcome.OPEN, 0, None) if place < 3 else EXPECTED[kind]
    )
    live = live_of(run.folder, run.scenario.seconds + 1)

    assert live.flying >= 3
    assert f"waiting for the last {live.flying} answers: " in now(live)


def test_what_a_person_changed_stands_there(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    assert "Changed by hand" not in now(live_of(run.folder, 5))
    steered.add(run.folder, {"second": 3.25, "users": 9, "spawn": 1.0})

    assert "9 users from 3.2 s on. This run is not comparable with others" in now(Live(Run.open(run.folder)))


def test_percentiles_are_exact_of_each_step_and_of_the_whole(tmp_path: Path) -> None:
    samples = gather(
        synthetic_run(tmp_path, answer=lambda p, kind, s: Answer(EXPECTED[kind].outcome, 200, p / 1000)).folder
    ).samples
    course = Course(15)
    course.add(samples)
    times = sorted(samples.frame["response_s"])

    assert course.width == 1
    assert course.whole(0.95) == pytest.approx(times[-(-95 * len(times) // 100) - 1], rel=1e-6)
    first = samples.frame["response_s"][samples.frame["sched"] < 1]
    assert course.percentiles(15, 1.0)[0] == pytest.approx(first.max(), rel=1e-6)
    assert sum(value or 0 for value in course.rates(15, True)) == samples.frame["ok"].sum()


def test_a_long_plan_has_wider_steps() -> None:
    assert Course(86_400).width == 360
    assert Course(86_400).begin(0) == [0]
    assert Course(0).whole(0.5) is None
