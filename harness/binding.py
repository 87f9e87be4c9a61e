"""A run folder is bound together: what a verdict rests on is of one run, all there, and as the run left it.

seal.json has the hash of each file that the report reads, as it was when the run ended; integrity.json says of which
run, plan and files it is the judgement, and which checks it had to make. Hashes are no signatures: one who changes a
file and computes every hash again is not found out.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import check, effects, own_metrics, search, settled, steered
from harness.check import Finding
from harness.machines import clocks
from harness.monitor import LOOKS
from harness.run import UNREAD, Run

FILE, SCHEMA = "seal.json", 1
"""The hashes, in the run folder, and the version of that."""

RUN = "run.json"
BESIDE = ("received-*.bin", "loaded-*.bin", "plans-*.jsonl")
"""What the users of an event store leave beside their journal."""
EVIDENCE = (
    RUN,
    check.FILE,
    effects.FILE,
    "load.json",
    "abort.json",
    search.FILE,
    steered.FILE,
    "monitor.jsonl",
    LOOKS,
    settled.FILE,
    "statements.json",
    "health-*.jsonl",
    "journal-*.bin",
    "refused-*.bin",
    "kinds-*.jsonl",
    clocks.PATTERN,
    "machine-*.jsonl",
    *BESIDE,
    UNREAD.format("*"),
    *own_metrics.PATTERNS,
)
"""What the report reads, as patterns of names."""

LOADED = ("journal-*.bin", "refused-*.bin", "kinds-*.jsonl", clocks.PATTERN, *BESIDE, LOOKS, settled.FILE)
"""What of it verification compares with the database."""

VERIFIED = (check.FILE, effects.FILE)
"""What of it verification writes: a run that is verified again has others."""

VERIFY, RUN_AGAIN = "verify the run again, then report it", "restore the file, or run again"


@dataclass(frozen=True)
class Broken:
    """A file that the verdict can't rest on."""

    file: str
    why: str
    """Goes on after the name of the file: "was changed after the run ended"."""
    fix: str

    def __str__(self) -> str:
        return f"{self.file} {self.why}: {self.fix}"


def seal(run: Run) -> None:
    """Record the hash of each file of `run`, which has ended."""
    run.write(FILE, {"schema": SCHEMA, "run": run.id, "files": _hashes(run.folder, EVIDENCE)})


def integrity(run: Run, expected: Iterable[str], findings: Iterable[Finding]) -> dict[str, Any]:
    """What integrity.json says of `findings`, where the checks with the `expected` ids had to be made: of what run,
    plan and files they are.
    """
    return {
        "schema": check.SCHEMA,
        "run": run.id,
        "system": run.scenario.system,
        "judged": {
            "plan": _digest(run.facts["plan"]),
            "rules": run.facts["plan"]["rules"],
            "checks": list(expected),
            "files": _hashes(run.folder, (*LOADED, effects.FILE)),
        },
        "checks": [finding.as_json() for finding in findings],
    }


def verified_again(run: Run) -> None:
    """Bind what verification has just written to a run that had ended before; nothing, if it has not ended yet."""
    sealed = _json(run.folder / FILE)
    if not isinstance(sealed, dict) or not isinstance(sealed.get("files"), dict):
        return
    others = {name: value for name, value in sealed["files"].items() if name not in VERIFIED}
    run.write(FILE, {**sealed, "files": {**others, **_hashes(run.folder, VERIFIED)}})


def broken(run: Run) -> list[Broken]:
    """What of the folder is missing, of another run, or was changed; of each file the reason that says most."""
    hashes = _hashes(run.folder, EVIDENCE)
    found: dict[str, Broken] = {}
    for one in (*_of_verification(run, hashes), *_of_seal(run, hashes)):
        found.setdefault(one.file, one)
    return list(found.values())


def _of_seal(run: Run, hashes: dict[str, str]) -> Iterable[Broken]:
    if not (run.folder / FILE).exists():
        yield Broken(FILE, "is missing, so that the run did not come to its end or was altered", "run again")
        return
    sealed = _json(run.folder / FILE)
    if not isinstance(sealed, dict) or sealed.get("schema") != SCHEMA or not isinstance(sealed.get("files"), dict):
        yield Broken(FILE, f"is damaged, or not of version {SCHEMA}", RUN_AGAIN)
        return
    if sealed.get("run") != run.id:
        yield Broken(FILE, f"is of run {sealed.get('run')}, expected {run.id}", RUN_AGAIN)
        return
    files = sealed["files"]
    for name in sorted({*files, *hashes}):
        fix = VERIFY if name in VERIFIED else RUN_AGAIN
        if name not in hashes:
            yield Broken(name, "is missing", fix)
        elif name not in files:
            yield Broken(name, "was added after the run ended", "remove the file, or run again")
        elif hashes[name] != files[name]:
            yield Broken(name, "was changed after the run ended", fix)


def _of_verification(run: Run, hashes: dict[str, str]) -> Iterable[Broken]:
    """What integrity.json says of itself and of what it is about."""
    if check.FILE not in hashes:
        return
    found = _json(run.folder / check.FILE)
    if not isinstance(found, dict) or not isinstance(found.get("checks"), list):
        yield Broken(check.FILE, "is damaged", VERIFY)
        return
    if found.get("run") != run.id:
        yield Broken(check.FILE, f"is of run {found.get('run')}, expected {run.id}", VERIFY)
        return
    judged = found.get("judged")
    if not isinstance(judged, dict):
        yield Broken(check.FILE, "does not say what it judged", VERIFY)
        return
    made = [str(one.get("id")) for one in found["checks"] if isinstance(one, dict)]
    asked = [str(name) for name in judged.get("checks") or ()]
    if made != asked:
        yield Broken(check.FILE, _unlike("check", asked, made), VERIFY)
    if judged.get("plan") != _digest(run.facts.get("plan")):
        yield Broken(RUN, _other_plan(run, judged.get("rules")), RUN_AGAIN)
    files = judged.get("files") or {}
    for name, was in files.items():
        if hashes.get(name) != was:
            how = "was changed after it was verified" if name in hashes else "is missing"
            yield Broken(name, how, VERIFY if name in VERIFIED else RUN_AGAIN)


def _other_plan(run: Run, verified: Any) -> str:
    """How the plan of run.json differs from the one whose rules were `verified`."""
    plan = run.facts.get("plan")
    asked, now = _by_text(verified), _by_text(plan.get("rules") if isinstance(plan, dict) else None)
    said = [_unlike("rule", list(asked), list(now))] if list(asked) != list(now) else []
    said += [
        f"has rule {text} with another limit or severity" for text in asked if now.get(text, asked[text]) != asked[text]
    ]
    return "has another plan than the one that was verified" + "".join(f": {one}" for one in said[:1])


def _by_text(rules: Any) -> dict[str, Any]:
    found = rules if isinstance(rules, list) else []
    return {str(one.get("text")): one for one in found if isinstance(one, dict)}


def _unlike(what: str, asked: list[str], found: list[str]) -> str:
    """How the list of checks or rules differs from the one that was asked for."""
    lacking = [name for name in asked if name not in found]
    strange = [name for name in found if name not in asked]
    said = [f"lacks {what} {', '.join(lacking)}"] if lacking else []
    said += [f"has {what} {', '.join(strange)}, which was not asked for"] if strange else []
    return " and ".join(said) or f"has its {what}s in another order or number"


def _hashes(folder: Path, patterns: Iterable[str]) -> dict[str, str]:
    """SHA-256 of each file there; of one that can't be read, why."""
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return {path.name: _hash(path) for path in paths}


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _digest(plan: Any) -> str:
    """Stands for the plan of a run."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


def _json(path: Path) -> Any:
    """What is in the file; None if it can't be read as JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
