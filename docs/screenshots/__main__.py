"""`python -m docs.screenshots`: pictures of the six states that tell most, into docs/screenshots/*.webp, and of each
state of the web UI, into docs/screenshots/web-ui/*.webp.

Each is of a run that is made for it here, by the commands that a user would give: every figure in it was measured.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from docs.screenshots import web_ui
from docs.screenshots.web_ui import START_S
from harness import ambient
from harness.errors import RunError, StackError, command
from harness.reported import REPORT
from harness.run import LATEST
from harness.settings import ROOT
from reports.suite import PAGE
from tests.support import chromium
from tests.support.chromium import Page

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 1280, 860
MOST_BYTES = 150_000
QUALITY = 85
FAULT = "ack_before_commit"
"""What makes the NO-GO: a target that acknowledges what it has not stored."""
UNTIL_S = 9
"""At this second of its load the page of a running load is pictured, and the load then ended: its report is INVALID."""

STATES = {
    "go": "a report: GO",
    "no-go": f"a report: NO-GO, of a target with the fault {FAULT}",
    "invalid": "a report: INVALID, of a load that was ended by Ctrl-C",
    "disturbed": "the charts of a load during which target and database were restarted, stopped and killed",
    "suite": "the page about all scenarios of a system",
    "live": "a load as it goes on, in the web UI",
}
"""What is pictured, by the name of its file."""


def main() -> int:
    """Make all of them; some minutes."""
    if chromium.program() is None:
        raise StackError("no browser: expected Chromium, e.g. by `apt-get install chromium`")
    with tempfile.TemporaryDirectory(prefix="proofload-screenshots-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with chromium.browser(folder / "profile") as running:
            page = running.page()
            runs = folder / "runs"
            _make(runs, "suite", "messages")
            _picture(page, "suite", runs / "messages" / LATEST / PAGE)
            _picture(page, "go", runs / "peak" / LATEST / REPORT)
            _picture(page, "disturbed", runs / "peak-disturbed" / LATEST / REPORT, "#timeline")
            _make(runs, "run", "peak", "--fault", FAULT)
            _picture(page, "no-go", runs / "peak" / LATEST / REPORT)
            with web_ui.shown(page, runs, path="/proofload", height=HEIGHT):
                page.until(f"+(/second (\\d+)/.exec(document.body.innerText) || [0, 0])[1] >= {UNTIL_S}", START_S)
                _take(page, "live", 0)
            _picture(page, "invalid", runs / "peak" / LATEST / REPORT)
            web_ui.pictures(running, runs, FAULT, lambda page, name: _take(page, f"{web_ui.FOLDER}/{name}", 0))
    return 0


def _make(runs: Path, *words: str) -> None:
    """Make what `words` ask for; whatever the verdict."""
    command = [sys.executable, "-m", "harness", *words, "--profile", "smoke"]
    subprocess.run(command, cwd=ROOT, env={**ambient.kept(), "PERF_RUNS": str(runs)}, check=False)


def _picture(page: Page, name: str, path: Path, at: str = "") -> None:
    """The top of the page at `path`, or the part of it from `at` on."""
    if not path.exists():
        raise RunError(f"{path}: it is not there: see what the run before said")
    page.open(path.resolve().as_uri(), WIDTH, HEIGHT)
    _take(page, name, page.js(f"document.querySelector({at!r}).getBoundingClientRect().top - 12") if at else 0)


def _take(page: Page, name: str, top: float) -> None:
    clip = {"x": 0, "y": max(top, 0), "width": WIDTH, "height": HEIGHT, "scale": 1}
    path = FOLDER / f"{name}.webp"
    path.parent.mkdir(exist_ok=True)
    page.picture(path, format="webp", quality=QUALITY, clip=clip, captureBeyondViewport=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise RunError(f"{path}: {size:,} bytes, expected {MOST_BYTES:,} at most")
    about = STATES.get(name) or web_ui.STATES[path.stem].about
    print(f"{os.path.relpath(path)}: {about}; {size:,} bytes")


if __name__ == "__main__":
    command(main)
