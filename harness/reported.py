"""The files that the report of a run leaves in its folder. They are void as soon as what they rest on is another."""

from pathlib import Path

VERDICT, REPORT, SUMMARY, JUNIT = "verdict.json", "report.html", "summary.md", "junit.xml"
METRICS, TIMELINE, HLOG = "metrics.txt", "timeline.csv", "timeline.hlog"
FILES = (VERDICT, REPORT, SUMMARY, JUNIT, METRICS, TIMELINE, HLOG)


def void(folder: Path) -> None:
    """Remove what an earlier report of the run in `folder` left."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
