"""The environment variables, read once, when asked. Empty means unset: CI passes unset inputs as empty strings."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from harness import quantities, tracing
from harness.errors import PlanError
from systems import PROJECT

ROOT = Path(__file__).resolve().parent.parent
"""The folder that our packages are in: a checkout, or where a wheel was installed."""

PRODUCTION = "production"
"""What PERF_SETTINGS can be: the embedded PostgreSQL is tuned as one of a server (harness/stack/postgres.py)."""

MASTER_PORT = 5557
"""Where Locust's master listens; the depot, which takes the files of workers, does at the next port."""

CHECKOUT = (ROOT / "Makefile").exists()


def _set(name: str) -> frozenset[str]:
    return frozenset(word.strip() for word in os.environ.get(name, "").split(",") if word.strip())


def _port(name: str, default: int) -> int:
    text = os.environ.get(name, "") or str(default)
    if not text.isdecimal() or not 0 <= int(text) < 65536:
        raise PlanError(f"{name}={text!r}: expected a port number, 1 to 65535")
    return int(text)


def _seed() -> int:
    text = os.environ.get("PERF_SEED", "") or "1"
    if not text.isdecimal():
        raise PlanError(f"PERF_SEED={text!r}: expected a whole number, 0 or more")
    return int(text)


def _processes() -> int:
    text = os.environ.get("PERF_PROCESSES", "") or "1"
    if not text.isdecimal() or int(text) < 1:
        raise PlanError(f"PERF_PROCESSES={text!r}: expected a whole number, 1 or more")
    return int(text)


def _workers() -> int:
    text = os.environ.get("PERF_WORKERS", "")
    if text and (not text.isdecimal() or int(text) < 1):
        raise PlanError(f"PERF_WORKERS={text!r}: expected how many load processes all machines have, 1 or more")
    return int(text or 0)


def _partitions() -> int:
    text = os.environ.get("PERF_PARTITIONS", "")
    if text and (not text.isdecimal() or int(text) < 1):
        raise PlanError(f"PERF_PARTITIONS={text!r}: expected in how many parts a run is verified, 1 or more")
    return int(text or 0)


def _dask() -> str:
    text = os.environ.get("PERF_DASK", "")
    if text and not re.fullmatch(r"(tcp|tls|ws|wss)://\S+:\d+", text):
        raise PlanError(f"PERF_DASK={text!r}: expected the address of a scheduler of Dask: tcp://HOST:8786")
    return text


def _seconds(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        return quantities.seconds(text) if text else default
    except ValueError as error:
        raise PlanError(f"{name}={text!r}: {error}") from None


def _master() -> tuple[str, int]:
    """Where the master is, by PERF_MASTER, host or host:port; Locust's own variables are its defaults."""
    text = os.environ.get("PERF_MASTER", "")
    host, _, port = text.rpartition(":") if re.fullmatch(r".*[^:]:\d+", text) else (text, "", "")
    given = int(port) if port else _port("LOCUST_MASTER_NODE_PORT", MASTER_PORT)
    return (host or os.environ.get("LOCUST_MASTER_NODE_HOST", "")).strip("[]"), given


def _trace() -> str:
    text = os.environ.get("PERF_TRACE", "")
    if text not in ("", "on", "off"):
        raise PlanError(f"PERF_TRACE={text!r}: expected on or off, or nothing")
    return text


def _trace_url() -> str:
    text = os.environ.get("PERF_TRACE_URL", "")
    if text and not tracing.is_template(text):
        raise PlanError(
            f"PERF_TRACE_URL={text!r}: expected the address of a page about a trace, with {{trace}} for its id: "
            "https://jaeger.example/trace/{trace}"
        )
    return text


def _otlp_url() -> str:
    text = os.environ.get("PERF_OTLP_URL", "")
    if text and not re.fullmatch(r"https?://[^/\s]+\S*", text):
        raise PlanError(f"PERF_OTLP_URL={text!r}: expected where a collector takes OTLP over HTTP: http://HOST:4318")
    return text


def _database_settings() -> str:
    text = os.environ.get("PERF_SETTINGS", "")
    if text not in ("", PRODUCTION):
        raise PlanError(f"PERF_SETTINGS={text!r}: expected {PRODUCTION}, or nothing")
    if text and os.environ.get("DATABASE_URL"):
        raise PlanError(f"PERF_SETTINGS={text} with DATABASE_URL: it is for the embedded PostgreSQL; unset one of them")
    return text


def _share(name: str, default: str) -> float:
    text = os.environ.get(name, "") or default
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text)
    if not match or float(match[1]) > 100:
        raise PlanError(f"{name}={text!r}: expected a share, 0% to 100%")
    return float(match[1]) / 100


def _home() -> Path:
    return Path(os.environ.get("PERF_HOME", "") or PROJECT / ".proofload")


def baseline_of(scenario: str, profile: str) -> Path:
    """Where the baseline of a scenario is: a small file, to be committed."""
    return Path(os.environ.get("PERF_BASELINES", "") or PROJECT / "baselines") / f"{scenario}-{profile}.json"


@dataclass(frozen=True)
class Settings:
    """What the environment sets for a run; docs/settings.md lists it."""

    target_url: str = field(default_factory=lambda: os.environ.get("TARGET_URL", "").rstrip("/"))
    database_url: str = field(default_factory=lambda: os.environ.get("DATABASE_URL", ""))
    allow_hosts: frozenset[str] = field(default_factory=lambda: _set("PERF_ALLOW_HOSTS"))
    allow_databases: frozenset[str] = field(default_factory=lambda: _set("PERF_ALLOW_DATABASES"))
    processes: int = field(default_factory=_processes)
    metrics_url: str = field(default_factory=lambda: os.environ.get("PERF_METRICS_URL", ""))
    target_group: str = field(default_factory=lambda: os.environ.get("PERF_TARGET_CGROUP", ""))
    trace: str = field(default_factory=_trace)
    """Whether requests have a trace id: on, off, or "" for what is usual for the target."""
    trace_url: str = field(default_factory=_trace_url)
    live_port: int = field(default_factory=lambda: _port("PERF_LIVE_PORT", 0))
    """Where Prometheus can ask how the load goes on; 0: nowhere."""
    live_bind: str = field(default_factory=lambda: os.environ.get("PERF_LIVE_BIND", "") or "127.0.0.1")
    otlp_url: str = field(default_factory=_otlp_url)
    profiler: str = field(default_factory=lambda: os.environ.get("PROFILER", ""))
    scale_command: str = field(default_factory=lambda: os.environ.get("PERF_SCALE_CMD", ""))
    disturb_command: str = field(default_factory=lambda: os.environ.get("PERF_DISTURB_CMD", ""))
    ca_file: str | None = field(default_factory=lambda: os.environ.get("PERF_CA_FILE") or None)
    seed: int = field(default_factory=_seed)
    home: Path = field(default_factory=_home)
    runs: Path = field(default_factory=lambda: Path(os.environ.get("PERF_RUNS", "") or PROJECT / "reports" / "runs"))
    partitions: int = field(default_factory=_partitions)
    """In how many parts a run is verified; 0: by its size."""
    dask: str = field(default_factory=_dask)
    """Where Dask's scheduler is, whose workers verify the parts; "": this machine does."""
    partitions_folder: str = field(default_factory=lambda: os.environ.get("PERF_PARTITIONS_FOLDER", "").rstrip("/"))
    """Where the parts are meanwhile, a folder or a URL; "": in the run folder."""
    duration: str = field(default_factory=lambda: os.environ.get("PERF_DURATION", ""))
    vus: str = field(default_factory=lambda: os.environ.get("PERF_VUS", ""))
    database_settings: str = field(default_factory=_database_settings)
    keep_disk: float = field(default_factory=lambda: _share("PERF_KEEP_DISK", "20%"))
    target_port: int = field(default_factory=lambda: _port("PERF_TARGET_PORT", 0))
    ui_port: int = field(default_factory=lambda: _port("PERF_UI_PORT", 8089))
    workers: int = field(default_factory=_workers)
    """How many load processes other machines have together; 0: all are on this one."""
    master: tuple[str, int] = field(default_factory=_master)
    """As a worker: host and port of the master."""
    master_bind: str = field(
        default_factory=lambda: (
            os.environ.get("PERF_MASTER_BIND", "") or os.environ.get("LOCUST_MASTER_BIND_HOST", "") or "0.0.0.0"
        )
    )
    master_port: int = field(
        default_factory=lambda: _port("PERF_MASTER_PORT", _port("LOCUST_MASTER_BIND_PORT", MASTER_PORT))
    )
    by_machine: bool = field(default_factory=lambda: bool(os.environ.get("PERF_BY_MACHINE", "")))
    """Whether the progress has a line for each machine."""
    join_wait: float = field(default_factory=lambda: _seconds("PERF_JOIN_WAIT", 60.0))
    silence: float = field(default_factory=lambda: _seconds("PERF_SILENCE", 60.0))
    collect: float = field(default_factory=lambda: _seconds("PERF_COLLECT", 120.0))
