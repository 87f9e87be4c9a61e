"""A run, stage after stage in one stack: seed, load, verify, report.

Each stage is a process with a command line of its own, and meets the others in the run folder only.
"""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

from harness import binding, check, errors, fingerprint, guard, load_processes, refusal, scale, telling, tracing
from harness.check import Finding
from harness.errors import ProofloadError, RunError
from harness.load_stage import began_any, put_load
from harness.monitor import machine
from harness.plan import overrides, reading
from harness.plan.scenario import Scenario
from harness.progress import Progress
from harness.project import environment_of_speaker
from harness.ready import Ready
from harness.run import Run
from harness.settings import Settings
from harness.stack import process, profiler, reference, stack
from harness.stack.services import KEY
from harness.stack.variant import Variant
from harness.verdict import (
    EXIT_CODES,
    EXIT_CRASH,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    EXIT_USAGE,
    CheckState,
    Verdict,
)
from harness.window import Window


class Interrupted(Exception):
    """Ctrl-C or SIGTERM before there was anything to verify, or for the second time."""


class _Interrupt:
    """Whether Ctrl-C or SIGTERM has come. While `patient`, the first one is only noted: the stage ends in order."""

    def __init__(self) -> None:
        self.signal: str | None = None
        self.patient = False
        self.folder: Path | None = None
        """That of the run, once there is one."""
        self.over = False
        """The run is reported: a signal, however often it comes, only closes what still shows it."""

    def __call__(self, number: int, _: FrameType | None) -> None:
        again, self.signal = self.signal is not None, signal.Signals(number).name
        if (again or not self.patient) and not self.over:
            raise Interrupted


def run(
    name: str,
    profile: str,
    file: Path | None,
    variant: Variant,
    ui: bool,
    command: list[str],
    sets: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Path | None, int]:
    """Run a scenario from an empty machine to a verdict; its folder, None if it came to no end, and its exit code.

    `sets` are keys of the plan with other values.

    ProofloadError if it can't begin: then nothing was sent. Ctrl-C or SIGTERM end it in order at any
    stage, a second one at once; no process of ours stays behind.
    """
    settings = Settings()
    return run_scenario(reading.find(name, profile, file, overrides.of(settings, sets)), settings, variant, ui, command)


def run_scenario(
    scenario: Scenario, settings: Settings, variant: Variant, ui: bool, command: list[str]
) -> tuple[Path | None, int]:
    """As `run`, of a scenario that is resolved."""
    refusal.refuse(scenario, settings, variant)
    if ui:
        process.require_free(settings.ui_port, "PERF_UI_PORT")
    _require(scenario, settings)
    # Tokens are good for this stack only, unless another system signs or checks them.
    os.environ.setdefault(KEY, secrets.token_hex(32))
    while True:
        window = Window(settings.ui_port) if ui else None
        folder, code = _to_a_verdict(scenario, settings, variant, window, command)
        if window is None or not window.again:
            return folder, code
        print("START in the web UI: a new run begins", flush=True)


def _to_a_verdict(
    scenario: Scenario, settings: Settings, variant: Variant, window: Window | None, command: list[str]
) -> tuple[Path | None, int]:
    """One run, and as long as `window` is looked at then."""
    interrupt = _Interrupt()
    with _handling(interrupt), closing(window) if window else nullcontext():
        waiting = _Waiting()
        try:
            with Progress() as progress:
                progress.say(f"{scenario.name} ({scenario.profile}): {scenario.purpose}")
                measured = _measure(scenario, settings, variant, window, command, interrupt, progress, waiting)
            code = _report(measured, interrupt, waiting)
            interrupt.over = True
            if window and window.open and not interrupt.signal:
                print(f"START in the web UI begins a new run; the report is at {window.url}/proofload, until Ctrl-C")
                sys.stdout.flush()
                window.stay(lambda: interrupt.signal)
            return measured.folder, code
        except Interrupted:
            if not interrupt.patient:
                print(f"{interrupt.signal} before anything was sent: there is no verdict", file=sys.stderr)
                return None, EXIT_TERMINATED if interrupt.signal == "SIGTERM" else EXIT_INTERRUPTED
            proved = f"{Verdict.INVALID}: {interrupt.signal} before anything could be proved"
            print(f"{proved}; what was recorded until then is in {interrupt.folder}", file=sys.stderr)
            return None, EXIT_CODES[Verdict.INVALID]
        finally:
            waiting.close()


SETTLED_S = 30.0
"""How long a stage may take for its imports before the load is put on all the same."""


class _Waiting:
    """Stages that are started before their turn, so that nobody waits for their imports: until the load begins, which
    they would disturb; the report while the run is verified, which is mostly waiting.
    """

    def __init__(self) -> None:
        self.load: list[Ready] = []
        self.monitor: Ready | None = None
        self.verification: Ready | None = None
        self.report: Ready | None = None
        self._kept = ExitStack()

    def start(self, run: Run, settings: Settings, window: Window | None) -> None:
        """Start them, those that there will be."""
        scenario = run.scenario
        if not settings.workers:  # else the load is begun when they are there
            self.load = [self._kept.enter_context(one.ahead()) for one in load_processes.of(run, settings, window)]
        self.monitor = self._kept.enter_context(_monitor(run))
        if not scenario.foreign or scenario.own_checks:
            self.verification = self._kept.enter_context(stack.ready("verification", scenario.system))

    def start_report(self) -> None:
        """Start that one."""
        self.report = self._kept.enter_context(Ready("reports", surroundings=environment_of_speaker()))

    def settle(self) -> None:
        """Wait until all of them have done their imports, which would take processors from the load and its target."""
        for one in (*self.load, self.monitor, self.verification):
            if one:
                one.imported(SETTLED_S)

    def close(self) -> None:
        """End what was not needed."""
        self._kept.close()


def _measure(
    scenario: Scenario,
    settings: Settings,
    variant: Variant,
    window: Window | None,
    command: list[str],
    interrupt: _Interrupt,
    progress: Progress,
    waiting: _Waiting,
) -> Run:
    """Everything up to the verification, in a stack that is gone afterwards.

    What fails after something was sent, whatever it is, goes into run.json: that run has a verdict.
    """
    trace = tracing.of(scenario, settings)
    run = Run.create(settings.runs, scenario, seed=settings.seed, command=command, interrupted=None, trace=trace)
    interrupt.folder = run.folder
    # The loop before anything of the run is there, which makes it slower itself.
    run.record(
        host=fingerprint.host(), versions=fingerprint.versions(), git=fingerprint.git(), idle_canary=machine.idle()
    )
    waiting.start(run, settings, window)
    up = (
        stack.outside(run, scenario, settings)
        if scenario.foreign
        else stack.up(run, scenario, settings, variant, progress)
    )
    try:
        with telling.told(run, settings, window is not None), _others(settings, progress) as elsewhere, up as running:
            if window:
                progress.say(
                    f"  watch it at {window.url}/proofload; Stop in Locust's web UI, or Ctrl-C here, ends the load"
                )
            waiting.settle()
            interrupt.patient = True
            assert waiting.monitor
            with _watched(run, settings, running, waiting.monitor), profiler.profiled(run, settings, progress):
                begun = put_load(
                    run, settings, running, lambda: interrupt.signal, progress, window, elsewhere, waiting.load
                )
            if not begun:
                interrupt.patient = False
                raise Interrupted
            waiting.start_report()
            progress.now("verifying: journal × database")
            with running.dropping_surplus():
                if waiting.verification:
                    stack.begun(waiting.verification, [str(run.folder)], running.database_url)
                else:
                    _unverified(run)
            run.record(target={**run.facts["target"], "died": running.died()})
            progress.now(ending(not settings.target_url, not (scenario.foreign or settings.database_url)))
    except Interrupted:
        raise
    except Exception as error:
        if not began_any(run):
            raise
        run.facts["failed"] = str(error) if isinstance(error, ProofloadError) else errors.crash(error, run.folder)
        progress.say(f"  {run.facts['failed']}")
    return run


def _others(settings: Settings, progress: Progress) -> AbstractContextManager[Any]:
    """The other machines, if the load comes from there: they may join from here on."""
    if not settings.workers:
        return nullcontext()
    from harness.machines.elsewhere import Elsewhere  # what it needs no other run does

    return closing(Elsewhere(settings, progress))


def ending(target: bool, database: bool) -> str:
    """What is done last: of target and database those end that are ours."""
    ours = ["the target"] * target + ["PostgreSQL"] * database
    return f"ending {' and '.join(ours)}" if ours else "leaving the target as it is"


def _monitor(run: Run) -> Ready:
    """What watches the load, until it has to."""
    with (run.folder / "monitor.log").open("ab") as log:
        return Ready("harness.monitor", words=[str(run.folder)], stdout=log, stderr=log)


@contextmanager
def _watched(run: Run, settings: Settings, running: stack.Stack, waiting: Ready) -> Iterator[None]:
    """Run the monitor meanwhile."""
    ours = f"{running.target_url}/metrics" if running.services and running.target_url else ""
    metrics = settings.metrics_url or ours
    words = ["--metrics", metrics] if metrics else []
    words += ["--target", running.target_url] if running.target_url else []
    words += ["--cgroup", settings.target_group] if settings.target_group else []
    monitor = waiting.begin(words, DATABASE_URL=running.database_url)
    try:
        yield
    finally:
        died = monitor.poll() is not None
        process.stop(monitor)
        run.record(monitor={"died": died})  # it may find no room


UNCHECKED = "the plan says unchecked = true: nothing shows that the data agrees with the answers"


def _unverified(run: Run) -> None:
    """A foreign locustfile: nothing is known of the service, so no check can be made."""
    finding = Finding(
        "X1",
        "Every acknowledged effect is stored.",
        CheckState.UNDECIDED,
        0,
        "nothing",
        detail="the locustfile is not of a system that Proofload knows, so nothing can be compared with its database; "
        "`unchecked = true` in the plan lets rules that hold end UNCHECKED, [check.<name>] with SQL of yours checks it",
    )
    findings = [] if run.scenario.unchecked else [finding]
    weakened = {"weakened": [UNCHECKED]} if run.scenario.unchecked else {}
    run.write(check.FILE, {**binding.integrity(run, [one.id for one in findings], findings), **weakened})


def _report(run: Run, interrupt: _Interrupt, waiting: _Waiting) -> int:
    """Seal the run and report it; once more if it was interrupted meanwhile, since that belongs into the report."""
    while True:
        known = interrupt.signal
        if known and not run.facts["interrupted"]:
            run.facts["interrupted"] = f"{known} during verification or report"
        try:
            run.record()  # what is known of its end, also what found no room before
            binding.seal(run)
        except RunError as error:
            with suppress(OSError):
                (run.folder / binding.FILE).unlink(missing_ok=True)
            print(f"error: {error}. Without a seal the run is INVALID: run it again", file=sys.stderr)
        first, waiting.report = waiting.report, None
        code = report(run.folder, always=True, waiting=first)
        if interrupt.signal == known:
            # Something was sent: that it could not be reported is no matter of usage.
            return EXIT_CRASH if code == EXIT_USAGE else code


def report(folder: Path, always: bool = False, waiting: Ready | None = None) -> int:
    """Report a run folder; its block goes to our standard output. The exit code of its verdict.

    `always`: also if its evidence is damaged; then it is INVALID. `waiting`: the stage, if it waits for that.
    """
    words = [str(folder.resolve()), *(["--always"] if always else [])]
    if waiting:
        code = waiting.begin(words).wait()
    else:
        command = [sys.executable, "-m", "reports", *words]
        code = subprocess.run(command, env=environment_of_speaker(), start_new_session=True).returncode
    if code in EXIT_CODES.values():
        try:
            Run.open(folder).becomes_latest()
        except (RunError, OSError) as error:  # no reason to lose the verdict
            print(f"warning: {error}", file=sys.stderr)
        return code
    return code if code == EXIT_USAGE else EXIT_CRASH


def _require(scenario: Scenario, settings: Settings) -> None:
    """What a run needs of this machine, and last the database."""
    reference.require(scenario, settings)
    telling.require(settings)
    scale.require(settings)
    if settings.target_port and not settings.target_url:
        process.require_free(settings.target_port, "PERF_TARGET_PORT")
    if settings.database_url:
        guard.must_answer(settings.database_url, settings)


@contextmanager
def _handling(interrupt: _Interrupt) -> Iterator[None]:
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
