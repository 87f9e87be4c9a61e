"""The environment variables, read once, when asked. Empty means unset: CI passes unset inputs as empty strings."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import PlanError
from systems import PROJECT

ROOT = Path(__file__).resolve().parent.parent
"""The folder that our packages are in: a checkout, or where a wheel was installed."""

PRODUCTION = "production"
"""What PERF_SETTINGS can be: the embedded PostgreSQL is tuned as one of a server (harness/stack/postgres.py)."""

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
    profiler: str = field(default_factory=lambda: os.environ.get("PROFILER", ""))
    scale_command: str = field(default_factory=lambda: os.environ.get("PERF_SCALE_CMD", ""))
    ca_file: str | None = field(default_factory=lambda: os.environ.get("PERF_CA_FILE") or None)
    seed: int = field(default_factory=_seed)
    home: Path = field(default_factory=_home)
    runs: Path = field(default_factory=lambda: Path(os.environ.get("PERF_RUNS", "") or PROJECT / "reports" / "runs"))
    duration: str = field(default_factory=lambda: os.environ.get("PERF_DURATION", ""))
    vus: str = field(default_factory=lambda: os.environ.get("PERF_VUS", ""))
    database_settings: str = field(default_factory=_database_settings)
    keep_disk: float = field(default_factory=lambda: _share("PERF_KEEP_DISK", "20%"))
    target_port: int = field(default_factory=lambda: _port("PERF_TARGET_PORT", 0))
    ui_port: int = field(default_factory=lambda: _port("PERF_UI_PORT", 8089))
