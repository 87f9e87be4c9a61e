"""What tells Prometheus, or a collector of OpenTelemetry, of a load as it goes on: a process beside the run."""

import importlib.util
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from harness import DISTRIBUTION
from harness.errors import PlanError
from harness.project import environment
from harness.run import Run
from harness.settings import CHECKOUT, Settings
from harness.stack import process

EXPORTER = "opentelemetry.exporter.otlp.proto.http.metric_exporter"


def require(settings: Settings) -> None:
    """PlanError, with the command that fixes it, unless what the settings ask for can be done."""
    if settings.live_port:
        process.require_free(settings.live_port, "PERF_LIVE_PORT", settings.live_bind)
    if settings.otlp_url and not _installed():
        install = "`make venv`" if CHECKOUT else f"`{shlex.join(['pip', 'install', f'{DISTRIBUTION}[otel]'])}`"
        raise PlanError(f"PERF_OTLP_URL is set, and OpenTelemetry's exporter is not installed: {install} installs it")


@contextmanager
def told(run: Run, settings: Settings, page: bool = False) -> Iterator[None]:
    """Tell of the run meanwhile, as the settings ask for, and on a page if there is a web UI to show it; a failure of
    that is no failure of the run.
    """
    if not (settings.live_port or settings.otlp_url or page):
        yield
        return
    words = ["--port", str(settings.live_port), "--bind", settings.live_bind]
    words += ["--otlp", settings.otlp_url] if settings.otlp_url else []
    words += ["--page"] * page
    command = [sys.executable, "-m", "reports.live", str(run.folder), *words]
    telling = process.start(command, run.folder / "live.log", environment())
    try:
        yield
    finally:
        process.stop(telling)


def _installed() -> bool:
    with suppress(ModuleNotFoundError):
        return importlib.util.find_spec(EXPORTER) is not None
    return False
