"""The files that the report of a run leaves in its folder. They are void as soon as what they rest on is another."""

from pathlib import Path

from harness.errors import RunError

VERDICT, REPORT, SUMMARY, JUNIT = "verdict.json", "report.html", "summary.md", "junit.xml"
METRICS, TIMELINE, HLOG = "metrics.txt", "timeline.csv", "timeline.hlog"
PLANS = "plans.html"
"""Only where verification has read plans of statements."""
FILES = (VERDICT, REPORT, SUMMARY, JUNIT, METRICS, TIMELINE, HLOG)


def void(folder: Path) -> None:
    """Remove what an earlier report of the run in `folder` left; RunError if that can't be."""
    for name in (*FILES, PLANS):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise RunError(f"{folder / name}: {error.strerror}: expected leave to write it anew") from None


def store(path: Path, text: str) -> None:
    """Write a page about several runs; RunError if it can't be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}: expected room and leave to write it; then compare again") from None
