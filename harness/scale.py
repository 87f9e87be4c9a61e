"""Verification over several machines: Dask has the parts of a run judged, if PERF_DASK says where its scheduler is."""

import importlib.util
import shlex

from harness import DISTRIBUTION
from harness.errors import PlanError
from harness.settings import CHECKOUT, Settings


def require(settings: Settings) -> None:
    """PlanError, with the command that fixes it, if the settings ask for Dask and it is not installed."""
    if settings.dask and importlib.util.find_spec("distributed") is None:
        install = "`make venv`" if CHECKOUT else f"`{shlex.join(['pip', 'install', f'{DISTRIBUTION}[scale]'])}`"
        raise PlanError(f"PERF_DASK is set, and Dask is not installed: {install} installs it")
