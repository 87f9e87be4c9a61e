"""Verification over several machines: Dask has the parts of a run judged, if PERF_DASK says where its scheduler is."""

import importlib.util
import shlex
import socket
from urllib.parse import urlsplit

from harness import DISTRIBUTION
from harness.errors import PlanError
from harness.settings import CHECKOUT, Settings

CONNECT_S = 5.0


def require(settings: Settings) -> None:
    """PlanError, with the command that fixes it, if the settings ask for Dask and it is not installed, or nobody
    answers where its scheduler should.
    """
    if not settings.dask:
        return
    if importlib.util.find_spec("distributed") is None:
        install = "`make venv`" if CHECKOUT else f"`{shlex.join(['pip', 'install', f'{DISTRIBUTION}[scale]'])}`"
        raise PlanError(f"PERF_DASK is set, and Dask is not installed: {install} installs it")
    where = urlsplit(settings.dask)
    try:
        socket.create_connection((where.hostname or "", where.port or 0), CONNECT_S).close()
    except OSError as error:
        raise PlanError(
            f"PERF_DASK={settings.dask}: no scheduler of Dask answers there: {error.strerror or error}. "
            f"`dask scheduler --port {where.port}` starts one"
        ) from None
