"""What GitHub shows of a run: the summary of the step, and annotations on it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable with the file that GitHub renders."""

MOST = 10
"""Annotations of a kind that GitHub keeps for a step: so the last one counts the remaining ones."""


def publish(verdict: dict[str, Any], summary: str) -> list[str]:
    """If GitHub is there, append `summary` to that of its step; the lines to print, which it makes annotations of."""
    path = os.environ.get(SUMMARY)
    if not path:
        return []
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(summary + "\n")
    return list(annotations(verdict))


def annotations(verdict: dict[str, Any]) -> Iterator[str]:
    """An annotation for each cause: an error, or a warning where the verdict is CONDITIONAL."""
    run, causes = verdict["run"], verdict["causes"]
    title = _property(f"{verdict['verdict']}: {run['scenario']} ({run['profile']})")
    shown = causes if len(causes) <= MOST else causes[: MOST - 1]
    for cause in shown:
        kind = "warning" if cause["verdict"] == "CONDITIONAL" else "error"
        yield f"::{kind} title={title}::{_data(cause['sentence'])}"
    if len(shown) < len(causes):
        yield f"::error title={title}::and {len(causes) - len(shown)} more causes; see report.html"


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")
