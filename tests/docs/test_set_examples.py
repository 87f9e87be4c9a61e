"""Each `SET=` and `--set` that the documents show names a key that a plan has, with a value that it may have."""

import re
from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.plan import overrides, plans, reading
from harness.plan.overrides import Overrides
from harness.settings import ROOT

SHOWN = re.compile(r"""(?:\bSET=|--set )(?:"([^"]*)"|'([^']*)'|([^\s`"']+))""")
WRITTEN = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
CODE = (ROOT / "harness" / "plan" / "overrides.py",)
"""Where messages show some."""


def shown(path: Path) -> list[str]:
    """The words KEY=VALUE of its examples, but for the placeholders."""
    found = [next(filter(None, groups), "") for groups in SHOWN.findall(path.read_text(encoding="utf-8"))]
    words = [word for text in found for word in text.split() if "{" not in word]
    return [word for word in words if not word.startswith(("KEY", "…"))]


EXAMPLES = sorted({word.rstrip(".,;)") for path in (*WRITTEN, *CODE) for word in shown(path)})


def works(word: str) -> str:
    """The first scenario that can be run so; "" if there is none."""
    sets = overrides.parsed([word])
    for system in plans.systems():
        for name in plans.scenarios(system):
            try:
                reading.find(name, "smoke", changes=Overrides(sets))
            except PlanError:
                continue
            return name
    return ""


def test_there_are_some() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("word", EXAMPLES)
def test_an_example_of_the_documents_works(word: str) -> None:
    assert works(word), f"{word}: no scenario can be run so"


@pytest.mark.parametrize("word", ["service.api.pol=16", "max_user=20", "pool.users=many"])
def test_a_key_that_does_not_exist_is_refused(word: str) -> None:
    with pytest.raises(PlanError):
        reading.find("peak", "smoke", changes=Overrides(overrides.parsed([word])))
