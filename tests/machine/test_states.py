"""The page of a run in each of its states: it says what it is about, fits a phone and a desk, and is for everybody."""

import shutil
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from docs.gallery.__main__ import GALLERY, example
from docs.screenshots.web_ui import STATES, says
from harness import steered
from harness.load import shown
from harness.reported import REPORT
from harness.run import Run
from reports.__main__ import report
from reports.live import page as live_page
from reports.live.live import Live
from tests.support.chromium import Browser
from tests.support.legible import hard_to_read
from tests.support.synthetic_run import BEGAN, synthetic_run

pytestmark = pytest.mark.machine

LOCUST = """<!doctype html><html lang="en"><body><div id="root"><main>
<button>Edit</button><div role="tablist"><button role="tab">Charts</button><button role="tab">Proofload</button></div>
</main></div></body></html>"""
"""What of Locust's page ours is put into."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """That of the run whose page is looked at."""
    return synthetic_run(tmp_path / "runs").folder


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    """Where its page is."""
    app = Flask(__name__)
    app.add_url_rule("/", "index", lambda: LOCUST)
    app.add_url_rule("/favicon.ico", "icon", lambda: ("", 204))
    web_ui: Any = SimpleNamespace(app=app, template_args={}, auth_required_if_enabled=lambda view: view)
    environment: Any = SimpleNamespace(
        parsed_options=Namespace(web_base_path=""), shape_class=None, runner=SimpleNamespace(state="running")
    )
    shown.show(environment, web_ui, folder)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def going(folder: Path, second: float) -> None:
    """The page of a load at a second of its plan."""
    live = Live(Run.open(folder))
    live.look(BEGAN + int(second * 1e9))
    Run.open(folder).write_text(live_page.FILE, live_page.shell(live))
    Run.open(folder).write_text(live_page.NOW, live_page.now(live))


def waiting(folder: Path) -> None:
    (folder / "load.json").unlink()
    journal = (folder / "journal-0.bin").rename(folder / "kept")
    going(folder, 0)
    journal.rename(folder / "journal-0.bin")


def loading(folder: Path) -> None:
    (folder / "load.json").unlink()
    going(folder, 8)


def changed(folder: Path) -> None:
    steered.add(folder, {"second": 3.25, "rate": 60.0})
    loading(folder)


def stopped(folder: Path) -> None:
    facts = {"interrupted": "Stop in the web UI during the load"}
    made = synthetic_run(folder.parent / "reported", facts=facts, load={"ended_by": "Stop in the web UI"})
    report(made.folder)
    shutil.copy(made.folder / REPORT, folder / REPORT)


def reported(folder: Path, name: str) -> None:
    """The report of the gallery of that name is there."""
    made, _ = example(folder.parent / "reported", GALLERY[name])
    shutil.copy(made / REPORT, folder / REPORT)


INTO: dict[str, Callable[[Path], None]] = {
    "waiting": waiting,
    "loading": loading,
    "changed": changed,
    "verifying": lambda folder: going(folder, 20),
    "stopped": stopped,
    "go": lambda folder: reported(folder, "verdict-go"),
    "no-go": lambda folder: reported(folder, "verdict-no-go-by-a-check"),
}


@pytest.mark.parametrize("name", INTO)
def test_the_page_of_a_run_says_its_state_and_is_for_everybody(
    browser: Browser, axe: str, folder: Path, url: str, name: str
) -> None:
    going(folder, 0)
    INTO[name](folder)
    page = browser.page()
    page.open(f"{url}/proofload", 390)

    page.until(says(name), 20)
    assert hard_to_read(page, axe) == []


def test_every_state_of_a_run_is_asked() -> None:
    assert [*INTO, "login", "bare"] == list(STATES)
