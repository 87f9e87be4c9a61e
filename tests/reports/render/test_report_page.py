"""The report is one file that asks for nothing, says what is wrong first, and has no name that becomes markup."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from reports.__main__ import report
from tests.support.parsed import Page
from tests.support.synthetic_run import HOLDING, synthetic_run, taking
from tests.support.verdicts import VIOLATED


@pytest.mark.parametrize("profile", ["smoke", "ci", "full"])
def test_the_page_is_one_file_that_asks_for_nothing(tmp_path: Path, profile: str) -> None:
    run = synthetic_run(tmp_path, profile=profile, findings=[*HOLDING, VIOLATED])
    report(run.folder)
    html = (run.folder / "report.html").read_text()

    page = Page(html)
    policy = next(value for name, value in page.attributes if name == "content" and value and "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not {"link", "img", "iframe", "object", "form", "base"} & set(page.tags)
    assert page.tags.count("script") == 2  # the figures of the charts, and what shows them
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "style")]
    links = {value for name, value in page.attributes if name == "href" and value}
    assert {link[0] for link in links if not link.startswith("data:image/png;base64,")} == {"#"}
    assert "url(" not in html
    assert len(html.encode()) <= 400_000


def test_every_cell_of_a_table_has_its_columns_name_for_where_a_row_is_a_card(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, findings=[*HOLDING, VIOLATED], answer=taking(0.6))
    report(run.folder)
    tables = re.findall(r'<table class="stacked.*?</table>', (run.folder / "report.html").read_text(), re.DOTALL)

    assert len(tables) > 6
    for table in tables:
        names = re.findall(r"<th(?: [^>]*)?>([^<]*)</th>", table.split("</thead>")[0])
        for row in re.findall(r"<tr.*?</tr>", table.split("</thead>")[1], re.DOTALL):
            told = [name.lower() for name in re.findall(r' data-name="([^"]*)"', row)]
            assert row.count("<td") + row.count("<th") == len(names)
            # Of rules the first column is a state, and the bars have no name.
            assert told == [name.lower() for name in names[-len(told) :]] or "rules" in table


def test_a_page_on_which_all_is_well_is_short_of_what_is_not(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path)
    report(run.folder)
    text = (run.folder / "report.html").read_text()

    assert "2 of 2 hold, 171 effects compared with" in text
    assert re.search(r"all \d+ conditions hold: the figures count; \d+ had nothing to judge", text)
    for absent in ('id="wrong"', 'id="failures"', 'id="incidents"', 'id="try"', "What to do:", "No operation failed"):
        assert absent not in text
    assert [name for name in ("memory_bytes", "server_version", "True<", "None<", "{'") if name in text] == []


SECTION = re.compile(r'<details class="section"( data-wide)?( open)?>\n<summary><h2>(.*?)</h2>', re.DOTALL)


def folded(text: str) -> tuple[set[str], set[str]]:
    """The sections that are folded on a desk, and those that are on a phone."""
    found = [(wide, opened, name.partition(" <")[0]) for wide, opened, name in SECTION.findall(text)]
    desk = {name for wide, opened, name in found if not (wide or opened)}
    return desk, {name for _, opened, name in found if not opened}


def test_the_essence_is_open_and_the_rest_is_folded(tmp_path: Path) -> None:
    good = synthetic_run(tmp_path / "good")
    bad = synthetic_run(tmp_path / "bad", findings=[*HOLDING, VIOLATED])
    for run in (good, bad):
        report(run.folder)
    on_desk, on_phone = folded((good.folder / "report.html").read_text())
    all_on_desk, all_on_phone = folded((bad.folder / "report.html").read_text())

    assert on_desk == {"Slowest", "Environment", "Definitions"}
    assert "Timeline" not in on_phone
    assert {"Rules", "Operations", "Phases", "Course of the load", "Distribution", "Resources"} <= on_phone
    assert all_on_phone == {*on_phone, "Timeline"}
    assert all_on_desk == all_on_phone - {"Timeline", "Rules", "Repeat it"}


def test_a_page_on_which_the_data_is_wrong_says_it_first_and_once(tmp_path: Path) -> None:
    finding = replace(VIOLATED, said="Key k-1 is in two rows.", first={"key": "k-1", "rows": [{"id": 1}, {"id": 2}]})
    run = synthetic_run(tmp_path, findings=[*HOLDING, finding, replace(finding, id="MP1")])
    report(run.folder)
    text = (run.folder / "report.html").read_text()

    assert text.index('id="wrong"') < text.index('id="timeline"') < text.index('id="rules"') < text.index('id="checks"')
    assert text.count("Key k-1 is in two rows.") == 1
    assert "Its first witness is that of X2." in text
    assert text.count(html.escape(json.loads((run.folder / "verdict.json").read_text())["reason"])) == 1
    assert "1 more of the data: MP1." not in text  # a single one is told whole
    assert not re.search(r"<pre>\s*[{\[]", text)
