"""The web UI in a browser: its figures are the journal's, it is steered by its own pages only, and everybody can read
it.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from docs.screenshots.web_ui import FRAME, INSIDE, SECRET, says
from harness import journaled, steered
from harness.quantities import duration
from harness.reported import VERDICT
from harness.settings import ROOT
from harness.stack.process import free_port
from tests.support.chromium import Browser, Page
from tests.support.counting_server import counting
from tests.support.legible import WIDTHS, not_for_everybody, too_wide
from tests.support.pipeline_process import Pipeline
from tests.support.target_process import eventually

pytestmark = pytest.mark.machine

PLAN = """\
system = "messages"
title = "Message processing"

[scenario.paced]
purpose = "users at their own pace, until they are stopped"
users = { MessageSender = 1 }
service.deliver = { processes = 1 }
drain = "8s"
timeout = "8s"
think = "50ms"
stages.smoke = [{ users = 4, for = "10m" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 20 }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%"]
"""
OTHERS = """<script>
const form = new URLSearchParams({{ user_count: "99", spawn_rate: "99", host: "http://127.0.0.1:1" }});
const send = (path, body) => fetch("{url}" + path, {{ method: "POST", mode: "no-cors", body }});
window.done = Promise.all([
  send("/stop"), send("/swarm", form), send("/user", JSON.stringify({{ user_class_name: "MessageSender", host: "x" }})),
]).then(() => fetch("{url}/stats/requests")).then(() => "it may read", () => "it may not read");
</script>
"""
RUN = "fetch('proofload/now', {method: 'HEAD'}).then((told) => told.headers.get('Proofload-Run'))"


@pytest.fixture
def pipeline(home: Path, tmp_path: Path) -> Pipeline:
    return Pipeline(home, tmp_path / "runs", PLAN)


@contextmanager
def another_site(page: str) -> Iterator[str]:
    """A page of another origin; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def tiles(page: Page) -> dict[str, str]:
    """What the tab shows, by name."""
    found: dict[str, str] = page.js(
        f"Object.fromEntries([...{INSIDE}.querySelectorAll('.glance li')].map("
        "(one) => ['.name', '.value'].map((part) => one.querySelector(part).innerText)))"
    )
    return found


SIX = f"{INSIDE}?.querySelector('#state') && {INSIDE}.querySelectorAll('.glance li').length === 6"
"""The page of a load, which has six figures, as the report does."""
ENDED = f"{INSIDE}?.querySelectorAll('.glance .value')[1]?.innerText.replace(',', '')"


def seen(page: Page, name: str, axe: str) -> None:
    """A state of the web UI is there, and Locust's page with ours in it fits, and is for everybody."""
    page.until(says(name))
    assert [too_wide(page, width) for width in WIDTHS] == [[], []]
    assert not_for_everybody(page, axe) == []


def test_a_run_is_seen_changed_stopped_and_begun_again_in_the_tab_of_locusts_page(
    browser: Browser, axe: str, pipeline: Pipeline, request: pytest.FixtureRequest
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    running = pipeline.start("paced", "--ui", PERF_UI_PORT=str(port), PERF_PROCESSES="2")
    request.addfinalizer(lambda: (running.kill(), running.communicate()))
    folder = pipeline.journal(running, 30).parent
    page, alone = browser.page(), browser.page()

    # The tab is the first to be opened, and goes on by itself.
    page.open(url)
    page.until("document.querySelector('[role=tab][aria-selected=true]')?.innerText.toLowerCase() === 'proofload'")
    page.until(SIX)
    seen(page, "loading", axe)
    before = int(tiles(page)["ended"].replace(",", ""))
    page.until(f"+{ENDED} > {before}")
    assert page.js("location.search") == "?tab=proofload"
    assert page.js("document.querySelector('#proofload').getBoundingClientRect().top") < 200

    # A page of another site changes nothing, and reads nothing.
    with another_site(OTHERS.format(url=url)) as other:
        alone.open(other)
        assert alone.js("done") == "it may not read"
    assert page.js("fetch('stats/requests').then((told) => told.json()).then((told) => told.state)") == "running"
    assert steered.read(folder) == []

    # What Locust forgets when it is told to, we do not.
    page.click("Reset")

    # Nobody begins anything from now on: all that is shown stands still.
    page.click("Edit")
    page.fill("userCount", "0")
    page.fill("spawnRate", "100")
    page.click("Update")
    page.until(f"{INSIDE}.body.innerText.includes('Changed by hand: 0 users from')")
    seen(page, "changed", axe)
    page.until("fetch('stats/requests').then((told) => told.json()).then((told) => told.user_count === 0)")
    eventually(lambda: all((one.records["end"] > 0).all() for one in journaled.read_all(folder)))
    (change,) = steered.read(folder)
    assert (change["users"], change["spawn"]) == (0, 100)
    records = np.concatenate([one.records for one in journaled.read_all(folder)])
    page.until(f"{ENDED} === '{len(records)}'")
    times = np.sort((records["end"] - records["sched"]) / 1e9)
    shown = tiles(page)
    assert (shown["ended"], shown["errors"]) == (f"{len(records):,}", "0")
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        assert shown[name] == duration(times[max(int(np.ceil(share * len(times))), 1) - 1])

    # It is as dark as Locust's page, whatever the browser prefers.
    for theme, ground in (("dark", "rgb(13, 17, 23)"), ("light", "rgb(255, 255, 255)")):
        page.js(f"localStorage.theme = {theme!r}")
        page.until(f"{INSIDE}.defaultView.getComputedStyle({INSIDE}.body).backgroundColor === {ground!r}")

    # Stop is Ctrl-C: the data is proven now and not after ten minutes, and the tab has the report.
    page.click("Stop")
    eventually(lambda: (folder / VERDICT).exists(), running)  # type: ignore[arg-type]
    first = page.js(RUN)
    page.until(f"{INSIDE}.location.pathname.endsWith('report.html') && {INSIDE}.readyState === 'complete'")
    seen(page, "stopped", axe)
    verdict = json.loads((folder / VERDICT).read_text())
    assert verdict["run"]["id"] == first
    assert [(one["users"], one["spawn"]) for one in verdict["run"]["steered"]] == [(0, 100)]
    assert "Stop in the web UI during the load" in verdict["reason"]
    assert {one["id"]: one["state"] for one in verdict["validity"]}["V4"] == "ok"
    assert {one["state"] for one in verdict["checks"]} <= {"HOLDS", "UNDECIDED"}

    # START is another run, in another folder and another copy of the database.
    page.click("New")
    page.until("document.body.innerText.includes('Start new load test')")
    assert "azure" not in page.js("document.body.innerText").lower()
    page.click("Start")
    second = page.until(f"{RUN}.then((found) => found !== '{first}' && found).catch(() => null)")
    page.until(SIX)

    # Ctrl-C twice leaves no verdict, and says where what is recorded is.
    (again,) = {path.parent.resolve() for path in pipeline.runs.glob("paced/2*/run.json")} - {folder}
    running.send_signal(signal.SIGINT)
    eventually(lambda: (again / "load.json").exists(), running)  # type: ignore[arg-type]
    running.send_signal(signal.SIGINT)
    result = pipeline.finish(running)
    assert result.code == 3, result.out + result.err
    assert "INVALID: SIGINT before anything could be proved; what was recorded until then is in" in result.err
    assert str(again) in result.err
    runs = {
        run["run"]: run for path in pipeline.runs.glob("paced/2*/run.json") if (run := json.loads(path.read_text()))
    }
    assert runs.keys() == {first, second}
    assert runs[first]["database"]["name"] != runs[second]["database"]["name"]
    assert "steered" not in runs[second]


def test_the_rate_of_planned_arrivals_is_changed_where_edit_leads_to(
    browser: Browser, home: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    port, page, pipeline = free_port(), browser.page(), Pipeline(home, tmp_path / "runs")
    running = pipeline.start("short", "--ui", "--profile", "full", PERF_UI_PORT=str(port))
    request.addfinalizer(lambda: (running.kill(), running.communicate()))
    folder = pipeline.journal(running, 20).parent
    page.open(f"http://127.0.0.1:{port}/?tab=charts")

    page.click("Edit")
    page.until("location.search === '?tab=proofload'")
    page.until(f"document.activeElement.contentDocument?.activeElement === {INSIDE}.querySelector('[name=rate]')")
    page.fill("rate", "120", INSIDE)
    page.js(f"{INSIDE}.querySelector('#steer button').click()")
    page.until(f"{FRAME}.includes('Changed by hand: 120.0/s offered from')")

    assert [one["rate"] for one in steered.read(folder)] == [120]
    for _ in range(2):  # the second one leaves no verdict
        running.send_signal(signal.SIGINT)
        eventually(lambda: (folder / "load.json").exists(), running)
    assert str(folder) in pipeline.finish(running).err


def test_the_users_alone_are_behind_a_login_and_counted_in_a_table(browser: Browser, axe: str, tmp_path: Path) -> None:
    port, page = free_port(), browser.page()
    log = tmp_path / "locust.log"
    with counting() as served, log.open("wb") as output:
        command = ["-m", "locust", "-f", "locustfiles/messages.py", "--web-port", str(port), "--web-login"]
        environment = {**os.environ, "PERF_WEB_PASSWORD": SECRET, "DATABASE_URL": ""}
        locust = subprocess.Popen(
            [sys.executable, *command, "--host", served.url], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            eventually(lambda: "Starting web interface" in log.read_text(), locust)
            eventually(lambda: _answers(port), locust)
            page.open(f"http://127.0.0.1:{port}/")
            seen(page, "login", axe)
            page.fill("password", "another password")
            page.click("Log in")
            page.until("document.body.innerText.includes('That is not the password')")
            page.fill("password", SECRET)
            page.click("Log in")
            page.until("location.search === '?tab=proofload'")
            page.fill("userCount", "2")
            page.fill("spawnRate", "2")
            page.click("Start")
            page.until("document.querySelectorAll('td').length > 0")
            seen(page, "bare", axe)
            page.click("Stop")
            page.until("fetch('stats/requests').then((told) => told.json()).then((told) => told.state === 'stopped')")
            page.open(f"http://127.0.0.1:{port}/")
            counts = page.until("[...document.querySelectorAll('tbody tr')].map((row) => +row.cells[3].innerText)")
        finally:
            locust.send_signal(signal.SIGINT)
            locust.wait(60)

    asked = sum(count for asked, count in served.asked.items() if asked.startswith("POST"))
    assert sum(counts) == asked > 0, log.read_text()
    assert "nothing will be verified" in log.read_text()


def _answers(port: int) -> Any:
    import urllib.error
    import urllib.request

    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5).status
    except OSError:
        return None
