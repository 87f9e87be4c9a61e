"""In a browser the pages fit a phone and a desk, say nothing wrong, and are for everybody: in light and in dark."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from docs.gallery.__main__ import GALLERY, example
from harness.reported import REPORT, VERDICT
from reports.compare.__main__ import comparison
from reports.compare.history import history
from reports.compare.history import render as history_page
from reports.render import compare_page, volumes_page
from reports.suite import gather
from reports.suite import page as suite_page
from tests.support.at_volumes import three
from tests.support.chromium import Browser, Page
from tests.support.legible import hard_to_read, not_for_everybody, too_wide

pytestmark = pytest.mark.machine

REPORTS = {"go": "verdict-go", "no-go": "verdict-no-go-by-a-check"}
ABOUT = {"scenario": "peak", "profile": "ci", "base": {"ref": "main"}, "head": {"ref": "mine"}, "advisory": False}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The run folders of the reports."""
    return {name: example(tmp_path_factory.mktemp(name), GALLERY[of])[0] for name, of in REPORTS.items()}


@pytest.fixture(scope="module")
def pages(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The address of each page."""
    into = tmp_path_factory.mktemp("pages")
    found = {name: folder / REPORT for name, folder in folders.items()}
    record = json.loads((folders["go"] / VERDICT).read_text())
    runs = [{"scenario": name, "folder": str(folder), "error": None} for name, folder in folders.items()]
    facts = {"schema": 1, "system": "messages", "profile": "ci", "moment": "20261121T000000", "runs": runs}
    (into / "suite.json").write_text(json.dumps(facts))
    slower = [_slower(record, times) for times in (1.1, 1.12, 1.1, 1.11, 1.09, 1.1)]
    other = _slower(record, 1.0)
    other["run"]["host"]["cpu"] = "another processor"
    past = [_slower(record, 1.0 + 0.4 * (place > 8)) for place in range(16)]
    for place, one in enumerate(past):
        one["run"]["id"] = f"20261101T{place:06d}abcdef"
        one["folder"] = f"20261101T{place:06d}-ci"
    written = {
        "suite": suite_page(gather(into)),
        "compare": compare_page.render(comparison([record] * 6, slower, dict(ABOUT))),
        "not-comparable": compare_page.render(comparison([record], [other], dict(ABOUT))),
        "history": history_page(history(past)),
        "volumes": volumes_page.render(three(record, 0.010, 0.012, 0.014), into),
    }
    for name, text in written.items():
        found[name] = into / f"{name}.html"
        found[name].write_text(text)
    return {name: path.as_uri() for name, path in found.items()}


def _slower(record: dict[str, Any], times: float) -> dict[str, Any]:
    """The same run, with response times `times` as long."""
    made = copy.deepcopy(record)
    response = made["operations"][-1]["response"]
    made["operations"][-1]["response"] = {name: value * times for name, value in response.items()}
    return made


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Page:
    return browser.page()


def test_every_page_about_runs_fits_and_is_for_everybody(tab: Page, pages: dict[str, str], axe: str) -> None:
    found: dict[str, Any] = {}
    for name, url in pages.items():
        if name in REPORTS:
            continue  # as the state of a run
        tab.open(url, 390)
        found[name] = hard_to_read(tab, axe)

    assert [(name, wrong) for name, wrong in found.items() if wrong] == []
    assert len(found) == 5


BAD = """<!doctype html><meta name="viewport" content="width=device-width, initial-scale=1">
<body><script>nope()</script><p style="color: #ccc; width: 2000px">pale and wide</p>
<div class="scroll" style="overflow-x: auto" aria-label="a table"><p class="stacked" style="width: 900px"></p></div>
<div class="chart"><svg class="marks"><text y="10">one</text><text x="5" y="10">another</text></svg></div>"""


def test_what_is_wrong_with_a_page_is_seen(tab: Page, axe: str, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(BAD)
    tab.open((tmp_path / "bad.html").as_uri(), 390)

    assert ["nope is not defined" in error for error in tab.errors] == [True]
    wide = too_wide(tab, 390)
    assert (wide[0], wide[-1]) == ("at 390: the page scrolls", "at 390: 1 words touch")
    assert "at 390: cut: a table" in wide
    assert any("pale and wide" in one for one in wide)
    assert any(one.startswith("color-contrast: ") for one in not_for_everybody(tab, axe))


PHONE = 844
"""The height (px) of a screen of a phone."""
BOTTOM = "(document.querySelector({!r}).getBoundingClientRect().bottom + scrollY)"


def test_what_a_no_go_is_about_is_two_screens_of_a_phone_and_the_rest_is_folded(
    tab: Page, pages: dict[str, str]
) -> None:
    tab.open(pages["no-go"], 390, PHONE)

    assert tab.js(BOTTOM.format(".card")) < 2 * PHONE
    assert tab.js("document.documentElement.scrollHeight") < 4 * PHONE
    assert tab.js("[...document.querySelectorAll('details.section')].every((one) => !one.open)")
    tab.js("document.querySelector('details.section:has(#rules) > summary').click()")
    tab.until("document.querySelector('#rules').checkVisibility({contentVisibilityAuto: true})")

    # What is linked to unfolds, and on a desk what is judged first is open.
    opened = "[...document.querySelectorAll('details.section[open] > div')].map((one) => one.id)"
    tab.open(f"{pages['go']}#environment", 1280)
    tab.until("document.querySelector('details.section:has(#environment)').open")
    assert {"timeline", "rules", "operations", "course-of-load", "environment"} <= set(tab.js(opened))
    tab.open(pages["no-go"], 1280)
    assert tab.js(opened) == ["timeline", "rules", "repeat"]


def test_on_paper_nothing_is_folded(tab: Page, pages: dict[str, str]) -> None:
    tab.open(pages["no-go"], 1280)
    tab.call("Emulation.setEmulatedMedia", media="print")
    try:
        hidden = tab.js(
            """[...document.querySelectorAll("details:not(.data) > div, details:not(.data) > ul")]
            .filter((one) => !one.closest(".data") && one.getBoundingClientRect().height === 0)
            .map((one) => one.outerHTML.slice(0, 99))"""
        )
        slowest = tab.js("document.querySelectorAll('.slow > div').length")
    finally:
        tab.call("Emulation.setEmulatedMedia", media="")

    assert hidden == []
    assert slowest > 1, "the ten slowest of each kind"


BOX = """(() => {{
    const box = document.querySelector({!r}).getBoundingClientRect();
    return [box.x, box.y, box.width, box.height];
}})()"""
SAID = "document.querySelector('#readout span').innerText"
BOXES = "[...document.querySelectorAll('.within')].map((one) => one.getAttribute('viewBox'))"


def drag(tab: Page, box: list[float], begin: float, end: float) -> None:
    """From a share of the width of a plot to another."""
    x, y, width, height = box
    tab.mouse("Moved", x + width * begin, y + height / 2)
    tab.mouse("Pressed", x + width * begin, y + height / 2)
    tab.mouse("Moved", x + width * end, y + height / 2)
    tab.mouse("Released", x + width * end, y + height / 2)


def test_hovering_keys_and_dragging_show_and_zoom(tab: Page, pages: dict[str, str]) -> None:
    """What is shown is what the page holds; and the whole load comes back."""
    tab.open(pages["go"], 1280)
    tab.js("document.querySelector('#timeline').scrollIntoView()")
    x, y, width, height = box = tab.js(BOX.format(".timeline .plot"))

    tab.mouse("Moved", x + width / 2, y + height / 2)
    hovered = tab.until(SAID)
    values = tab.js("[...document.querySelectorAll('.timeline .legend b')].slice(0, 5).map((one) => one.innerText)")
    assert "p95 " + values[2] in hovered
    assert " · limit p95 < " in hovered
    assert all(value.endswith(("ms", "s", "–")) for value in values)

    tab.js("document.querySelector('.timeline .chart').focus()")
    tab.key("ArrowRight")
    assert tab.js(SAID) != hovered

    whole = tab.js(BOXES)
    drag(tab, box, 0.25, 0.5)
    start, _, size, _ = map(float, tab.js(BOXES)[0].split())
    assert (start, size) == pytest.approx([float(whole[0].split()[2]) / 4] * 2, rel=0.02)
    assert not tab.js("document.querySelector('#readout button').hidden")
    tab.key("Escape")
    assert tab.js(BOXES) == whole
    assert tab.errors == []


def test_while_zoomed_limits_keep_their_names_and_cells_their_counts(tab: Page, pages: dict[str, str]) -> None:
    tab.open(pages["go"], 1280)
    heat = "[data-heat] .plot"
    names = """[...document.querySelectorAll("#timeline .limit-name")].map((one) => [
        one.textContent, one.getAttribute("visibility") !== "hidden", one.getBBox().x >= 0
    ])"""
    limits = tab.js(names)
    tab.js("document.querySelector('[data-heat]').scrollIntoView({block: 'center'})")
    x, y, width, height = tab.js(BOX.format(heat))
    data = json.loads(tab.js("document.getElementById('course').textContent"))
    cells, rows = data["heat"]["cells"], data["heat"]["rows"]
    column = len(cells) // 3
    row, count = max(zip(cells[column][::2], cells[column][1::2], strict=True), key=lambda pair: pair[1])
    at = (column + 0.5) / len(cells) * data["heat"]["seconds"] / data["over"]
    above = y + height * (1 - (row + 0.5) / rows)
    told = f"{count} of {sum(cells[column][1::2])} planned from "

    tab.mouse("Moved", x + width * at, above)
    assert told in tab.until(SAID)
    before = tab.js(SAID)

    drag(tab, [x, y, width, height], 0.2, 0.6)
    box = tab.js(f"document.querySelector('{heat} .within').getAttribute('viewBox')")
    start, _, size, _ = map(float, box.split())
    whole = data["over"]
    tab.mouse("Moved", x + width * (at * whole - start) / size, above)
    assert tab.js(SAID) == before
    tab.mouse("Moved", x + width * (at * whole - start) / size, y + 1)
    assert " · 0 of " in tab.js(SAID) or row == rows - 1

    # A limit that ends beyond what is seen is named at its edge.
    assert limits
    assert tab.js(names) == [[name, True, True] for name, _, _ in limits]
    tab.key("Escape")
    assert tab.errors == []
