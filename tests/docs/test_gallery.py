"""Every page of the gallery has the verdict that it is there for, and is the same each time."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docs.gallery.__main__ import FOLDER, GALLERY, HOSTILE, example
from docs.screenshots.__main__ import FOLDER as SCREENSHOTS
from docs.screenshots.__main__ import STATES, web_ui
from harness.settings import ROOT

Shown = Callable[[str], tuple[Path, dict[str, Any]]]
ROWS = [line.split("|") for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| `")]


def test_the_readme_lists_each_with_its_verdict() -> None:
    assert {row[1].strip(" `"): row[2].strip() for row in ROWS} == {n: entry.verdict for n, entry in GALLERY.items()}
    assert "/docs/gallery/*.html" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_readme_of_the_screenshots_lists_each() -> None:
    rows = [line.split("|") for line in (SCREENSHOTS / "README.md").read_text().splitlines() if line.startswith("| `")]
    of_web_ui = {f"{web_ui.FOLDER}/{name}": state.about for name, state in web_ui.STATES.items()}
    assert {row[1].strip(" `"): row[2].strip() for row in rows} == STATES | of_web_ui


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The folder of an entry and its verdict.json, made once."""
    return functools.cache(lambda name: example(tmp_path_factory.mktemp(name), GALLERY[name]))


@pytest.mark.parametrize("name", GALLERY)
def test_an_entry_has_its_verdict_and_is_the_same_each_time(tmp_path: Path, name: str, shown: Shown) -> None:
    entry = GALLERY[name]

    pages = []
    for folder, verdict in (shown(name), example(tmp_path, entry)):
        assert verdict["verdict"] == entry.verdict, verdict["reason"]
        pages.append([(folder / file).read_bytes() for file in verdict["files"]])

    assert name.startswith("type-") or name.startswith(f"verdict-{entry.verdict.lower()}")
    assert pages[0] == pages[1]


def test_the_types_show_what_they_are_there_for(shown: Shown) -> None:
    names = ("verdict-no-go-by-a-check", "type-contention", "type-stress", "type-hostile")
    found = {name: shown(name)[1] for name in names}

    (violated,) = [check for check in found["verdict-no-go-by-a-check"]["checks"] if check["state"] == "VIOLATED"]
    assert violated["first"]
    assert violated["sql"].startswith("SELECT")
    assert [one["acknowledged"] for one in found["type-contention"]["rounds"]["ended"]] == [5]
    assert "the target's cores ran out" in found["type-stress"]["saturation"]["sentence"]
    assert any(rule["value"] == 200 for rule in found["type-stress"]["rules"] if "capacity" in rule["text"])
    assert HOSTILE.split(" ")[0] in found["type-hostile"]["run"]["purpose"]
