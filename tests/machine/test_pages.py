"""In a browser the pages fit a phone and a desk, say nothing wrong, and are for everybody: in light and in dark."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.gallery.__main__ import GALLERY, example
from harness.reported import REPORT
from reports.suite import gather
from reports.suite import page as suite_page
from tests.support import chromium
from tests.support.chromium import Page

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(chromium.program() is None, reason="no Chromium: `apt-get install chromium`"),
]

AXE = "axe-playwright-python==0.1.8 --hash=sha256:fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8"
"""A package that has axe-core in it; nothing else of it is used."""
GRAVE = ("serious", "critical")
WIDTHS = (390, 1280)
REPORTS = {"go": "verdict-go", "no-go": "verdict-no-go-by-a-check"}


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core."""
    folder = tmp_path_factory.mktemp("axe")
    (folder / "needed.txt").write_text(AXE + "\n")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", str(folder)]
    done = subprocess.run([*pip, "-r", str(folder / "needed.txt")], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"axe-core can't be had: {done.stderr.strip()[-300:]}")
    (script,) = folder.rglob("axe.min.js")
    return script.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The address of each page."""
    folders = {name: example(tmp_path_factory.mktemp(name), GALLERY[of])[0] for name, of in REPORTS.items()}
    found = {name: folder / REPORT for name, folder in folders.items()}
    suite = tmp_path_factory.mktemp("suite")
    runs = [{"scenario": name, "folder": str(folder), "error": None} for name, folder in folders.items()]
    facts = {"schema": 1, "system": "messages", "profile": "ci", "moment": "20261121T000000", "runs": runs}
    (suite / "suite.json").write_text(json.dumps(facts))
    found["suite"] = suite / "results.html"
    found["suite"].write_text(suite_page(gather(suite)))
    return {name: path.as_uri() for name, path in found.items()}


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium.browser(tmp_path_factory.mktemp("profile")) as running:
        yield running.page()


WIDER = """[...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll, pre"))
    .slice(0, 5).map((one) => one.outerHTML.slice(0, 120))"""
OVERLAPPING = """[...document.querySelectorAll(".chart .marks, .chart .names")].flatMap((row) => {
    const boxes = [...row.querySelectorAll("text")].map((text) => text.getBoundingClientRect());
    return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>
        a.width && b.width && a.left < b.right && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2));
}).length"""
"""How many words around the plots touch another, in the font that this machine has."""
RUN_AXE = """axe.run({resultTypes: ["violations"]}).then((found) => found.violations.map((one) =>
    [one.impact, one.id, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))]))"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_is_for_everybody(
    tab: Page, pages: dict[str, str], axe: str, width: int, dark: bool
) -> None:
    found: dict[str, Any] = {}
    for name, url in pages.items():
        tab.open(url, width, dark=dark)
        wide = tab.ask("document.documentElement.scrollWidth") > width
        found[f"{name} is wider"] = tab.ask(WIDER) if wide else []
        found[f"{name} has words that touch"] = tab.ask(OVERLAPPING)
        found[f"{name} has errors"] = list(tab.errors)
        tab.ask(axe + ";0")
        found[f"{name} is not for everybody"] = [one for one in tab.ask(RUN_AXE) if one[0] in GRAVE]

    assert not {what: these for what, these in found.items() if these}


BAD = """<!doctype html><body><script>nope()</script><p style="color: #ccc; width: 2000px">pale and wide</p>
<div class="chart"><svg class="marks"><text y="10">one</text><text x="5" y="10">another</text></svg></div>"""


def test_what_is_wrong_with_a_page_is_seen(tab: Page, axe: str, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(BAD)
    tab.open((tmp_path / "bad.html").as_uri(), 390)

    assert ["nope is not defined" in error for error in tab.errors] == [True]
    assert len(tab.ask(WIDER)) == 1
    assert tab.ask(OVERLAPPING) == 1
    tab.ask(axe + ";0")
    assert ["serious", "color-contrast"] in [one[:2] for one in tab.ask(RUN_AXE)]


BOX = """(() => {
    const box = document.querySelector(".timeline .plot").getBoundingClientRect();
    return [box.x, box.y, box.width, box.height];
})()"""


def test_hovering_keys_and_dragging_show_and_zoom(tab: Page, pages: dict[str, str]) -> None:
    """What is shown is what the page holds; and the whole load comes back."""
    tab.open(pages["go"], 1280)
    tab.ask("document.querySelector('#timeline').scrollIntoView()")
    x, y, width, height = tab.ask(BOX)
    said = "document.getElementById('readout').innerText"

    tab.mouse("Moved", x + width / 2, y + height / 2)
    hovered = tab.wait(said)
    values = tab.ask("[...document.querySelectorAll('.timeline .legend b')].slice(0, 5).map((one) => one.innerText)")
    assert "p95 " + values[2] in hovered
    assert all(value.endswith(("ms", "s", "–")) for value in values)

    tab.ask("document.querySelector('.timeline .chart').focus()")
    tab.key("ArrowRight")
    assert tab.ask(said) != hovered

    boxes = "[...document.querySelectorAll('.within')].map((one) => one.getAttribute('viewBox'))"
    whole = tab.ask(boxes)
    tab.mouse("Moved", x + width / 4, y + height / 2)
    tab.mouse("Pressed", x + width / 4, y + height / 2)
    tab.mouse("Moved", x + width / 2, y + height / 2)
    tab.mouse("Released", x + width / 2, y + height / 2)
    zoomed = tab.ask(boxes)
    start, _, size, _ = map(float, zoomed[0].split())
    assert (start, size) == pytest.approx([float(whole[0].split()[2]) / 4] * 2, rel=0.02)
    assert not tab.ask("document.querySelector('#readout button').hidden")
    tab.key("Escape")
    assert tab.ask(boxes) == whole
    assert tab.errors == []
