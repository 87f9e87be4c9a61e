"""scripts/compose.sh asks compose for the right containers, ends with the code of the run, and takes all down."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.settings import ROOT

DOCKER = """#!/bin/sh
echo "$@" >> "$TOLD"
env | grep ^PERF_ > "$TOLD.environment"
case "$*" in
    *" down "*) exit "${DOWN:-0}" ;;
    *" run "*) exit "${RUN:-0}" ;;
    *" up "*) exit "${UP:-0}" ;;
esac
"""


class Script:
    """The script in a folder of its own, with a docker that only tells what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told = folder, folder / "told"
        for name in ("scripts", "systems"):
            (folder / name).mkdir()
        shutil.copy(ROOT / "scripts" / "compose.sh", folder / "scripts")
        for plan in (ROOT / "systems").glob("*.toml"):
            shutil.copy(plan, folder / "systems")
        (folder / "bin").mkdir()
        (folder / "bin" / "docker").write_text(DOCKER)
        (folder / "bin" / "docker").chmod(0o755)

    def __call__(self, *words: str, **environment: str) -> tuple[int, list[str], dict[str, str], str]:
        """Its exit code, what docker was asked for, the variables that it had then, and what was said."""
        done = subprocess.run(
            [str(self.folder / "scripts" / "compose.sh"), *words],
            env={"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "TOLD": str(self.told), **environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        lines = self.told.read_text().splitlines() if self.told.exists() else []
        self.told.unlink(missing_ok=True)
        project = "compose --file docker-compose.perf.yml --project-name proofload-run "
        asked = [line.removeprefix(project) for line in lines if line.startswith(project)]
        environ = self.told.with_suffix(".environment")
        known = dict(line.split("=", 1) for line in environ.read_text().splitlines()) if environ.exists() else {}
        return done.returncode, asked, known, done.stderr


DOWN = "--profile run --profile distributed --profile orchestrator down --volumes --timeout 30"


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


def test_a_run_is_built_started_and_taken_down(script: Script) -> None:
    code, asked, known, _ = script("peak", "--profile", "smoke", RUN="4")

    assert code == 4
    assert asked == [
        "build keys",
        "up --detach --no-build target",
        "run --rm --use-aliases -T locust-master peak --profile smoke",
        DOWN,
    ]
    assert known["PERF_SYSTEM"] == "messages"
    assert (script.folder / "reports" / "runs").is_dir()
    if os.geteuid() == 0:
        assert (script.folder / "reports" / "runs").stat().st_uid == 1000
        assert "PERF_UID" not in known
    else:
        assert known["PERF_UID"] == str(os.geteuid())


def test_workers_of_the_same_image_put_the_load_on(script: Script) -> None:
    code, asked, known, _ = script("orchestrator-load", WORKERS="3", PERF_IMAGE="made:before")

    assert code == 0
    assert asked == [
        "up --detach --no-build --scale locust-worker=3 orchestrator locust-worker",
        "run --rm --use-aliases -T locust-orchestrator orchestrator-load --workers 3",
        DOWN,
    ]
    assert known["PERF_CONTAINER_MASTER"] == "locust-orchestrator"


@pytest.mark.parametrize(
    ("scenario", "environment", "system"),
    [("worker-scaling", {"ALONE": "1"}, "messages"), ("event-load", {}, "event_store")],
)
def test_the_pipeline_starts_the_target_itself(
    script: Script, scenario: str, environment: dict[str, str], system: str
) -> None:
    code, asked, known, _ = script(scenario, PERF_IMAGE="made:before", **environment)

    assert code == 0
    assert asked[:2] == [
        "up --detach --no-build postgres-primary",
        f"run --rm --use-aliases -T locust-alone {scenario}",
    ]
    assert known["PERF_SYSTEM"] == system


def test_what_does_not_come_up_is_no_verdict_and_all_is_taken_down(script: Script) -> None:
    code, asked, _, said = script("peak", UP="1")
    assert (code, asked[-1]) == (2, DOWN)
    assert "the containers are not up, and nothing was sent" in said
    code, asked, _, _ = script("peak", RUN="1", DOWN="9")
    assert (code, asked[-1]) == (1, DOWN)
    code, asked, _, _ = script("peak", KEEP="1")
    assert DOWN not in asked


def test_baselines_are_there_for_rules(script: Script) -> None:
    (script.folder / "baselines").mkdir()
    _, asked, _, _ = script("peak")
    assert any(f"--volume {script.folder}/baselines:/project/baselines:ro" in line for line in asked)


@pytest.mark.parametrize("words", [[], ["no-such"], ["peak'"]])
def test_what_is_no_scenario_is_refused(script: Script, words: list[str]) -> None:
    code, asked, _, said = script(*words)

    assert (code, asked) == (2, [])
    assert "is no scenario: expected e.g." in said


def test_without_compose_it_says_what_is_missing(script: Script) -> None:
    (script.folder / "bin" / "docker").write_text("#!/bin/sh\nexit 1\n")
    where = script.folder / "bin"
    for name in ("bash", "dirname", "grep", "basename", "env"):
        (where / name).symlink_to(shutil.which(name))  # type: ignore[arg-type]
    code, _, _, said = script("peak", PATH=str(where))

    assert code == 2
    assert "no docker compose here: expected Docker with its compose plugin, or docker-compose 1.29" in said
