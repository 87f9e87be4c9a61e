"""A Chromium without a window, steered by its DevTools protocol: what a page says, looks like, and complains about.

The protocol goes over two pipes, so that nothing needs to be installed but the browser, and no port is open.
"""

import base64
import json
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.parent import die_with_parent
from harness.stack import process

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # as root there is none; the pages are ours
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-proxy-server",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)
TIMEOUT_S = 30.0
POLL_S = 0.02
# The browser reads from 3 and writes to 4.
PIPES = 'exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>&2'


class Refused(Exception):
    """What the browser says that it can't do, or what a script threw; between two pages both are usual."""


def program() -> str | None:
    """The browser of this machine; None if there is none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Page:
    """A tab, which shares cookies with no other."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser, self.session = browser, session
        self.errors: list[str] = []
        """What scripts threw since it was opened, and what the browser logged as an error: a refused script is one."""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the browser answers; what it tells meanwhile is kept."""
        return self._browser.call(method, parameters, self)

    def heard(self, event: dict[str, Any]) -> None:
        """Keep what is an error."""
        told = event["params"]
        if event["method"] == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif event["method"] == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.errors.append(told["entry"]["text"])

    def size(self, width: int, height: int = 900) -> None:
        """Be so large: a phone, where it is narrow."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def theme(self, dark: bool | None) -> None:
        """Prefer a dark theme, or a light one, whatever a page around it has; None: as a browser does by itself."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[] if dark is None else [scheme])

    def open(self, url: str, width: int = 1280, height: int = 900, dark: bool | None = None) -> None:
        """Load `url` at that width, in either theme; OSError if nothing answers there."""
        self.size(width, height)
        self.theme(dark)
        self.errors.clear()
        answer = self.call("Page.navigate", url=url)
        if answer.get("errorText"):
            raise OSError(f"{url}: {answer['errorText']}")
        self.until("document.readyState === 'complete'")

    def js(self, expression: str) -> Any:
        """What `expression`, or its promise, gives."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise Refused(done["exceptionDetails"].get("exception", {}).get("description", expression))
        return done["result"].get("value")

    def until(self, expression: str, seconds: float = 2 * TIMEOUT_S) -> Any:
        """What `expression` gives as soon as it is something."""
        end, why = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            try:
                if found := self.js(expression):
                    return found
                why = str(self.js("document.body && document.body.innerText.slice(0, 1000)"))
            except Refused as refused:
                why = str(refused)
            time.sleep(POLL_S)
        raise TimeoutError(f"not within {seconds:g} s: {expression}\n{why}")

    def click(self, words: str, of: str = "button") -> None:
        """Click the last of the elements `of` whose text is `words`, as soon as there is one: a dialog's are last."""
        found = f"[...document.querySelectorAll({of!r})].filter((one) => one.textContent.trim() === {words!r}).at(-1)"
        self.until(f"(() => {{ const one = {found}; if (one) one.click(); return !!one; }})()")

    def fill(self, name: str, value: str, inside: str = "document") -> None:
        """Write into the last field of that name, as a person would: what listens hears of it."""
        self.until(
            f"""(() => {{
                const one = [...{inside}.querySelectorAll("[name={name}]")].at(-1);
                if (!one) return false;
                const own = Object.getPrototypeOf(one);
                Object.getOwnPropertyDescriptor(own, "value").set.call(one, {value!r});
                one.dispatchEvent(new Event("input", {{ bubbles: true }}));
                return true;
            }})()"""
        )

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Move, press or release: Moved, Pressed, Released."""
        held = {} if kind == "Moved" else {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **held)

    def key(self, name: str) -> None:
        """Press and release a key."""
        text = {"text": name} if len(name) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name)

    def picture(self, path: Path, **options: Any) -> None:
        """What is seen, as a PNG, or as the format that `options` ask for."""
        told = self.call("Page.captureScreenshot", **{"format": "png", **options})
        path.write_bytes(base64.b64decode(told["data"]))

    def print(self, path: Path) -> None:
        """The page on paper, as a PDF."""
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))


class Browser:
    """The process, and the conversation with it."""

    def __init__(self, running: "subprocess.Popen[bytes]") -> None:
        assert running.stdin is not None
        assert running.stdout is not None
        self._in, self._out = running.stdin, running.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._number, self._buffer = 0, b""
        self._pages: dict[str, Page] = {}

    def page(self) -> Page:
        """A new tab."""
        context = self.call("Target.createBrowserContext", {})["browserContextId"]
        target = self.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        return page

    def call(self, method: str, parameters: dict[str, Any], page: Page | None = None) -> dict[str, Any]:
        """The answer to a call; OSError if the browser is gone, or is silent."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": parameters}
        if page is not None:
            asked["sessionId"] = page.session
        self._in.write(json.dumps(asked).encode() + b"\0")
        self._in.flush()
        until = time.monotonic() + TIMEOUT_S
        while True:
            told = self._next(until)
            if told.get("id") == self._number:
                if "error" in told:
                    raise Refused(f"{method}: {told['error']['message']}")
                result: dict[str, Any] = told["result"]
                return result
            if "method" in told and (of := self._pages.get(told.get("sessionId", ""))):
                of.heard(told)

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not self._selector.select(max(until - time.monotonic(), 0)):
                raise OSError(f"the browser says nothing for {TIMEOUT_S:g} s")
            chunk = os.read(self._out.fileno(), 1 << 16)
            if not chunk:
                raise OSError("the browser has ended")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        return told


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own in `folder`; it is gone at the end, and all its processes."""
    found = program()
    if found is None:
        raise OSError(f"no browser: expected one of {', '.join(PROGRAMS)}, e.g. by `apt-get install chromium`")
    command = ["sh", "-c", PIPES, found, *FLAGS, f"--user-data-dir={folder}"]
    running = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    with running:  # which closes its pipes
        talk = Browser(running)
        try:
            yield talk
        finally:
            with suppress(OSError, Refused):  # it may have died
                talk.call("Browser.close", {})
            process.stop(running)
            with suppress(ProcessLookupError):  # what it leaves behind writes to its folder
                os.killpg(running.pid, signal.SIGKILL)
