"""What keeps people from reading a page: what goes beyond its edge, words that touch, and what axe finds."""

import shutil
import subprocess
from pathlib import Path

from harness.settings import ROOT
from tests.support.chromium import Page

WIDTHS = (390, 1280)
"""A phone, and a desk."""
GRAVE = ("serious", "critical")
# A table whose rows are cards on a phone has no column beyond them.
WIDER = """(() => {{
    const scrolls = (one) => one && (/auto|scroll/.test(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
    const beyond = [...document.querySelectorAll("body *")].filter((one) =>
        one.getBoundingClientRect().right > {width} + 1 && !scrolls(one.parentElement));
    const wide = document.documentElement.scrollWidth > {width} ? ["the page scrolls"] : [];
    const cards = {width} > 600 ? [] : [...document.querySelectorAll(".scroll:has(> .stacked)")];
    const cut = cards.filter((one) => one.scrollWidth > one.clientWidth + 1);
    const told = cut.map((one) => `cut: ${{one.getAttribute("aria-label")}}`);
    return wide.concat(told.slice(0, 5), beyond.slice(0, 5).map((one) => one.outerHTML.slice(0, 120)));
}})()"""
OVERLAPPING = """[...document.querySelectorAll(".chart .marks, .chart .names")].flatMap((row) => {
    const boxes = [...row.querySelectorAll("text")].map((text) => text.getBoundingClientRect());
    return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>
        a.width && b.width && a.left < b.right && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2));
}).length"""
"""How many words around the plots touch another, in the font that this machine has."""
UNFOLDED = 'for (const one of document.querySelectorAll("details")) one.open = true'
RUN_AXE = """axe.run({resultTypes: ["violations"], iframes: false}).then((found) => found.violations.map((one) =>
    [one.impact, one.id, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))]))"""


def axe_core(folder: Path) -> str:
    """The script of axe, installed into `folder`; OSError with the reason if it can't be had."""
    if not shutil.which("npm"):
        raise OSError("no npm here: `apt-get install npm`")
    tool = shutil.copytree(ROOT / ".ci" / "axe", folder / "axe")
    done = subprocess.run(["npm", "ci", "--silent"], cwd=tool, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"npm can't install axe-core here: {done.stderr.strip()[-300:]}")
    return (tool / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def too_wide(page: Page, width: int) -> list[str]:
    """What goes beyond the right edge of a page that is so wide, and isn't in a part that scrolls; words that touch."""
    page.size(width)
    found: list[str] = page.js(WIDER.format(width=width))
    touching = page.js(OVERLAPPING)
    return [f"at {width}: {one}" for one in found] + [f"at {width}: {touching} words touch"] * bool(touching)


def not_for_everybody(page: Page, axe: str, all_: bool = False) -> list[str]:
    """What axe finds on the page as it is, without what is framed in it; `all_`: also what is of little consequence, as
    there is of it on Locust's own pages.
    """
    if not page.js("typeof axe !== 'undefined'"):
        page.js(f"{axe}; 0")
    told = page.js(RUN_AXE)
    return [f"{rule}: {nodes}" for impact, rule, nodes in told if all_ or impact in GRAVE]


def hard_to_read(page: Page, axe: str) -> list[str]:
    """All of it, folded and unfolded, at either width, each in a theme: layout goes by width, and colours by theme."""
    found = [f"an error: {one}" for one in page.errors]
    for width, dark in zip(WIDTHS, (True, False), strict=True):
        page.theme(dark)
        found += too_wide(page, width)
        page.js(UNFOLDED)
        found += too_wide(page, width)
        found += [
            f"at {width}, {'dark' if dark else 'light'}: {one}" for one in not_for_everybody(page, axe, all_=True)
        ]
    return found
