"""The example for Kubernetes fits together, and what it sets is what we read. (Its schemas need the network.)"""

import re
from typing import Any

import pytest
import yaml

from harness.__main__ import _parser
from harness.machines.key import FILE_VARIABLE
from harness.settings import MASTER_PORT, ROOT, Settings

FILE = ROOT / "deploy" / "kubernetes" / "load.yaml"
PARTS = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(FILE.read_text())}
JOBS = {name: one for (kind, name), one in PARTS.items() if kind == "Job"}


def pod(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["template"]["spec"]
    return found


def container(job: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod(job)["containers"]
    return dict(found)


def environment(job: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in container(job)["env"]}


def test_it_is_a_service_and_two_jobs() -> None:
    assert sorted(PARTS) == [("Job", "proofload-master"), ("Job", "proofload-worker"), ("Service", "proofload-master")]
    assert {one["apiVersion"] for one in JOBS.values()} == {"batch/v1"}


def test_the_service_leads_to_the_ports_of_the_master() -> None:
    service, master = PARTS["Service", "proofload-master"]["spec"], JOBS["proofload-master"]
    ports = [MASTER_PORT, MASTER_PORT + 1]

    assert service["clusterIP"] == "None"
    assert service["selector"].items() <= master["spec"]["template"]["metadata"]["labels"].items()
    assert [one["port"] for one in service["ports"]] == ports
    assert [one["containerPort"] for one in container(master)["ports"]] == ports


def test_nothing_is_started_again_and_nobody_is_root() -> None:
    for job in JOBS.values():
        assert (job["spec"]["backoffLimit"], pod(job)["restartPolicy"]) == (0, "Never")
        assert pod(job)["securityContext"]["runAsNonRoot"] is True
    worker = JOBS["proofload-worker"]["spec"]
    assert (worker["completionMode"], worker["completions"]) == ("Indexed", worker["parallelism"])


def test_volumes_and_the_key_are_there_where_they_are_used() -> None:
    for job in JOBS.values():
        mounted = {one["name"]: one["mountPath"] for one in container(job)["volumeMounts"]}
        secret = next(one["secret"]["secretName"] for one in pod(job)["volumes"] if one["name"] == "key")

        assert set(mounted) == {one["name"] for one in pod(job)["volumes"]}
        assert environment(job)[FILE_VARIABLE] == f"{mounted['key']}/key"
        assert f"create secret generic {secret} --from-literal=key=" in FILE.read_text()


def test_the_commands_are_ours_and_all_workers_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    master, worker = (container(JOBS[f"proofload-{one}"])["command"] for one in ("master", "worker"))
    assert {words[0] for words in (master, worker)} == {"proofload"}
    parser = _parser("proofload")
    options = parser.parse_args(master[1:])
    assert parser.parse_args(worker[1:]).verb == "worker"
    for name, value in environment(JOBS["proofload-worker"]).items():
        monkeypatch.setenv(name, value)
    settings = Settings()

    assert int(options.workers) == settings.processes * JOBS["proofload-worker"]["spec"]["completions"]
    assert settings.master == ("proofload-master", MASTER_PORT)
    assert settings.join_wait == 300


def test_what_it_sets_is_documented() -> None:
    documented = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text()))
    for job in JOBS.values():
        assert set(environment(job)) <= documented | {"LOCUST_MASTER_NODE_HOST"}
