"""The end block fits one screen, and leaves out no rule and nothing that fails."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from harness.check import Finding
from harness.verdict import CheckState
from reports.__main__ import report
from reports.render import terminal
from reports.render.terminal import COLUMNS, LINES, Room
from tests.support.synthetic_run import synthetic_run, taking

SCALING = [
    {"service": "deliver", "processes": 5, "planned": 6.0, "done": 7.0},
    {"service": "deliver", "processes": 10, "planned": 12.5, "done": 13.5},
]


def checks(held: int, violated: int = 0) -> list[Finding]:
    title, what = "What is said in a sentence of some length is true of every message", "messages against rows"
    good = [Finding(f"MP{place}", f"{title}.", CheckState.HOLDS, 1000 + place, what) for place in range(held)]
    bad = [
        Finding(f"X{place}", f"{title}.", CheckState.VIOLATED, 1000, what, 7, "7 messages contradict it")
        for place in range(violated)
    ]
    return [*good, *bad]


SCREEN = Room(COLUMNS, False)


def block(verdict: dict[str, Any], room: Room = SCREEN) -> list[str]:
    return [line.plain for line in terminal.block(verdict, "runs/latest", room)]


RUNS: dict[str, dict[str, Any]] = {
    "a few rules": {"findings": checks(6)},
    "all hold": {"scenario": "worker-scaling", "findings": checks(16), "facts": {"scaling": SCALING}},
    "some fail": {
        "scenario": "worker-scaling",
        "findings": checks(10, 6),
        "answer": taking(0.65),
        "facts": {"scaling": SCALING},
        "completing": lambda stored: stored + 0.9,
    },
    "most fail": {
        "scenario": "worker-scaling",
        "findings": checks(0, 16),
        "answer": taking(2.0),
        "completing": lambda stored: stored + 5,
        "load": {"exceptions": 3},
        "dropped": 200,
    },
    "all that can fail": {
        "scenario": "worker-scaling",
        "findings": checks(0, 16),
        "answer": taking(9.0),
        "with_effects": False,
        "dropped": 200,
        "load": None,
        "health": False,
        "closed": False,
        "facts": {"interrupted": "SIGINT during load"},
    },
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("columns", [80, COLUMNS])
def test_the_block_fits_and_states_every_rule_and_check(tmp_path: Path, name: str, columns: int) -> None:
    verdict = report(synthetic_run(tmp_path, **RUNS[name]).folder)

    lines = block(verdict, Room(columns, False))

    text = "\n".join(lines)
    assert len(lines) <= LINES
    assert max(len(line) for line in lines) <= columns
    assert lines[0].startswith(f"{'✓' if verdict['verdict'] == 'GO' else '✗'} {verdict['verdict']}  ")
    assert [rule["text"] for rule in verdict["rules"] if rule["text"] not in text] == []
    assert [check["id"] for check in verdict["checks"] if f" {check['id']} " not in text] == []
    assert [one["id"] for one in verdict["validity"] if one["state"] == "broken" and one["id"] not in text] == []
    assert lines[-1].endswith("report.html, summary.md, verdict.json and more in runs/latest")


def test_what_fails_is_told_with_value_limit_margin_and_number(tmp_path: Path) -> None:
    verdict = report(synthetic_run(tmp_path, answer=taking(0.6), findings=checks(1, 1)).folder)

    lines = block(verdict)

    rule = next(line for line in lines if "p95(response_time) < 500ms" in line and "CONDITIONAL" in line)
    assert rule.split("500ms", 1)[1].split() == ["600", "ms", "<", "500", "ms", "20", "%", "over", "181"]
    check = next(place for place, line in enumerate(lines) if line.startswith("✗ VIOLATED X0 "))
    assert ": 7 of 1,000 messages" in lines[check]
    assert lines[check + 1] == "    7 messages contradict it"


def test_validity_is_one_line_unless_it_is_broken(tmp_path: Path) -> None:
    sound = block(report(synthetic_run(tmp_path / "sound").folder))
    broken = block(report(synthetic_run(tmp_path / "broken", lags_us=[90_000] * 50).folder))

    (line,) = (line for line in sound if "valid" in line)
    assert line == "✓ ok valid: all 16 conditions for the figures to count hold, 4 not applicable"
    assert [line for line in broken if line.startswith("✗ broken")] == [
        "✗ broken V2: the loop was 90 ms late at p99 and 90 ms at most; needed: 10 ms and 250 ms"
    ]


def test_what_is_not_sure_or_not_compared_is_told_with_why(tmp_path: Path) -> None:
    rules = ["p99.9(response_time) < 1s", "ratio(errors) < 1%", "p95(lag) <= baseline +10%"]
    lines = block(report(synthetic_run(tmp_path, profile="ci", cpu=0.75, table={"rules": rules}).folder))

    unsure, compared = (next(at for at, line in enumerate(lines) if word in line) for word in ("! UNPROVEN", "NOT COM"))
    assert lines[unsure + 1] == "    needs about 5 m 2 s more"
    assert lines[compared + 1].startswith("    no baseline: `make baseline RUN=/")
    assert [line for line in lines if line.startswith("! warning")] == [
        "! warning, harmless V3: the busiest load process used 75 % of a core over 5 s; needed: at most 80 %…",
        "! warning V13: too short for p99.9(response_time) < 1s; needed: an interval with an end on the side…",
    ]


def test_a_verdict_is_never_told_by_its_colour_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = report(synthetic_run(tmp_path, findings=checks(1, 1)).folder)
    plain = block(verdict)

    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    Console(file=file, force_terminal=True, width=COLUMNS).print("\n".join(plain), highlight=False)

    assert plain[0].startswith("✗ NO-GO  ")
    assert "\x1b[3" not in file.getvalue()


def test_a_pipe_gets_no_escapes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = report(synthetic_run(tmp_path).folder)

    terminal.show(verdict, "runs/latest")

    printed = capsys.readouterr().out
    assert printed.splitlines() == block(verdict, Room())
    assert "\x1b" not in printed


def test_a_terminal_is_used_as_far_as_it_is_wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = report(synthetic_run(tmp_path, **RUNS["some fail"]).folder)
    shown = {}
    for width in (80, 120):
        file = io.StringIO()
        monkeypatch.setattr(
            terminal, "Screen", lambda file=file, width=width, **_: Console(file=file, force_terminal=True, width=width)
        )
        terminal.show(verdict, "runs/latest")
        shown[width] = [len(Text.from_ansi(line).plain) for line in file.getvalue().splitlines()]

    assert 60 < max(shown[80]) <= 80
    assert 80 < max(shown[120]) <= 120


def test_a_log_has_all_of_it(tmp_path: Path) -> None:
    verdict = report(synthetic_run(tmp_path, **RUNS["all that can fail"]).folder)

    text = "\n".join(block(verdict, Room()))

    assert "…" not in text
    assert " ".join(text.split()).count(" ".join(verdict["reason"].split())) == 1
    assert [one["title"] for one in verdict["checks"] if one["title"].rstrip(".") not in text] == []
    assert [one["value"] for one in verdict["validity"] if one["state"] == "broken" and one["value"] not in text] == []
    assert [one["detail"] for one in verdict["checks"] if one["detail"] not in text] == []


def test_the_figures_that_are_asked_for_first_come_first(tmp_path: Path) -> None:
    lines = block(report(synthetic_run(tmp_path).folder))

    at = next(place for place, line in enumerate(lines) if line.startswith("    p95 20 ms · p99 20 ms · no errors · "))
    assert at < next(place for place, line in enumerate(lines) if line.startswith("rules"))
    assert " · 180 of 180 offered · " in lines[at]
    assert lines[at].endswith(" effects stored")


SQL = "SELECT *\nFROM message_logs\nWHERE content = '`" + "x" * 200 + "'"


@pytest.mark.parametrize("room", [Room(), Room(80, False)])
def test_the_query_of_a_finding_is_whole(tmp_path: Path, room: Room) -> None:
    (one,) = checks(0, 1)
    run = synthetic_run(tmp_path, findings=[replace(one, sql=SQL), *checks(1)])

    lines = block(report(run.folder), room)

    assert "make psql RUN=runs/latest" in lines[-6]
    assert lines[-5:-1] == ["-- X0", *f"{SQL};".splitlines()]
    assert f"```sql\n{SQL}\n```" in (run.folder / "summary.md").read_text()


def test_what_warnings_could_change_is_one_line(tmp_path: Path) -> None:
    verdict = report(synthetic_run(tmp_path, profile="ci", cpu=0.75).folder)
    warned = [
        {**one, "state": "warning", "consequence": said}
        for one, said in zip(verdict["validity"], ("harmless: a", "harmless: b", "harmless: a"), strict=False)
    ]

    lines = block({**verdict, "validity": warned})

    at = next(place for place, line in enumerate(lines) if line.startswith("! warning"))
    assert [line.startswith("! warning") for line in lines[at : at + 3]] == [True] * 3
    assert lines[at + 3] == "    harmless: a; harmless: b"
