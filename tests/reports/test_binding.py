"""A run folder is bound together: whatever is missing, foreign or changed makes the run INVALID, by its name."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import binding
from harness.check import Finding
from harness.errors import RunError
from harness.reported import FILES
from harness.run import Run
from harness.verdict import CheckState
from reports.__main__ import report
from tests.support.synthetic_run import HOLDING
from tests.support.whole_run import made, whole

Edit = Callable[[Run], None]

VIOLATED = Finding("X2", "No message is stored twice.", CheckState.VIOLATED, 171, "keys", witnesses=3)


def removing(name: str) -> Edit:
    return lambda run: (run.folder / name).unlink()


def appending(name: str, what: bytes = b" ") -> Edit:
    def edit(run: Run) -> None:
        with (run.folder / name).open("ab") as file:
            file.write(what)

    return edit


def emptying(name: str) -> Edit:
    return lambda run: (run.folder / name).write_bytes(b"")


def anothers(name: str) -> Edit:
    """The file of another run, which is GO too, in its place."""

    def edit(run: Run) -> None:
        other = made(run.folder.parent.parent / "other")
        shutil.copy(other.folder / name, run.folder / name)

    return edit


def adding(name: str) -> Edit:
    return lambda run: (run.folder / name).write_bytes(b"{}")


def facts(**changes: Any) -> Edit:
    return lambda run: run.record(**changes)


def looser(run: Run) -> None:
    """The first rule of run.json allows ten times as much."""
    text = (run.folder / "run.json").read_text()
    run.write_text("run.json", text.replace("p95(response_time) < 500ms", "p95(response_time) < 5s"))


def looser_limit(run: Run) -> None:
    """The text says what it said, and the limit is ten times as much."""
    plan = run.facts["plan"]
    first, *others = plan["rules"]
    run.record(plan={**plan, "rules": [{**first, "limit": 5.0}, *others]})


def fewer_rules(run: Run) -> None:
    plan = run.facts["plan"]
    run.record(plan={**plan, "rules": plan["rules"][1:]})


def found_otherwise(run: Run) -> None:
    path = run.folder / "integrity.json"
    path.write_text(path.read_text().replace('"compared": 171', '"compared": 172'))


def integrity(**changes: Any) -> Edit:
    def edit(run: Run) -> None:
        run.write("integrity.json", {**run.read("integrity.json"), **changes})

    return edit


def without_a_check(run: Run) -> None:
    integrity(checks=run.read("integrity.json")["checks"][:1])(run)


NAMES = (
    "integrity.json",
    "effects.npy",
    "load.json",
    "monitor.jsonl",
    "looks.jsonl",
    "statements.json",
    "health-0.jsonl",
    "health-1.jsonl",
    "journal-0.bin",
    "journal-1.bin",
    "refused-0.bin",
)
VERIFY, AGAIN = "verify the run again", "run again"
EDITS: dict[str, tuple[Edit, str]] = {
    **{f"{name} removed": (removing(name), f"{name} is missing") for name in NAMES},
    **{f"{name} changed": (appending(name), f"{name} was changed after") for name in NAMES if name.endswith("n")},
    **{f"{name} longer": (appending(name, bytes(64)), f"{name} was changed after") for name in NAMES[1:]},
    "integrity.json longer": (appending("integrity.json", b"]"), "integrity.json is damaged"),
    **{f"{name} emptied": (emptying(name), f"{name} ") for name in NAMES if not name.startswith("refused")},
    **{f"{name} of another run": (anothers(name), f"{name} ") for name in NAMES if name[:4] in ("jour", "inte")},
    "journal added": (adding("journal-2.bin"), "journal-2.bin was added after the run ended"),
    "health added": (adding("health-7.jsonl"), "health-7.jsonl was added after the run ended"),
    "end by a rule added": (adding("abort.json"), "abort.json was added after the run ended"),
    "integrity of another run": (anothers("integrity.json"), "integrity.json is of run "),
    "integrity is no table": (lambda run: run.write_text("integrity.json", "[]") and None, "integrity.json is damaged"),
    "integrity without checks": (integrity(checks=None), "integrity.json is damaged"),
    "integrity of an old version": (integrity(schema=0), "integrity.json was changed after the run ended"),
    "integrity does not say what it judged": (integrity(judged=None), "integrity.json does not say what it judged"),
    "check removed": (without_a_check, "integrity.json lacks check X4"),
    "check added": (
        lambda run: integrity(checks=[*run.read("integrity.json")["checks"], VIOLATED.as_json()])(run),
        "integrity.json has check X2, which was not asked for",
    ),
    "check edited": (found_otherwise, "integrity.json was changed after the run ended"),
    "rules loosened": (
        looser,
        "run.json has another plan than the one that was verified: lacks rule p95(response_time) < 500ms and has rule "
        "p95(response_time) < 5s, which was not asked for",
    ),
    "limit loosened": (
        looser_limit,
        "run.json has another plan than the one that was verified: has rule p95(response_time) < 500ms with another",
    ),
    "rule removed": (fewer_rules, "run.json has another plan than the one that was verified: lacks rule p95"),
    "fault forgotten": (facts(target={"ours": True}), "run.json was changed after the run ended"),
    "seal removed": (removing("seal.json"), "seal.json is missing"),
    "seal emptied": (emptying("seal.json"), "seal.json is damaged"),
    "seal of another run": (anothers("seal.json"), "seal.json is of run "),
}


@pytest.mark.parametrize("name", EDITS)
def test_whatever_is_missing_foreign_or_changed_makes_a_run_invalid_by_its_name(tmp_path: Path, name: str) -> None:
    edit, said = EDITS[name]
    run = whole(tmp_path)
    edit(run)

    verdict = report(run.folder)

    assert (verdict["verdict"], verdict["exit_code"]) == ("INVALID", 3)
    assert verdict["reason"].startswith(f"Not valid, BINDING: {said}")
    verified = said.startswith(("integrity.json", "effects.npy"))
    assert (VERIFY if verified else AGAIN) in verdict["reason"]


def test_of_a_folder_that_was_altered_not_even_the_damage_is_known(tmp_path: Path) -> None:
    run = made(tmp_path, findings=[*HOLDING, VIOLATED])
    assert report(run.folder)["verdict"] == "NO-GO"

    appending("journal-0.bin", bytes(64))(run)

    assert report(run.folder)["verdict"] == "INVALID"


def test_a_folder_as_the_run_left_it_is_bound(tmp_path: Path) -> None:
    run = whole(tmp_path)

    assert binding.broken(run) == []
    assert report(run.folder)["verdict"] == "GO"
    # What reports on it is not what it rests on.
    assert report(run.folder)["verdict"] == "GO"


def test_a_run_that_is_verified_again_is_bound_to_the_new_findings(tmp_path: Path) -> None:
    run = whole(tmp_path)
    without_a_check(run)
    removing("effects.npy")(run)
    run.write("integrity.json", binding.integrity(run, ["X1"], HOLDING[:1]))

    binding.verified_again(run)

    assert binding.broken(run) == []


def test_verification_again_does_not_bind_what_else_was_changed(tmp_path: Path) -> None:
    run = whole(tmp_path)
    looser(run)
    changed = Run.open(run.folder)
    changed.write("integrity.json", binding.integrity(changed, ["X1"], HOLDING[:1]))

    binding.verified_again(changed)

    assert [one.file for one in binding.broken(changed)] == ["run.json"]


def test_verification_before_the_end_of_a_run_seals_nothing(tmp_path: Path) -> None:
    run = whole(tmp_path)
    removing("seal.json")(run)

    binding.verified_again(run)

    assert not (run.folder / "seal.json").exists()


def test_more_broken_files_than_fit_into_a_sentence_are_counted(tmp_path: Path) -> None:
    run = whole(tmp_path)
    for name in NAMES:
        appending(name, bytes(64))(run)

    reason = report(run.folder)["reason"]

    assert "and 8 more: " in reason
    assert all(name in reason for name in NAMES)


@pytest.mark.parametrize(("damaged", "said"), [("{", "not JSON"), ("[]", "expected a table of facts")])
def test_the_old_verdict_is_void_before_a_new_one_is_made(tmp_path: Path, damaged: str, said: str) -> None:
    run = whole(tmp_path)
    report(run.folder)
    (run.folder / "run.json").write_text(damaged)

    with pytest.raises(RunError, match=said):
        report(run.folder)

    assert not [name for name in FILES if (run.folder / name).exists()]
