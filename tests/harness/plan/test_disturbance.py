"""What a stage disturbs is written in a few words; what is not one of them is refused, before anything is sent."""

from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.plan import reading
from harness.plan.disturbance import FORMS, Disturbance, parse
from harness.plan.scenario import Scenario, resolved
from harness.plan.text import describe
from harness.settings import Settings

SERVICES = ("api", "deliver")


@pytest.mark.parametrize(
    ("text", "verb", "what", "amount"),
    [
        ("kill target", "kill", "target", 0),
        ("kill deliver", "kill", "deliver", 0),
        ("kill postgres", "kill", "postgres", 0),
        ("restart postgres", "restart", "postgres", 0),
        ("restart api", "restart", "api", 0),
        ("stop target 3s", "stop", "target", 3),
        ("stop postgres 500ms", "stop", "postgres", 0.5),
        ("cut connections", "cut", "target", 0),
        ("cut connections postgres", "cut", "postgres", 0),
        ("delay 200ms", "delay", "target", 0.2),
        ("delay 200ms target", "delay", "target", 0.2),
        ("delay 1s postgres", "delay", "postgres", 1),
        ("drop answers 1%", "drop", "target", 0.01),
        ("drop answers 0.5% postgres", "drop", "postgres", 0.005),
        ("throttle 1MB/s", "throttle", "target", 1e6),
        ("throttle 20kB/s postgres", "throttle", "postgres", 2e4),
        ("fill disk", "fill", "disk", 0),
        ("command fail over to b", "command", "fail over to b", 0),
    ],
)
def test_each_word_is_understood(text: str, verb: str, what: str, amount: float) -> None:
    assert parse(text, SERVICES) == Disturbance(text, verb, what, pytest.approx(amount))


def test_each_form_that_is_said_is_one() -> None:
    for form in FORMS.values():
        said = form.replace("target|postgres|SERVICE", "api").replace(" [target|postgres]", "")
        assert parse(said, SERVICES).text == said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (5, "5: expected a text such as"),
        ("", "expected a text such as"),
        ("kil target", "unknown word 'kil'; did you mean 'kill'?"),
        ("kill", "expected 'kill target|postgres|SERVICE'"),
        ("kill delivery", "unknown 'delivery'; did you mean 'deliver'?"),
        ("kill target 3s", "expected 'kill target|postgres|SERVICE'"),
        ("stop target", "expected 'stop target|postgres|SERVICE 3s'"),
        ("stop target 3", "'3' is not a duration"),
        ("cut", "expected 'cut connections [target|postgres]'"),
        ("cut answers", "expected 'cut connections [target|postgres]'"),
        ("cut connections api", "expected 'cut connections [target|postgres]'"),
        ("delay", "expected 'delay 200ms [target|postgres]'"),
        ("delay 0ms", "is not a duration"),
        ("delay 200ms target now", "expected 'delay 200ms [target|postgres]'"),
        ("drop 1%", "expected 'drop answers 1% [target|postgres]'"),
        ("drop answers 0%", "expected 'drop answers 1% [target|postgres]'"),
        ("drop answers 101%", "expected 'drop answers 1% [target|postgres]'"),
        ("throttle 1MB", "expected 'throttle 1MB/s [target|postgres]'"),
        ("throttle 0MB/s", "expected 'throttle 1MB/s [target|postgres]'"),
        ("fill", "expected 'fill disk'"),
        ("command", "expected 'command TEXT'"),
    ],
)
def test_what_is_none_is_refused(text: object, says: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse(text, SERVICES)
    assert says in str(caught.value)


HEAD = 'system = "messages"\n[scenario.own]\nusers = { MessageSender = 1 }\nrules = ["ratio(errors) < 1%"]\n'


def plan(folder: Path, text: str) -> Scenario:
    path = folder / "own.toml"
    path.write_text(f"{HEAD}{text}\n")
    return reading.find("own", "smoke", path)


def test_open_and_closed_loads_disturb_and_the_dry_run_says_so(tmp_path: Path) -> None:
    opened = plan(
        tmp_path,
        'max_users = 5\narrivals.smoke = [{ rate = 5, for = "5s" }, '
        '{ rate = 5, for = "5s", phase = "hit", disturb = "kill target" }, { pause = "2s", disturb = "restart api" }]',
    )
    closed = plan(tmp_path, 'think = "1s"\nstages.smoke = [{ users = 5, for = "5s", disturb = "stop target 1s" }]')

    assert [one.text for one in opened.disturbances] == ["kill target", "restart api"]
    assert "kill target" in describe(opened, Settings())
    assert "stop target 1s" in describe(closed, Settings())
    assert resolved(opened.as_json()) == opened


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        ('{ rate = 5, for = "5s", disturb = "kil target" }', "own.toml:6: [scenario.own] disturb = 'kil target'"),
        ('{ rate = 5, for = "5s", disturb = 5 }', "disturb = 5: expected a text"),
        ('{ rate = 5, for = "3s", disturb = "stop target 3s" }', "its stage takes 3 s: expected more than 3.2 s"),
        ('{ rate = 5, for = "200ms", disturb = "kill api" }', "its stage takes 200 ms: expected more than 200 ms"),
        ('{ burst = 5, disturb = "kill target" }', "its stage takes 1 ms: expected more than 200 ms"),
    ],
)
def test_a_stage_that_can_not_disturb_so_is_refused_with_its_line(tmp_path: Path, stage: str, says: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan(tmp_path, f'max_users = 5\narrivals.smoke = [{{ rate = 5, for = "5s" }}, {stage}]')
    assert says in str(caught.value)
