"""The image is built and the compose file started by a Docker of its own: a run from two workers is GO."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.settings import ROOT
from harness.telling import EXPORTER
from tests.support import base_image, postgres_image
from tests.support.compose import megabytes, read
from tests.support.docker import APART, BUILDING, CantRun, Docker, docker, network, unfit
from tests.support.target_process import eventually

WHY = unfit() or base_image.unfit()
pytestmark = [pytest.mark.machine, pytest.mark.skipif(bool(WHY), reason=WHY)]

BASE, IMAGE, POSTGRES = "proofload-base:test", "proofload:test", "proofload-postgres:test"
OURS_AT_MOST = 300_000_000
"""Bytes of the image above its base."""

# No test is about speed.
LAX = ["--set", 'validity={loop_lag="30s", loop_gap="1m", min_successes=50, sent="50%"}']
LAX += ["--set", 'rules=["p95(response_time) < 30s", "ratio(errors) < 1%"]']
NEVER = ["--set", LAX[1], "--set", 'rules=["p95(response_time) < 1us"]']
SHORT = ["--set", 'arrivals={smoke=[{rate=40, for="4s"}]}']


@pytest.fixture(scope="module")
def engine() -> Iterator[Docker]:
    """A Docker with our image, on a base of what this machine has, and one that stands for PostgreSQL's."""
    before, folder = network(), Path(tempfile.mkdtemp(prefix="proofload-docker-", dir="/var/tmp"))
    try:
        with docker(folder, BUILDING) as found:
            path = f"ENV PATH={base_image.PATH}"
            found(
                "import", "--change", path, "--change", f"ENV PIP_CERT={base_image.FILES[0]}", "-", BASE,
                data=base_image.base_image(),
            )  # fmt: skip
            index = os.environ.get("PIP_INDEX_URL", "")
            host = ["build", "--quiet", "--network", "host"]
            found(
                *host, "--build-arg", f"BASE={BASE}", "--build-arg", f"PIP_INDEX_URL={index}", "--tag", IMAGE, str(ROOT)
            )
            found(*host, "--build-arg", f"BASE={IMAGE}", "--tag", POSTGRES, "-", data=postgres_image.context())
        with docker(folder, APART) as found:
            yield found
    except CantRun as why:
        pytest.skip(f"a Docker daemon does not come up here: {why}")
    finally:
        shutil.rmtree(folder)
    assert network() == before


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean clone of this commit: what comes of runs stays in it."""
    folder = tmp_path_factory.mktemp("clone") / "proofload"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def started(engine: Docker, clone: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """scripts/compose.sh, with the images that are here and ports of its own."""
    images = {"PERF_IMAGE": IMAGE, "PERF_POSTGRES_IMAGE": POSTGRES}
    ports = {"PERF_POSTGRES_PORT": "35432", "PERF_TARGET_PORT": "38000"}
    return subprocess.Popen(
        [str(clone / "scripts" / "compose.sh"), *words],
        env={**engine.environment, **images, **ports, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def containers(engine: Docker) -> dict[str, dict[str, Any]]:
    """What docker says of each container, by its service; of several of one service, of one."""
    ids = engine("ps", "--all", "--quiet").split()
    found = json.loads(engine("inspect", *ids)) if ids else []
    return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}


def ended(running: subprocess.Popen[str]) -> tuple[int, str]:
    said = running.communicate(timeout=200)[0]
    return running.returncode, said


def latest(clone: Path) -> Path:
    return (clone / "reports" / "runs" / "peak" / "latest").resolve()


def test_our_part_of_the_image_is_small_and_its_user_is_not_root(engine: Docker) -> None:
    sizes = [int(engine("inspect", "--format", "{{.Size}}", name)) for name in (IMAGE, BASE)]
    assert sizes[0] - sizes[1] < OURS_AT_MOST
    said = engine("run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", IMAGE, "--version")
    assert said.startswith("proofload ")
    assert engine("inspect", "--format", "{{.Config.User}}", IMAGE).strip() == "1000:1000"
    # With what PERF_OTLP_URL needs: only a collector is missing.
    engine("run", "--rm", "--network", "none", "--entrypoint", "python", IMAGE, "-c", f"import {EXPORTER}")


def test_two_workers_are_go_and_what_runs_is_as_the_file_says(engine: Docker, clone: Path) -> None:
    running = started(engine, clone, "peak", "--profile", "smoke", *LAX, WORKERS="2", KEEP="1")
    everything = {"keys", "postgres-primary", "target", "locust-worker", "locust-master"}
    try:
        for name in ("target", "locust-master"):
            eventually(lambda name=name: name in containers(engine), running)  # type: ignore[misc, arg-type]
        up = containers(engine)
        keys = {
            engine("exec", up[name]["Id"], "python", "-c", f"print(open('/keys/{key}/key').read())").strip()
            for name, key in (("locust-worker", "join"), ("postgres-primary", "database"), ("target", "jwt"))
        }
    finally:
        code, said = ended(running)

    assert code == 0, said
    run = json.loads((latest(clone) / "run.json").read_text())
    assert json.loads((latest(clone) / "verdict.json").read_text())["verdict"] == "GO", said
    assert [each["whole"] for each in run["machines"]] == [True, True]
    assert len({each["host"] for each in run["machines"]}) == 2
    assert run["target"]["url"] == "http://target:8000"
    # As the file says.
    for name, planned in read()["services"].items():
        if name in everything - {"keys"}:
            limits = up[name]["HostConfig"]
            assert limits["Memory"] == megabytes(planned) * 2**20
            assert (limits["ReadonlyRootfs"], limits["CapDrop"]) == (True, ["ALL"])
            assert up[name]["Config"]["User"] not in ("", "0", "root"), name
            for bound in (limits["PortBindings"] or {}).values():
                assert {each["HostIp"] for each in bound} == {"127.0.0.1"}
    # Three keys, and docker shows none of them.
    assert len(keys) == 3
    assert not [key for key in keys if len(key) != 64 or key in json.dumps(up) or key in said]
    assert not [key for key in keys if any(key in path.read_text() for path in latest(clone).rglob("*.json"))]


def test_the_pipeline_alone_starts_the_target_and_ends_with_its_verdict_and_takes_all_down(
    engine: Docker, clone: Path
) -> None:
    """Beside what the run before has left up."""
    code, said = ended(started(engine, clone, "peak", "--profile", "smoke", *NEVER, *SHORT, ALONE="1"))

    assert code == 1, said
    assert "NO-GO" in said
    assert json.loads((latest(clone) / "run.json").read_text())["target"]["ours"] is True

    # Nothing is left of either.
    assert containers(engine) == {}
    assert engine("volume", "ls", "--quiet") == ""
    assert engine("network", "ls", "--quiet", "--filter", "type=custom") == ""
