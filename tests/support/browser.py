"""A headless Chromium, asked by its own protocol over a pipe: no driver has to be installed for it."""

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.target_process import DEADLINE_S

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-pipe",
    "about:blank",
)
PIPES = 'exec "$@" 3<&"$ASKED" 4>&"$TOLD"'
"""It reads what it is asked from descriptor 3, and tells the answers to 4."""
POLL_S = 0.05


class Page:
    """A page of the browser."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser, self._session = browser, session

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol; what it gives."""
        return self._browser.ask(method, self._session, **parameters)

    def open(self, url: str) -> None:
        """Go there, and wait until it is loaded."""
        failed = self.ask("Page.navigate", url=url).get("errorText")
        assert not failed, f"{url}: {failed}"
        self.until("document.readyState === 'complete'")

    def js(self, expression: str) -> Any:
        """The value of `expression`, or of the promise that it is."""
        told = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, f"{expression}: {told['exceptionDetails']}"
        return told["result"].get("value")

    def until(self, expression: str, seconds: float = DEADLINE_S) -> Any:
        """The first true value of `expression`; between two pages it has none."""
        end = time.monotonic() + seconds
        found: Any = None
        while time.monotonic() < end:
            try:
                found = self.js(expression)
            except AssertionError as error:
                found, why = None, str(error)
            else:
                why = str(self.js("document.body && document.body.innerText.slice(0, 1000)"))
            if found:
                return found
            time.sleep(POLL_S)
        raise AssertionError(f"not within {seconds:g} s: {expression}\n{why}")

    def click(self, words: str, of: str = "button") -> None:
        """Click the last of the elements `of` whose text is `words`, as soon as there is one: a dialog's are last."""
        found = f"[...document.querySelectorAll({of!r})].filter((one) => one.textContent.trim() === {words!r}).at(-1)"
        self.until(f"(() => {{ const one = {found}; if (one) one.click(); return !!one; }})()")

    def fill(self, name: str, value: str) -> None:
        """Write into the last field of that name, as a person would: what listens hears of it."""
        self.until(
            f"""(() => {{
                const one = [...document.querySelectorAll("[name={name}]")].at(-1);
                if (!one) return false;
                Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(one, {value!r});
                one.dispatchEvent(new Event("input", {{ bubbles: true }}));
                return true;
            }})()"""
        )

    def size(self, width: int, height: int = 900) -> None:
        """Be so large."""
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )


class Browser:
    """A Chromium that runs."""

    def __init__(self, program: str, folder: Path) -> None:
        asked, self._asking = os.pipe()
        self._told, told = os.pipe()
        self._process = subprocess.Popen(
            ["bash", "-c", PIPES, "browser", program, f"--user-data-dir={folder}", *FLAGS],
            env={**os.environ, "ASKED": str(asked), "TOLD": str(told), "HOME": str(folder)},
            pass_fds=(asked, told),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(asked)
        os.close(told)
        self._number, self._read = 0, b""

    def ask(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """A command of the protocol; what it gives. What it tells unasked is not heard."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": parameters}
        text = json.dumps(asked | ({"sessionId": session} if session else {}))
        os.write(self._asking, text.encode() + b"\0")
        while (told := self._next(method)).get("id") != self._number:
            pass
        assert "error" not in told, f"{method}: {told['error']}"
        result: dict[str, Any] = told["result"]
        return result

    def page(self) -> Page:
        """A new page, which shares cookies with none."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        return Page(self, self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)
        os.close(self._asking)
        os.close(self._told)

    def _next(self, method: str) -> dict[str, Any]:
        end = time.monotonic() + DEADLINE_S
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._told], [], [], max(end - time.monotonic(), 0))
            assert ready, f"{method}: no answer of the browser within {DEADLINE_S} s"
            more = os.read(self._told, 1 << 16)
            assert more, f"{method}: the browser is gone"
            self._read += more
        text, _, self._read = self._read.partition(b"\0")
        told: dict[str, Any] = json.loads(text)
        return told


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser whose files are in `folder`; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium here: `apt-get install chromium`")
    browser = Browser(program, folder)
    try:
        yield browser
    finally:
        browser.close()
