"""A profiler is refused where it can't work; else it leaves a graph of each service, or says that it did not."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.progress import Progress
from harness.run import Run
from harness.settings import Settings
from harness.stack import profiler
from reports.__main__ import report
from tests.support.synthetic_run import bind, synthetic_run

SPY = """\
#!/usr/bin/env -S --default-signal=INT sh
trap '%s; exit 0' INT
while [ "$1" != --output ]; do shift; done
touch "$2.ready"
while :; do sleep 0.02; done
"""


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, at_end: str) -> None:
    """A py-spy that does so when it is ended."""
    path = folder / "bin" / "py-spy"
    path.parent.mkdir()
    path.write_text(SPY % at_end)
    path.chmod(0o755)
    monkeypatch.setattr(profiler, "_program", lambda: str(path))


def ready(run: Run, *names: str) -> Callable[[], bool]:
    return lambda: all((run.folder / f"flame-{name}.svg.ready").exists() for name in names)


def until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def with_services(runs: Path) -> Run:
    run = synthetic_run(runs)
    (run.folder / "services.json").write_text(json.dumps({"api": [11], "deliver": [12, 13], "idle": []}))
    return run


def test_each_service_has_a_graph_which_run_and_report_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, 'echo "$4" > "$2"')
    run = with_services(tmp_path)
    with Progress() as progress, profiler.profiled(run, Settings(profiler="py-spy"), progress):
        until(ready(run, "api", "deliver"))

    assert run.facts["profiler"]["graphs"] == {"api": "flame-api.svg", "deliver": "flame-deliver.svg"}
    assert [(run.folder / f"flame-{name}.svg").read_text().strip() for name in ("api", "deliver")] == ["11", "12"]
    note = "the target was profiled meanwhile, which slows it: flame-api.svg, flame-deliver.svg"
    assert note in report(bind(run).folder)["notes"]


def test_without_a_graph_the_run_goes_on_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path, monkeypatch, "echo not permitted")
    run = with_services(tmp_path)
    with Progress() as progress, profiler.profiled(run, Settings(profiler="py-spy"), progress):
        until(ready(run, "api", "deliver"))

    assert run.facts["profiler"]["graphs"] == {}
    said = capsys.readouterr()
    assert "no flame graph of api, deliver" in said.out + said.err
    assert "not permitted" in (run.folder / "profiler.log").read_text()


def test_without_the_setting_nothing_is_profiled(tmp_path: Path) -> None:
    run = with_services(tmp_path)
    with Progress() as progress, profiler.profiled(run, Settings(profiler=""), progress):
        pass

    assert "profiler" not in run.facts


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"profiler": "pyspy"}, "PROFILER='pyspy': did you mean 'py-spy'"),
        ({"profiler": "py-spy", "target_url": "http://127.0.0.1:1"}, "with TARGET_URL: expected the reference target"),
        ({"profiler": "py-spy"}, "no program py-spy: install it by `.* -m pip install py-spy`"),
    ],
)
def test_what_can_not_be_profiled_is_refused(
    settings: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(PlanError, match=said):
        profiler.require(Settings(**{"target_url": "", **settings}))  # type: ignore[arg-type]


def test_what_can_be_profiled_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiler, "_program", lambda: "/bin/py-spy")
    profiler.require(Settings(profiler="py-spy", target_url=""))
    profiler.require(Settings(profiler="", target_url="http://127.0.0.1:1"))
