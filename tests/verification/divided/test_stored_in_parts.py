"""Of a system of one table, too, the same is found in however many parts: items of batches, and those refused, too."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.batches import STORED, clean
from tests.support.divided import found_alike
from tests.verification.test_stored import EDITS, Edit
from verification.checks import Over
from verification.divided import judging

# What reads answered is a matter of all keys together.
SYSTEM = replace(STORED, versions=None)


@pytest.mark.parametrize("edit", [lambda h: None, *(edit for edit, _ in EDITS.values())], ids=["clean", *EDITS])
def test_an_edit_is_found_alike_in_all_parts(edit: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "system_of", lambda _: SYSTEM)
    history = clean()
    edit(history)
    case = SYSTEM.case(history.ledger(), history.observation())

    found_alike(tmp_path, SYSTEM, case, SYSTEM.judge(case), [3])


def test_reads_and_checks_of_its_own_need_all_keys() -> None:
    made = {check.id: check.over for check in STORED.checks_of(clean().ledger().scenario)}

    assert {name for name, over in made.items() if over is Over.RUN} == {"X8"}
