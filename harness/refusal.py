"""What can be known to be wrong is refused before a database is touched, by a run and by the plan of one alike."""

import json
import os
import shlex
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from harness import fingerprint, guard, project
from harness.errors import PlanError, nearest
from harness.machines import refusal as machines
from harness.monitor.container import Container
from harness.monitor.prometheus import Prometheus
from harness.plan.disturbance import POSTGRES, TARGET, Disturbance
from harness.plan.scenario import Scenario, Service
from harness.plan.services import with_port
from harness.settings import ROOT, Settings
from harness.stack import disk, disturbing, health, profiler, services
from harness.stack import postgres as pg
from harness.stack.services import KEY
from harness.stack.variant import Variant

PROCESSES_A_CORE = 4
"""More load processes than that for each core measure only how they wait for each other."""


def refuse(scenario: Scenario, settings: Settings, variant: Variant) -> None:
    """ProofloadError if `scenario` can't be run as it was asked to be; what is asked of a target is its health."""
    if scenario.foreign and not settings.target_url:
        raise PlanError(f"{scenario.name} has a locustfile of its own: expected TARGET_URL, for which it is made")
    if scenario.foreign and scenario.own_checks and not settings.database_url:
        names = ", ".join(one.name for one in scenario.own_checks)
        raise PlanError(f"check.{names}: expected DATABASE_URL, the database that the queries are for")
    _variant(scenario, settings, variant)
    _processes(scenario, settings)
    if settings.workers:
        machines.refuse(scenario, settings)
    profiler.require(settings)
    _disturbances(scenario, settings)
    if not settings.target_url:
        for name, service in scenario.services.items():
            _startable(name, service)
    if settings.database_url:
        guard.may_write(settings.database_url, settings)
    if settings.target_url:
        _target(scenario, settings)
    if settings.metrics_url:
        _metrics(settings)
    if settings.target_group:
        _target_group(settings)


def _variant(scenario: Scenario, settings: Settings, variant: Variant) -> None:
    if not variant.clean and (settings.target_url or settings.database_url):
        raise PlanError(
            f"{' '.join(variant.arguments())} with TARGET_URL or DATABASE_URL: expected the reference target and "
            "database; unset them"
        )
    for option, value in (("fault", variant.fault), ("strategy", variant.strategy)):
        taking = [each for each in scenario.services.values() if f"{{{option}}}" in each.start]
        if value and not taking:
            raise PlanError(f"--{option} {value}: no service of {scenario.system} has {{{option}}} in its start")
        known = _known(taking[0], variant.checkout) if value and services.ours(taking[0]) else None
        if known and value not in known[option]:
            raise PlanError(
                f"--{option} {value}: the target of {scenario.system} has no such; {nearest(value, known[option])}"
            )


def _known(service: Service, checkout: Path | None) -> dict[str, list[str]] | None:
    """The faults and strategies of a reference target; None where it does not say, as of an older commit."""
    system = shlex.split(service.start)[len(services.OURS.split())]
    environment = {**project.environment(), "PYTHONPATH": str(checkout or ROOT)}
    command = [sys.executable, "-m", "target", system, "known"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return dict(json.loads(done.stdout)) if done.returncode == 0 else None


def _processes(scenario: Scenario, settings: Settings) -> None:
    if scenario.rounds and settings.processes > 1:
        raise PlanError(
            f"PERF_PROCESSES={settings.processes}: all users of {scenario.name} meet, for which they must be in one "
            "process: expected 1"
        )
    cores = int(fingerprint.cores())
    if settings.processes > PROCESSES_A_CORE * cores:
        raise PlanError(
            f"PERF_PROCESSES={settings.processes}: this machine has {cores} cores: expected at most "
            f"{PROCESSES_A_CORE * cores} load processes, and as many as cores that the target leaves to be useful"
        )


def _startable(name: str, service: Service) -> None:
    """PlanError unless the command line of a service can be made, and names a program that is there."""
    try:
        program = services.command(service, 1, max(service.processes, 1), 1, Variant())[0]
    except (ValueError, LookupError, AttributeError) as error:
        raise PlanError(
            f"service.{name}: start = {service.start!r}: {error}: expected the words of a command"
        ) from None
    _require_program(program, f"service.{name}: start = {service.start!r}")


def _require_program(program: str, where: str) -> None:
    if shutil.which(program) is None:
        raise PlanError(f"{where}: no program {program}: expected one that is on the PATH, or its path")


def _target(scenario: Scenario, settings: Settings) -> None:
    if scenario.contract.get("token_header") and "given" not in scenario.pool and not os.environ.get(KEY):
        raise PlanError(
            f"{KEY} is not set: expected the key (HS256) by which the target at TARGET_URL knows the tokens of "
            "practitioners"
        )
    guard.may_load(settings.target_url, settings)
    if not settings.database_url and not scenario.foreign:
        raise PlanError(
            "TARGET_URL without DATABASE_URL: expected the database of that target, to prove its answers against"
        )
    if scenario.scales:
        _scalable(scenario, settings)
    if settings.ca_file:
        try:
            ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise PlanError(f"PERF_CA_FILE={settings.ca_file}: {error}: expected certificates (PEM)") from None
    if not scenario.foreign:
        health.require(settings.target_url, scenario.contract.get("health"), settings.ca_file)


def _scalable(scenario: Scenario, settings: Settings) -> None:
    if "{processes}" not in settings.scale_command:
        raise PlanError(
            f"{scenario.name} changes the number of processes of a target that is not ours: expected "
            "PERF_SCALE_CMD, a command with {service} and {processes} in it, e.g. "
            "'kubectl scale deploy/{service} --replicas={processes}'"
        )
    _command("PERF_SCALE_CMD", settings.scale_command)


def _command(setting: str, command: str) -> None:
    """PlanError unless the command in that variable names a program that is there."""
    try:
        program = shlex.split(command)[0]
    except ValueError as error:
        raise PlanError(f"{setting}={command}: {error}: expected the words of a command") from None
    _require_program(program, setting)


def _disturbances(scenario: Scenario, settings: Settings) -> None:
    """PlanError for a disturbance that can't be made here."""
    target = not settings.target_url
    postgres = target and not settings.database_url
    for one in scenario.disturbances:
        if disturbing.by_command(one, target, postgres):
            _by_command(scenario, one, settings)
            continue
        where = f"{scenario.name}: disturb = {one.text!r}"
        unfit = disk.unfit(pg.folder(settings.home), settings.runs) if one.verb == "fill" else ""
        if unfit:
            raise PlanError(
                f"{where}: {unfit}: expected PostgreSQL on a small disk of its own, see PERF_HOME (as root /var/tmp); "
                "or 'command fill disk', and PERF_DISTURB_CMD, which does it"
            )
        if one.line == TARGET and not any(with_port(scenario.services)):
            raise PlanError(f"{where}: no service listens at a port: expected '{one.verb} … {POSTGRES}', or none of it")
        if one.what in scenario.services and not scenario.services[one.what].processes:
            raise PlanError(f"{where}: service {one.what} has no processes: expected one that has")


def _by_command(scenario: Scenario, one: Disturbance, settings: Settings) -> None:
    why = "a command of yours does it" if one.verb == "command" else "what it is about is not ours"
    if "{disturbance}" not in settings.disturb_command:
        raise PlanError(
            f"{scenario.name}: disturb = {one.text!r}: {why}: expected PERF_DISTURB_CMD, a command which does that, "
            "with {disturbance} and perhaps {state} (begin, end) in it, e.g. './disturb.sh {disturbance} {state}'"
        )
    _command("PERF_DISTURB_CMD", settings.disturb_command)


def _target_group(settings: Settings) -> None:
    """PlanError unless PERF_TARGET_CGROUP is the control group of a target that is not ours."""
    if not settings.target_url:
        raise PlanError("PERF_TARGET_CGROUP without TARGET_URL: the reference target is no container; unset it")
    if not Container(settings.target_group).there:
        raise PlanError(
            f"PERF_TARGET_CGROUP={settings.target_group}: no control group of processor and memory: expected the path "
            "that /proc/<pid>/cgroup has for a process of the target, e.g. /docker/<id>"
        )


def _metrics(settings: Settings) -> None:
    """PlanError unless metrics are read at PERF_METRICS_URL, or will be once our own target listens there."""
    guard.may_load(settings.metrics_url, settings, "PERF_METRICS_URL")
    ours = not settings.target_url and urlsplit(settings.metrics_url).port == settings.target_port
    if not ours and not Prometheus(settings.metrics_url).sample():
        raise PlanError(
            f"PERF_METRICS_URL: {urlsplit(settings.metrics_url).netloc} gave no metrics: expected an endpoint that "
            "answers at once, in the text format of Prometheus"
        )
