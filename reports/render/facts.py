"""What a run was, in a few lines beside its verdict: when, how long, against what, by which code."""

from datetime import datetime
from typing import Any

from harness.quantities import duration

SHORT = 10
"""So much of a commit names it."""


def facts(verdict: dict[str, Any]) -> list[tuple[str, str]]:
    """Start, duration, target, commit, profile and seed; what is not known is left out."""
    run = verdict["run"]
    target, git = run["target"] or {}, run["git"] or {}
    lasted = max([one["end"] for one in verdict["timeline"]], default=run["seconds"])
    planned = "" if abs(lasted - run["seconds"]) < 1 else f" of {duration(run['seconds'])}"
    found = [
        ("start", _moment(datetime.fromisoformat(run["created"]))),
        ("duration", f"{duration(lasted)}{planned}"),
        ("target", _target(target)),
        ("commit", f"{str(git.get('commit') or 'not known')[:SHORT]}{', with changes' if git.get('dirty') else ''}"),
        ("profile", run["profile"]),
        ("seed", "" if run["seed"] is None else str(run["seed"])),
    ]
    return [(name, value) for name, value in found if value]


def _target(target: dict[str, Any]) -> str:
    """Its address, unless users call it themselves, and what is not seen by that."""
    said = ["the reference"] if target.get("ours") else []
    said += [f"fault {target['fault']}"] if target.get("fault") else []
    said += [f"strategy {target['strategy']}"] if target.get("strategy") else []
    url, what = target.get("url"), ", ".join(said)
    return f"{url} ({what})" if url and what else str(url or what or "not known")


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%b %Y, %H:%M:%S} UTC"
