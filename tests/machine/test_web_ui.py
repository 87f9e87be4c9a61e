"""The web UI in a browser: its figures are the journal's, it is steered by its own pages only, and everybody can read
it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from harness import journaled, steered
from harness.quantities import duration
from harness.reported import VERDICT
from harness.settings import ROOT
from tests.support.browser import Browser, Page, browsing
from tests.support.counting_server import counting
from tests.support.pipeline_process import Pipeline
from tests.support.target_process import eventually, free_port

pytestmark = pytest.mark.machine

DRAIN_S, MORE_S = 8, 10
PLAN = f"""\
system = "messages"
title = "Message processing"

[scenario.paced]
purpose = "users at their own pace, until they are stopped"
users = {{ MessageSender = 1 }}
service.deliver = {{ processes = 1 }}
drain = "{DRAIN_S}s"
timeout = "8s"
think = "50ms"
stages.smoke = [{{ users = 4, for = "10m" }}]
validity = {{ loop_lag = "30s", loop_gap = "1m", min_successes = 20 }}
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
SECRET = "a password of twenty"
SERIOUS = ("serious", "critical")
INSIDE = "document.querySelector('#proofload iframe').contentDocument"
RUN = "fetch('proofload/now', {method: 'HEAD'}).then((told) => told.headers.get('Proofload-Run'))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script that looks for what keeps people from reading a page."""
    if not shutil.which("npm"):
        pytest.skip("no npm here: `apt-get install npm`")
    tool = shutil.copytree(ROOT / ".ci" / "axe", tmp_path_factory.mktemp("axe") / "axe")
    if subprocess.run(["npm", "ci", "--silent"], cwd=tool).returncode:
        pytest.skip("npm can't install axe-core here: it needs the registry of npm")
    return (tool / "node_modules" / "axe-core" / "axe.min.js").read_text()


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
        f"Object.fromEntries([...{INSIDE}.querySelectorAll('.tiles li')].map("
        "(one) => [one.children[0].innerText, one.children[1].innerText]))"
    )
    return found


def too_wide(page: Page, width: int) -> list[str]:
    """What goes beyond the right edge of a page that is so wide, and isn't in a part that scrolls."""
    page.size(width)
    page.until(f"innerWidth === {width}")
    found: list[str] = page.js(
        """[...document.querySelectorAll("body *")].filter((one) =>
            one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll")
        ).map((one) => one.outerHTML.slice(0, 99)).concat(
            document.documentElement.scrollWidth > innerWidth ? ["the page scrolls"] : [])"""
    )
    return found


def hard_to_read(page: Page, axe: str) -> list[str]:
    """What axe finds of consequence, in a light and in a dark theme."""
    found = []
    for theme in ("light", "dark"):
        page.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        page.js(f"{axe}; 0")
        told = page.js("axe.run().then((found) => found.violations)")
        found += [f"{theme}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in told if one["impact"] in SERIOUS]
    return found


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
    page.until(f"{INSIDE}?.querySelectorAll('.tiles li').length === 6")
    before = int(tiles(page)["ended"].replace(",", ""))
    page.until(f"+{INSIDE}.querySelectorAll('.tiles b')[1].innerText.replace(',', '') > {before}")
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
    eventually(lambda: all((one.records["end"] > 0).all() for one in journaled.read_all(folder)))
    (change,) = steered.read(folder)
    assert (change["users"], change["spawn"]) == (0, 100)
    records = np.concatenate([one.records for one in journaled.read_all(folder)])
    page.until(f"{INSIDE}.querySelectorAll('.tiles b')[1].innerText.replace(',', '') === '{len(records)}'")
    times = np.sort((records["end"] - records["sched"]) / 1e9)
    shown = tiles(page)
    assert (shown["ended"], shown["errors"]) == (f"{len(records):,}", "0")
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        assert shown[name] == duration(times[max(int(np.ceil(share * len(times))), 1) - 1])

    # Everybody can read it.
    alone.open(f"{url}/proofload")
    alone.until("document.querySelectorAll('.tiles li').length === 6")
    assert [too_wide(alone, width) for width in (390, 1280)] == [[], []]
    assert hard_to_read(alone, axe) == []

    # Stop is Ctrl-C: the data is proven at once, and the tab has the report.
    pressed = time.monotonic()
    page.click("Stop")
    eventually(lambda: (folder / VERDICT).exists(), running)  # type: ignore[arg-type]
    assert time.monotonic() - pressed < DRAIN_S + MORE_S
    first = page.js(RUN)
    page.until(f"{INSIDE}.location.pathname.endsWith('report.html') && {INSIDE}.readyState === 'complete'")
    assert "INVALID" in page.js(f"{INSIDE}.body.innerText")
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
    page.until(f"{INSIDE}?.querySelectorAll('.tiles li').length === 6")

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


def test_the_users_alone_are_behind_a_login_and_counted_in_a_table(browser: Browser, tmp_path: Path) -> None:
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
            assert "Nothing is verified or reported" in page.js("document.body.innerText")
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
