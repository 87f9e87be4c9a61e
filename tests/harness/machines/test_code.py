"""All machines have the same code: ours and the project's by a fingerprint, what a locustfile imports by itself."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness.machines import code
from harness.machines.code import differing


@pytest.fixture(autouse=True)
def fresh() -> None:
    code.imported.cache_clear()


def tree(root: Path, **files: str) -> Path:
    for name, text in {"systems/a.py": "A = 1\n", "harness/b.py": "B = 1\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize("apart", [False, True], ids=["in a checkout", "in a project of its own"])
def test_the_fingerprint_is_of_all_code_of_ours_and_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    ours = tree(tmp_path / "ours")
    monkeypatch.setattr(code, "ROOT", ours)
    monkeypatch.setattr(code, "PROJECT", tree(tmp_path / "project") if apart else ours)

    def changed(name: str, text: str) -> bool:
        before = code.fingerprint()
        tree(tmp_path, **{name: text})
        return code.fingerprint() != before

    assert len(list(code._files())) == (3 if apart else 2)
    assert changed("ours/harness/b.py", "B = 2\n")
    assert changed("ours/systems/c.toml", "")
    assert changed("project/systems/a.py", "A = 2\n") == apart
    assert not changed("ours/docs/d.md", "words")
    assert not changed("ours/reports/runs/peak/plan.toml", "words")
    assert not changed("ours/harness/__pycache__/b.py", "words")


def test_what_a_locustfile_imports_beside_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pricing_of_ours.py").write_text("PRICE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    __import__("pricing_of_ours")
    try:
        found = dict(code.imported())
    finally:
        del sys.modules["pricing_of_ours"]

    assert "pricing_of_ours" in found
    # Ours are known by the fingerprint, and installed packages by their versions.
    assert not [name for name in found if name.startswith(("harness", "locust.", "json", "numpy"))]


def test_a_fact_that_a_variable_has_changed_is_told() -> None:
    """Requests of 100 events where the master's plan has 10 would be stored ten times too often, as it seems."""
    facts = ModuleType("systems.example")
    facts.__dict__.update(SIZE=10, MIX={"a": 1, "b": 2}, NAMES=frozenset("ab"), lower=1)
    before = code.facts(facts)
    facts.__dict__["SIZE"] = 100

    assert before.keys() == {"SIZE", "MIX"}
    assert differing(before, code.facts(facts)) == "SIZE"
    __import__("systems.orchestrator")
    assert "systems.orchestrator.SIZE" in code.imported()


@pytest.mark.parametrize(
    ("ours", "theirs", "other"),
    [
        ({"a": "1", "b": "2"}, {"a": "1", "b": "2"}, ""),
        ({"a": "1", "b": "2"}, {"a": "1", "b": "3"}, "b"),
        ({"a": "1"}, {"a": "1", "late": "2"}, ""),
    ],
)
def test_a_module_in_another_form_is_named(ours: dict[str, str], theirs: dict[str, str], other: str) -> None:
    assert differing(ours, theirs) == other
