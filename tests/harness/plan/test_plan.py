"""A plan is understood whole or refused, with the file, the line, the wrong word and the nearest right one."""

import json
import re
from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.plan import plans, reading, rule_checks
from harness.plan.arrivals import times
from harness.plan.scenario import resolved
from harness.plan.text import describe
from harness.settings import Settings
from systems import messages
from systems.effect import Effect

PLAN = """\
system = "messages"
title = "A plan for tests"

[scenario.test]
purpose = "to be broken"
users = { MessageSender = 1 }
max_users = 10
arrivals.smoke = [
    { rate = 10, for = "2s", phase = "first" },
    { to = 20, for = "1s" },
    { pause = "1s", scale = { deliver = 2 } },
]
rules = ["p95(response_time{phase=first}) < 500ms", "ratio(errors) < 1%"]
"""
RATIO = '"ratio(errors) < 1%"'
INFO = '{ rule = "ratio(errors) < 1%", severity = "info" }'


def write(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text)
    return path


def test_a_plan_becomes_a_scenario(tmp_path: Path) -> None:
    scenario = reading.find("test", "smoke", write(tmp_path, PLAN))

    assert [(s.phase, s.seconds, s.start_rate, s.end_rate, s.scale) for s in scenario.stages] == [
        ("first", 2.0, 10.0, 10.0, {}),
        ("ramp", 1.0, 10.0, 20.0, {}),
        ("pause", 1.0, 0.0, 0.0, {"deliver": 2}),
    ]
    assert scenario.seconds == 4
    assert scenario.contract["created"] == 201


def test_fewer_effects_than_must_have_been_are_warned_of(tmp_path: Path) -> None:
    def warnings(least: int) -> list[str]:
        text = f"{PLAN}validity = {{ min_successes = {least} }}\n"
        return list(rule_checks.warnings(reading.find("test", "smoke", write(tmp_path, text))))

    assert not warnings(33)
    assert warnings(34)[0].startswith("at most 33 messages can be left, fewer than min_successes = 34")


@pytest.mark.parametrize("name", [one for system in plans.systems() for one in plans.scenarios(system)])
@pytest.mark.parametrize("profile", ["smoke", "ci"])
def test_every_shipped_plan_has_effects_enough(name: str, profile: str) -> None:
    assert not list(rule_checks.warnings(reading.find(name, profile)))


@pytest.mark.parametrize("name", ["sustained", "peak", "worker-scaling"])
@pytest.mark.parametrize("profile", ["smoke", "ci", "full"])
def test_every_plan_of_ours_can_be_read_and_kept(name: str, profile: str) -> None:
    scenario = reading.find(name, profile)

    assert resolved(json.loads(json.dumps(scenario.as_json()))) == scenario
    if profile == "smoke":
        assert scenario.seconds <= 20


def test_a_rule_is_a_blocker_named_after_itself_unless_a_table_says_else(tmp_path: Path) -> None:
    text = PLAN.replace(RATIO, '{ rule = "ratio(errors) < 1%", severity = "major", id = "errors" }')
    scenario = reading.find("test", "smoke", write(tmp_path, text))

    assert [(rule.id, rule.text, rule.severity) for rule in scenario.rules] == [
        ("p95(response_time{phase=first}) < 500ms", "p95(response_time{phase=first}) < 500ms", "blocker"),
        ("errors", "ratio(errors) < 1%", "major"),
    ]
    assert resolved(json.loads(json.dumps(scenario.as_json()))) == scenario


def test_a_rule_may_be_for_some_profiles_only(tmp_path: Path) -> None:
    text = PLAN.replace(RATIO, f'{RATIO}, {{ rule = "max(lag) < 1s", profiles = ["long"] }}')
    path = write(
        tmp_path, text.replace("rules =", 'arrivals.long = [{ rate = 10, for = "1m", phase = "first" }]\nrules =')
    )

    rules = {
        profile: [rule.text for rule in reading.find("test", profile, path).rules] for profile in ("smoke", "long")
    }
    assert "max(lag) < 1s" not in rules["smoke"]
    assert rules["long"] == [*rules["smoke"], "max(lag) < 1s"]


@pytest.mark.parametrize("system", plans.systems())
def test_every_system_has_a_soak_with_limits_on_what_grows(system: str) -> None:
    soaks = [name for name in plans.scenarios(system) if "soak" in _profiles(system, name)]
    rules = [rule for name in soaks for rule in reading.find(name, "soak").rules if rule.aggregate == "slope"]

    assert {(rule.metric, rule.name) for rule in rules} >= {
        ("response_time", ""),
        *(("resource", name) for name in ("target.rss", "db.connections", "db.table_bytes", "db.index_bytes")),
    }


def _profiles(system: str, scenario: str) -> set[str]:
    (path,) = (path for path in plans.files() if path.stem == system)
    table = plans.read(path)[0]["scenario"][scenario]
    return {profile for way in ("arrivals", "stages") for profile in table.get(way, {})}


@pytest.mark.parametrize(
    ("rules", "warned"),
    [
        (["p95(response_time) < 1s", "ratio(errors) < 1%"], []),
        (["p95(response_time) < 1s"], ["p95(response_time) < 1s"]),
        (["p95(service_time) < 1s", "rate(goodput) > 1/s"], ["p95(service_time) < 1s"]),
        (["max(end_to_end) < 1s", INFO], ["max(end_to_end) < 1s"]),
        (["p95(response_time) < 1s", "ratio(errors{phase=first}) < 1%"], ["p95(response_time) < 1s"]),
        (["p95(response_time{phase=first}) < 1s", "ratio(errors{phase=first}) < 1%"], []),
        (["p95(response_time{op=race}) < 1s", "count(errors{op!=process}) == 0"], []),
        (["max(lag) < 1s"], []),
    ],
)
def test_a_limit_on_a_time_without_one_on_errors_is_warned_of(
    tmp_path: Path, rules: list[str], warned: list[str]
) -> None:
    quoted = ", ".join(rule if rule.startswith("{") else f'"{rule}"' for rule in rules)
    text = PLAN.split("rules")[0] + f"rules = [{quoted}]\nvalidity = {{ min_successes = 10 }}\n"
    scenario = reading.find("test", "smoke", write(tmp_path, text))

    found = list(rule_checks.warnings(scenario))

    assert [line.split(": ")[0] for line in found] == warned
    assert describe(scenario, Settings()).count("warning: ") == len(warned)


def test_scenario_names_are_unique_over_all_systems() -> None:
    lines = [line for path in plans.files() for line in path.read_text().splitlines()]
    names = [line for line in lines if line.startswith("[scenario.")]

    assert len(names) == len(set(names))


def test_an_own_contract_states_only_what_differs(tmp_path: Path) -> None:
    own = PLAN.replace("[scenario.test]", '[contract]\ncreated = 200\nprocess = "PUT /m"\n\n[scenario.test]')
    scenario = reading.find("test", "smoke", write(tmp_path, own))

    assert (scenario.contract["created"], scenario.contract["process"]) == (200, "PUT /m")
    assert scenario.contract["used_key"] == 409


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("purpose", "purpos", 5, "did you mean 'purpose'?"),
        ("MessageSender = 1", "MesageSender = 1", 6, "did you mean 'MessageSender'?"),
        ("MessageSender = 1", "MessageSender = 0", 6, "whole number above 0"),
        ("max_users = 10", "max_users = 0", 7, "above 0"),
        ("max_users = 10", "max_users = 1.5", 7, "whole number"),
        ("max_users = 10\n", "", 4, "lacks 'max_users'"),
        ("rate = 10", "rate = 0", 9, "above 0"),
        ("rate = 10", "rate = -5", 9, "above 0"),
        ('for = "2s"', 'for = "0s"', 9, "is not a duration"),
        ('for = "2s"', "for = 2", 9, "is not a duration"),
        ('for = "2s"', 'fr = "2s"', 9, "lacks 'for'; there is fr"),
        ("rate = 10, ", "rate = 10, to = 5, ", 8, "expected one of rate"),
        ("rate = 10, ", "rate = 10, burst = 5, ", 8, "burst = … (so many arrivals at one instant)"),
        ('rate = 10, for = "2s"', "burst = 0", 9, "whole number above 0"),
        ('rate = 10, for = "2s"', "burst = 1.5", 9, "whole number above 0"),
        ('phase = "first" }', 'fase = "first" }', 9, "did you mean 'phase'?"),
        ("deliver = 2", "deliver = 0", 11, "above 0"),
        ("arrivals.smoke", "arrivals.smok", 8, "no arrivals for profile 'smoke'"),
        ("phase=first", "phase=frst", 13, "did you mean 'first'?"),
        ("{phase=first}", "{op=proces}", 13, "did you mean 'process'?"),
        ("response_time{", "response_tim{", 13, "did you mean 'response_time'?"),
        ("< 500ms", "< 500", 13, "a limit without unit"),
        ("< 500ms", "< 500parsec", 13, "unknown unit"),
        ("{phase=first}", "{phase=~f}", 13, "its selectors leave no phase; known: first, pause, ramp"),
        ("{phase=first}", "{phase=first,phase=ramp}", 13, "its selectors leave no phase"),
        ("{phase=first}", "{op=process,op=race}", 13, "its selectors leave no operation"),
        ("{phase=first}", "{op=~proces}", 13, "its selectors leave no operation"),
        ("ratio(errors)", "ratio(conflicts)", 13, "the contract of messages has no conflict"),
        ("ratio(errors) < 1%", "value(recovery_time) < 5s", 13, "expected the one phase that is the spike"),
        ("ratio(errors) < 1%", "value(recovery_time{phase=first}) < 5s", 13, "with load before it"),
        ("ratio(errors) < 1%", "value(efficiency) > 90%", 13, "expected {phase=…}, one that has load"),
        ("ratio(errors) < 1%", "slope(response_time) < 1ms/min", 13, "a slope is that of one even load"),
        ("ratio(errors) < 1%", "slope(in_flight{phase=ramp}) < 1/min", 13, "a slope is that of one even load"),
        ("ratio(errors) < 1%", "slope(in_flight{phase=first}) < 1/min", 13, "a slope takes 10 s"),
        ("ratio(errors) < 1%", "rate(goodput{phase=pause}) > 90% of linear", 13, "one that has load"),
        ("ratio(errors) < 1%", "rate(goodput{worker=0}) > 90% of offered", 13, "what one load process is offered"),
        ("{phase=first}) < 500ms", "{phase=first}) < 150% of phase rmp", 13, "did you mean 'ramp'?"),
        (
            "{phase=first}) < 500ms",
            "{phase=first}) < 150% of phase first",
            13,
            "expected {phase=…} of others than first",
        ),
        ("{phase=first}) < 500ms", "{phase=first}) < 500ms for 3s", 13, "nothing can last 3 s"),
        (RATIO, '{ rule = "ratio(errors) < 1%", severty = "info" }', 13, "did you mean 'severity'?"),
        (RATIO, '{ rule = "ratio(errors) < 1%", severity = "mayor" }', 13, "did you mean 'major'?"),
        (RATIO, '{ severity = "major" }', 13, "expected a text"),
        (RATIO, '{ rule = "ratio(errors) < 1%", id = 7 }', 13, "id = 7: expected a text"),
        (RATIO, '{ rule = "ratio(errors) < 1%", profiles = ["smok"] }', 13, "no profile 'smok'; did you mean 'smoke'?"),
        (RATIO, '{ rule = "ratio(errors) < 1%", profiles = "smoke" }', 13, "a list of profiles"),
        (RATIO, '{ rule = "ratio(errors) < 1%", profiles = [] }', 13, "a list of profiles"),
        (RATIO, '{ rule = "ratio(errors) < 1%", id = "p95(response_time{phase=first}) < 500ms" }', 13, "stands twice"),
        (RATIO, '{ rule = "ratio(errors) < 1% else abort", severity = "major" }', 13, "only a blocker can end a load"),
        ('"ratio(errors) < 1%"', '"ratio(errors) < 1%", "ratio(errors) < 1%"', 13, "stands twice"),
        ('"ratio(errors) < 1%"', "7", 13, "expected a text"),
        ('"messages"', '"mesages"', 1, "did you mean 'messages'?"),
        ('title = "A', 'titel = "A', 2, "did you mean 'title'?"),
        ("[scenario.test]", "[contract]\ncreatd = 200\n[scenario.test]", 5, "did you mean 'created'?"),
        ("[scenario.test]", '[contract]\ncreated = "yes"\n[scenario.test]', 5, "expected something like 201"),
        ("max_users = 10", 'max_users = 10\nvalidity = { loop_lagg = "5s" }', 8, "did you mean 'loop_lag'?"),
        ("max_users = 10", "max_users = 10\nvalidity = { sent = 0.5 }", 8, "a share such as"),
        ("max_users = 10", 'max_users = 10\ndrain = "soon"', 8, "is not a duration"),
        ("max_users = 10", 'max_users = 10\npattern = "poison"', 8, "expected 'even' or 'poisson'"),
    ],
)
def test_a_broken_plan_is_refused_with_file_line_and_mend(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    path = write(tmp_path, PLAN.replace(old, new, 1))

    with pytest.raises(PlanError) as caught:
        reading.find("test", "smoke", path)

    assert str(caught.value).startswith(f"{path}:{line}: "), str(caught.value)
    assert says in str(caught.value)


def test_a_burst_is_so_many_arrivals_at_one_instant_and_leaves_the_rate_as_it_was(tmp_path: Path) -> None:
    text = PLAN.replace("    { to = 20", "    { burst = 50 },\n    { to = 20")
    scenario = reading.find("test", "smoke", write(tmp_path, text))
    _, burst, ramp, _ = scenario.stages
    due = times(scenario.stages)

    assert (burst.phase, burst.burst, burst.even, burst.loads) == ("burst", 50, False, True)
    assert (ramp.start_rate, ramp.burst) == (10.0, 0)
    assert scenario.operations == 20 + 50 + 15
    assert ((due >= 2) & (due < 2.001)).sum() == 50
    assert "burst                       2 s       1 ms  50 at once" in describe(scenario, Settings())


CLOSED = PLAN.replace("max_users = 10\n", 'think = "1s"\n')
CLOSED = (
    CLOSED[: CLOSED.index("arrivals")]
    + 'stages.smoke = [\n    { users = 5, for = "2s", phase = "first" },\n'
    + '    { users = 300, for = "2s", spawn = 150 },\n]\n'
    + CLOSED[CLOSED.index("rules") :]
)


def test_users_of_a_stage_may_be_in_step(tmp_path: Path) -> None:
    text = CLOSED.replace("spawn = 150", "spawn = 150, in_step = true")
    scenario = reading.find("test", "smoke", write(tmp_path, text))

    assert [stage.in_step for stage in scenario.stages] == [False, True]
    assert "150 a second, all at one instant, every 1 s" in describe(scenario, Settings())


@pytest.mark.parametrize("with_", ["", 'rounds = true\nthink = "1s"\n'])
def test_users_in_step_need_a_pause_and_meet_in_no_rounds(tmp_path: Path, with_: str) -> None:
    head, tail = CLOSED.replace('think = "1s"\n', with_).split("stages.smoke")
    stages = '[{ users = 5, for = "2s", in_step = true, phase = "first" }]'
    text = f"{head}stages.smoke = {stages}\n{tail[tail.index('rules') :]}"

    with pytest.raises(PlanError, match="users in step need a pause between two operations"):
        reading.find("test", "smoke", write(tmp_path, text))


def test_a_closed_load_has_users_instead_of_arrivals(tmp_path: Path) -> None:
    scenario = reading.find("test", "smoke", write(tmp_path, CLOSED))

    assert not scenario.open
    assert [(s.phase, s.users, s.spawn) for s in scenario.stages] == [("first", 5, 100.0), ("steady", 300, 150.0)]
    assert (scenario.max_users, scenario.think_seconds) == (300, 1.0)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (", spawn = 150", "", "from 5 to 300 users at 100 a second can't be done in 2 s"),
        ("users = 5", "users = 0", "above 0"),
        ("stages.smoke", "stages.smok", "no stages for profile 'smoke'"),
        ("ratio(errors) < 1%", "rate(goodput) >= 95% of offered", "users at their own pace"),
        ("ratio(errors) < 1%", "ratio(dropped) < 1%", "users at their own pace"),
        ("rules =", 'arrivals.smoke = [{ rate = 1, for = "1s" }]\nrules =', "expected one of arrivals"),
        ('think = "1s"', 'think = "-1s"', "is not a duration"),
    ],
)
def test_a_closed_load_that_can_not_be_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(PlanError, match=re.escape(says)):
        reading.find("test", "smoke", write(tmp_path, CLOSED.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[scenario.test", "not TOML"),
        (PLAN.split("rules")[0], "no rule that blocks"),
        (PLAN.replace('["p95(response_time{phase=first}) < 500ms", ', "[").replace(RATIO, INFO), "no rule that blocks"),
        (
            PLAN.replace('{ rate = 10, for = "2s", phase = "first" },\n    { to = 20, for = "1s" },', ""),
            "arrivals offer no load at all",
        ),
    ],
)
def test_a_plan_that_can_prove_nothing_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        reading.find("test", "smoke", write(tmp_path, text))


def test_unknown_scenarios_and_profiles_are_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="did you mean 'peak'"):
        reading.find("pek", "smoke")
    with pytest.raises(PlanError, match="did you mean 'smoke'"):
        reading.find("peak", "smke")
    with pytest.raises(PlanError, match="No such file"):
        reading.find("peak", "smoke", tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("rate(messages{point=sent}) > 1/s", ""),
        ("count(effects{point=stored, op=process}) > 1", ""),
        ("rate(messages{point=snt}) > 1/s", "unknown point 'snt'; did you mean 'sent'?"),
        ("rate(events) > 1/s", "unknown metric 'events'"),
    ],
)
def test_a_rule_counts_effects_at_a_point(tmp_path: Path, rule: str, says: str) -> None:
    path = write(tmp_path, PLAN.replace(RATIO, f'"{rule}"'))

    if not says:
        assert reading.find("test", "smoke", path).rules[1].metric == "effects"
        return
    with pytest.raises(PlanError, match=re.escape(says)):
        reading.find("test", "smoke", path)


@pytest.mark.parametrize("rule", ["p95(end_to_end) < 1s", "count(backlog) == 0"])
def test_nothing_is_between_two_points_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    monkeypatch.setattr(messages, "POINTS", ("stored",))

    with pytest.raises(PlanError, match="effects of messages have one point only, stored"):
        reading.find("test", "smoke", write(tmp_path, PLAN.replace(RATIO, f'"{rule}"')))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("EFFECTS", {**messages.EFFECTS, "process": {"REPLAY": Effect()}}, "expected ACK, REJECT or SHED"),
        ("EFFECTS", {**messages.EFFECTS, "process": {"ACK": Effect(-1)}}, "with an Effect of 0 to 65,536 items"),
        ("EFFECTS", {**messages.EFFECTS, "process": {"ACK": Effect(65_537)}}, "with an Effect of 0 to 65,536 items"),
        ("EFFECTS", {**messages.EFFECTS, "process": {"ACK": Effect(within=11.0)}}, "at least the 11 s within which"),
        ("EFFECTS", {**messages.EFFECTS, "process": {"ACK": Effect(until="read")}}, "expected `until` one of"),
        ("ROWS", "message_logs", "expected (a table, its column of keys)"),
        ("ROWS", ("message_logs",), "expected (a table, its column of keys)"),
        ("ROWS", ("message_logs", 1), "expected (a table, its column of keys)"),
        ("POINTS", (), "expected the points of an effect, each once"),
        ("POINTS", ("stored", "stored"), "expected the points of an effect, each once"),
        ("POINTS", ("stored", "item"), "expected the points of an effect, each once"),
        ("ITEMS", "requests", "that is a metric; expected what effects are called"),
    ],
)
def test_effects_that_can_not_be_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, says: str
) -> None:
    monkeypatch.setattr(messages, name, value)

    with pytest.raises(PlanError, match=re.escape(says)):
        reading.find("test", "smoke", write(tmp_path, PLAN))
