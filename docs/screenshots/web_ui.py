"""Pictures of the web UI in each of its states, of runs that are made for them: docs/screenshots/web-ui/*.webp.

Each is asked before it is pictured whether it says what it is about, and whether it fits a phone and a desk.
"""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from harness import ambient
from harness.errors import RunError
from harness.settings import ROOT
from harness.stack import process
from tests.support.chromium import Browser, Page
from tests.support.legible import WIDTHS, too_wide

START_S = 120.0
"""How long a run may take until its page is there, and until it is reported when it was ended."""
FOLDER = "web-ui"
TRIES = 5
SECRET = "a password of twenty"
INSIDE = "document.querySelector('#proofload iframe')?.contentDocument"
FRAME = f"({INSIDE}?.body?.innerText || '')"


class State(NamedTuple):
    """What is seen, and words that stand there."""

    about: str
    words: tuple[str, ...]


STATES = {
    "waiting": State("a run whose users are starting", ("waiting", "Nothing here is a verdict")),
    "loading": State("a load that goes on", ("loading", "p95", "in flight", "Rules, so far", "Outcomes", "Generator")),
    "changed": State("a load whose rate was changed by hand", ("Changed by hand", "not comparable with others")),
    "verifying": State("a load that is over", ("verifying", "compared with the database")),
    "stopped": State("the verdict on a run that was stopped", ("INVALID", "Stop in the web UI")),
    "go": State("the verdict GO", ("GO", "effects proven", "Timeline")),
    "no-go": State("the verdict NO-GO", ("NO-GO", "What is wrong", "VIOLATED")),
    "login": State("the login", ("Password", "Log in")),
    "bare": State("`locust -f`, without a run", ("Nothing is verified or reported", "Outcome", "process")),
}
"""The states of the web UI, by the name of their picture."""


def says(name: str) -> str:
    """A script: whether Locust's page, or ours in it, says what the state is about."""
    whole = f"(document.body.innerText + {FRAME}).toLowerCase()"
    return " && ".join(f"{whole}.includes({word.lower()!r})" for word in STATES[name].words)


Take = Callable[[Page, str], None]


def pictures(browser: Browser, runs: Path, fault: str, take: Take) -> None:
    """Bring the web UI into each state, and have it taken by `take`."""
    page = browser.page()
    _waiting(page, runs, take)
    with shown(page, runs):
        page.until(f"+(/second (\\d+)/.exec({FRAME}) || [0, 0])[1] >= 5", START_S)
        _seen(page, "loading", take)
        page.fill("rate", "60", INSIDE)
        page.js(f"{INSIDE}.querySelector('#steer button').click()")
        _seen(page, "changed", take)
        page.click("Stop")
        _seen(page, "verifying", take)
        _seen(page, "stopped", take)
    for name, more in (("go", ()), ("no-go", ("--fault", fault))):
        with shown(page, runs, *more):
            _seen(page, name, take)
    with _target() as url, _bare(page, url):
        _seen(page, "login", take)
        page.fill("password", SECRET)
        page.click("Log in")
        page.fill("userCount", "4")
        page.fill("spawnRate", "4")
        page.click("Start")
        _seen(page, "bare", take)


def _waiting(page: Page, runs: Path, take: Take) -> None:
    """The page of a run alone, which is there sooner than Locust's; a second later the load may have begun."""
    for _ in range(TRIES):
        with shown(page, runs, path="/proofload"):
            if STATES["waiting"].words[0] in page.js("document.querySelector('#state').innerText"):
                return _seen(page, "waiting", take)
    raise RunError(f"the web UI, waiting: {TRIES} loads had begun before they could be looked at")


def _seen(page: Page, name: str, take: Take) -> None:
    """Wait for a state, and have it taken; RunError if it does not fit."""
    page.until(says(name), START_S)
    if too := [one for width in WIDTHS for one in too_wide(page, width)]:
        raise RunError(f"the web UI, {name}: {too[0]}")
    page.size(WIDTHS[-1])
    take(page, name)


@contextmanager
def shown(page: Page, runs: Path, *more: str, path: str = "/", height: int = 900) -> Iterator[None]:
    """A run with its web UI, open at `path` as soon as it is there; ended by Ctrl-C: its report is there afterwards."""
    port = process.free_port()
    words = ["-m", "harness", "run", "peak", "--profile", "smoke", "--ui", *more]
    environment = {"PERF_RUNS": str(runs), "PERF_UI_PORT": str(port)}
    with _open(page, f"http://127.0.0.1:{port}{path}", words, environment, height):
        yield


@contextmanager
def _target() -> Iterator[str]:
    """The reference target of messages, seeded; its URL."""
    port = process.free_port()
    with _running(["-m", "harness", "target", "messages"], {"PERF_TARGET_PORT": str(port)}) as running:
        _until(running, lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _bare(page: Page, target: str) -> Iterator[None]:
    """The web UI without a run, behind a login."""
    port = process.free_port()
    words = ["-m", "locust", "-f", "locustfiles/messages.py", "--host", target, "--web-port", str(port), "--web-login"]
    with _open(page, f"http://127.0.0.1:{port}/", words, {"PERF_WEB_PASSWORD": SECRET, "DATABASE_URL": ""}, 900):
        yield


@contextmanager
def _open(page: Page, url: str, words: Sequence[str], more: dict[str, str], height: int) -> Iterator[None]:
    with _running(words, more) as running:
        _until(running, lambda: urllib.request.urlopen(url, timeout=5).close())
        page.open(url, WIDTHS[-1], height)
        yield


@contextmanager
def _running(words: Sequence[str], more: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of ours, ended by Ctrl-C."""
    command = [sys.executable, *words]
    running = subprocess.Popen(command, cwd=ROOT, env={**ambient.kept(), **more}, start_new_session=True)
    try:
        yield running
    finally:
        process.stop(running, signal.SIGINT, grace=START_S)


def _until(running: "subprocess.Popen[bytes]", asked: Callable[[], None]) -> None:
    """Wait until what is asked of it is answered; OSError if it never is."""
    until = time.monotonic() + START_S
    while True:
        try:
            return asked()
        except OSError:
            if time.monotonic() > until or running.poll() is not None:
                raise
            time.sleep(0.1)
