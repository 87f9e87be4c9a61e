"""The compose file and the image: what they start is bounded, closed to others, pinned, and has no secret in it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness import containers, secret_files
from harness.__main__ import _parser
from harness.machines.key import FILE_VARIABLE
from harness.plan import reading
from harness.project import PACKAGES
from harness.settings import ROOT, Settings
from tests.support.compose import FILE, megabytes, read

COMPOSE = read()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, each in SERVICES.items() if "build" in each}
EACH = pytest.mark.parametrize("name", sorted(SERVICES))
ONCE, STARTED = "service_completed_successfully", "service_healthy"

MESSAGES = ("postgres-primary", "target", "locust-master")
ORCHESTRATOR = ("postgres-primary", "orchestrator", "locust-orchestrator")
ALONE = ("postgres-primary", "locust-alone")
WATCHING = ("prometheus", "grafana")
TOGETHER = {
    "messages, from two workers, watched": (*MESSAGES, "locust-worker", "locust-worker", *WATCHING),
    "a target beside the load, from two workers, watched": (*ALONE, "locust-worker", "locust-worker", *WATCHING),
    "orchestrator, from two workers, watched": (*ORCHESTRATOR, "locust-worker", "locust-worker", *WATCHING),
    "orchestrator with ElasticMQ, watched": (*ORCHESTRATOR, "elasticmq", *WATCHING),
    "orchestrator with LocalStack, watched": (*ORCHESTRATOR, "localstack", *WATCHING),
}
"""What is used together; `keys` has ended by then."""

WRITES_AS_ROOT = {"localstack"}
SECRET = re.compile(r"KEY|PASSWORD|SECRET|TOKEN")
FAKE = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
"""What SQS's stand-ins ask for and do not check."""


def test_compose_takes_it() -> None:
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(FILE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@EACH
def test_what_it_refers_to_is_there(name: str) -> None:
    service = SERVICES[name]
    for other, how in service.get("depends_on", {}).items():
        there = SERVICES[other]
        # A service of a profile may need what is always there, or of its own profile: compose refuses others.
        assert not there.get("profiles") or set(service.get("profiles", ())) <= set(there["profiles"]), other
        assert "healthcheck" in there if how["condition"] == STARTED else how["condition"] == ONCE
    for source, target, *_ in (each.split(":") for each in service.get("volumes", ())):
        assert target.startswith("/")
        if source.startswith("."):
            assert (ROOT / source).exists(), source
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("names", TOGETHER.values(), ids=TOGETHER)
def test_what_is_used_together_has_four_gigabytes(names: tuple[str, ...]) -> None:
    assert sum(megabytes(SERVICES[name]) for name in names) <= 4096


def test_every_service_is_in_one_of_these_sums_and_bounded() -> None:
    assert {"keys", *(name for names in TOGETHER.values() for name in names)} == set(SERVICES)
    for service in SERVICES.values():
        assert megabytes(service) > 0
        assert 0 < float(service["deploy"]["resources"]["limits"]["cpus"]) <= 2


def test_the_orchestrator_has_room_to_break_its_rule_of_memory() -> None:
    rules = [rule.text for rule in reading.find("orchestrator-load", "ci").rules]
    assert "max(resource.target.rss) < 1500MB" in rules
    assert megabytes(SERVICES["orchestrator"]) == 2048


@EACH
def test_ports_are_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), port
    assert "network_mode" not in SERVICES[name]


@EACH
def test_no_secret_is_in_an_environment(name: str) -> None:
    service = SERVICES[name]
    mounted = {each.split(":")[1]: each for each in service.get("volumes", ())}
    made = (ROOT / "deploy" / "compose" / "keys.py").read_text()
    for variable, value in service.get("environment", {}).items():
        if SECRET.search(variable) and FAKE.get(variable) != value:
            assert variable.endswith("_FILE"), variable
            folder, key = value.rsplit("/", 1)
            assert key == "key"
            assert mounted[folder].endswith(":ro")
            assert f'"{folder.removeprefix("/keys/")}"' in made
        assert not re.search(r"://[^@/]*:[^@/]+@", str(value)), variable
    assert "env_file" not in service


def test_only_who_needs_a_key_has_it() -> None:
    having = {
        key: {
            name for name, each in SERVICES.items() if any(v.startswith(f"{key}-key:") for v in each.get("volumes", ()))
        }
        for key in ("database", "grafana", "join", "jwt")
    }
    masters = {"locust-master", "locust-orchestrator", "locust-alone"}
    assert having == {
        "database": {"keys", "postgres-primary", "target", "orchestrator"} | masters,
        "grafana": {"keys", "grafana"},
        "join": {"keys", "locust-worker"} | masters,
        "jwt": {"keys", "target", "orchestrator"} | masters,
    }


@EACH
def test_images_are_ours_or_pinned_by_hash(name: str) -> None:
    image = SERVICES[name]["image"]
    assert name in OURS or re.search(r"@sha256:[0-9a-f]{64}$", image), image


@EACH
def test_a_container_may_little(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "no"
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid"} & set(service)
    assert not [each for each in service.get("volumes", ()) if "docker.sock" in each]
    assert service["init"] is True
    if name not in WRITES_AS_ROOT:
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert "/tmp" in service["tmpfs"]
    if name in OURS:
        assert service["stop_grace_period"] == "90s"


def test_the_names_of_the_requirements_are_there_and_documented() -> None:
    page = (ROOT / "docs" / "compose.md").read_text()
    for name in ("postgres-primary", "orchestrator", "localstack", "prometheus", "grafana", "locust-master"):
        assert name in SERVICES
        assert f"`{name}`" in page
    contained = {each["container_name"] for each in SERVICES.values() if "container_name" in each}
    assert contained == {"perf-orchestrator", "perf-localstack", "perf-prometheus", "perf-grafana"}
    for name in contained:
        assert f"`{name}`" in page
    ports = {each["ports"][0].split(":")[1]: name for name, each in SERVICES.items() if "ports" in each}
    assert {ports[port] for port in ("9090", "3000", "8080", "4566")} == {
        "prometheus", "grafana", "orchestrator", "localstack"
    }  # fmt: skip


def test_doctor_looks_at_the_ports_and_the_memory_that_it_needs() -> None:
    for variable, port in containers.PORTS.items():
        assert f"127.0.0.1:${{{variable}:-{port}}}:" in FILE.read_text()
    assert containers.MEMORY_BYTES == 4096 * 2**20


def test_every_profile_is_documented() -> None:
    profiles = {profile for each in SERVICES.values() for profile in each.get("profiles", ())}
    assert profiles == {"run", "distributed", "orchestrator", "sqs", "localstack", "observability"}
    page = (ROOT / "docs" / "compose.md").read_text()
    assert not [profile for profile in profiles if f"`{profile}`" not in page]


def test_commands_and_settings_are_those_that_we_read(monkeypatch: pytest.MonkeyPatch) -> None:
    documented = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text()))
    parser = _parser("proofload")
    verbs = {}
    for name in OURS - {"keys"}:
        service = SERVICES[name]
        words = [*service.get("entrypoint", ["proofload"])[1:], *service["command"]]
        verbs[name] = parser.parse_args(words).verb
        assert set(service["environment"]) <= documented | set(FAKE) | {"AWS_REGION"}, name
    assert verbs == {
        "target": "target",
        "orchestrator": "target",
        "locust-master": "run",
        "locust-orchestrator": "run",
        "locust-alone": "run",
        "locust-worker": "worker",
    }
    for variable in (secret_files.PASSWORD_FILE, secret_files.KEY_FILE, FILE_VARIABLE):
        assert variable in SERVICES["locust-master"]["environment"]
    for variable, value in SERVICES["locust-worker"]["environment"].items():
        monkeypatch.setenv(variable, value)
    assert Settings().master[0] == "locust-master"
    assert Settings().join_wait == 300


def test_the_system_is_a_choice_and_the_pipeline_can_start_its_target_itself() -> None:
    other = read({"PERF_SYSTEM": "coupons"})["services"]
    assert other["target"]["command"] == ["target", "coupons"]
    for name in ("locust-master", "locust-alone"):
        environment = other[name]["environment"]
        assert environment["DATABASE_URL"] == other["target"]["environment"]["DATABASE_URL"]
        assert "postgres-primary/coupons" in environment["PERF_ALLOW_DATABASES"].split(",")
    assert "TARGET_URL" not in other["locust-alone"]["environment"]
    assert "target" not in other["locust-alone"]["depends_on"]


DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCK = (ROOT / "deploy" / "image" / "requirements.txt").read_text()


def locked(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """The version and the hashes of each package, by its name and the condition of its line."""
    found = {}
    for line in re.split(r"\n(?=[A-Za-z0-9])", text):
        match = re.match(r"([\w.-]+)==([\w.]+)( ;[^\\]*)?", line)
        if match:
            hashes = frozenset(re.findall(r"sha256:[0-9a-f]{64}", line))
            found[f"{match[1]} {match[2]}"] = (match[2], hashes)
    return found


def test_the_image_has_what_a_run_needs_as_it_is_locked_for_all() -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    image, whole = locked(LOCK), locked((ROOT / "requirements.txt").read_text())
    names = {each.split()[0] for each in image}
    needed = [*stated["dependencies"], *stated["optional-dependencies"]["reference"], "hatchling"]
    wanted = {re.match(r"[\w.-]+", each)[0].lower() for each in needed}  # type: ignore[index]

    assert image.items() <= whole.items()
    assert wanted <= names, "`make lock`"
    assert not names & {"ruff", "mypy", "moto", "zizmor"}
    assert all(hashes for _, hashes in image.values())


def test_the_image_is_built_of_locked_packages_and_nobody_in_it_is_root() -> None:
    base = re.search(r"^ARG BASE=(\S+)$", DOCKERFILE, re.M)
    assert base
    assert re.fullmatch(r"python:3\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base[1])
    assert {SERVICES[name]["build"]["args"]["BASE"] for name in OURS} == {base[1]}
    *_, last = DOCKERFILE.split("\nFROM ")
    assert len(DOCKERFILE.split("\nFROM ")) == 3
    assert re.search(r"^USER 1000:1000$", last, re.M)
    assert 'ENTRYPOINT ["proofload"]' in last
    assert "pip" not in last
    for install in re.findall(r"pip install .*", DOCKERFILE):
        assert "--require-hashes" in install or "--no-index --no-deps" in install
    assert not re.search(r"^ADD|curl|wget|apt-get", DOCKERFILE, re.M)


def test_the_image_is_made_of_our_packages_and_little_else() -> None:
    lines = {line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")}
    taken = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert {*PACKAGES} <= taken
    assert {"docs/verdict.schema.json", "deploy/image/requirements.txt", "pyproject.toml"} <= taken
    assert not taken & {"tests", ".git", "docs", "deploy"}
    assert {"reports/runs", "**/__pycache__"} <= lines
