"""The files of a new system, written into the project of the current folder: all of them, or none."""

import importlib.util
import keyword
import os
import re
import shlex
import sys
import sysconfig
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from string import Template

from harness.errors import PlanError
from harness.plan import plans
from harness.project import FOLDERS, PACKAGES, modules_of_ours
from harness.settings import CHECKOUT, ROOT
from systems import PROJECT

HERE = Path(__file__).parent
TEMPLATES, SERVER = HERE / "templates", HERE / "server.py"

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""It is a module, and begins the names of databases."""

DATABASES = frozenset({"postgres", "template0", "template1"})
"""What an embedded PostgreSQL has, where a system has a database of its name."""

FILES = {
    "systems/{}.py": ("facts.py", "the facts: what users, service and verification must agree on"),
    "systems/{}.toml": ("plan.toml", "the plan: how the service speaks, load, rules"),
    "schema/{}.py": ("tables.py", "the table"),
    "locustfiles/{}.py": ("users.py", "the users: what is sent, and what an answer means"),
    "verification/{}.py": ("checks.py", "the checks: what must be stored"),
    "tests/test_{}.py": ("test.py", "a test of all that"),
}
"""Where each template goes, and what it is."""

TARGET = ("target/{}.py", "the service under test, and faults of it")
"""Where a copy of the server goes, with `reference`."""

COPY, SHIPPED = "{{python}} -P target/{}.py", "{python} -P -m harness.scaffold.server"
"""What starts the server, its copy or ours. -P: what is beside it, or in the project, is not imported for a module of
Python's or of ours.
"""


def scenario_of(name: str) -> str:
    """The scenario of a new system, in letters that the Makefile knows in a scenario."""
    return f"{name.replace('_', '-')}-orders"


def start_of(name: str, reference: bool) -> str:
    """The words that start the server, as a plan has them but for port and fault."""
    return COPY.format(name) if reference else SHIPPED


def texts(name: str, reference: bool) -> dict[str, str]:
    """The text of each file of a new system, by its path in the project."""
    words = {
        "system": name,
        "names": ", ".join(sorted(("ids", name))),
        "scenario": scenario_of(name),
        "start": f"{start_of(name, reference)} --port {{port}} {{fault}}",
    }
    found = {
        path.format(name): Template((TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")).substitute(words)
        for path, (template, _) in FILES.items()
    }
    if reference:
        found[TARGET[0].format(name)] = SERVER.read_text(encoding="utf-8")
    return found


def said(name: str, reference: bool) -> dict[str, str]:
    """What each file of a new system is, by its path in the project."""
    found = {path.format(name): what for path, (_, what) in FILES.items()}
    return found | ({TARGET[0].format(name): TARGET[1]} if reference else {})


def write(name: str, reference: bool, project: Path = PROJECT) -> None:
    """Write the files of system `name`; PlanError, and nothing is written, if the name can't be used, a file is there
    already, one can't be written, or the project is Proofload's own checkout.
    """
    _require_name(name)
    if CHECKOUT and project.resolve() == ROOT.resolve():
        # A system of ours has seeding, a target and faults, too, and tests that know them.
        elsewhere = shlex.quote(str(ROOT.parent / name))
        raise PlanError(
            f"new {name!r}: {ROOT} is Proofload itself, and its systems have more than these files: expected a folder "
            f"of yours: `mkdir -p {elsewhere} && cd {elsewhere} && PYTHONPATH={shlex.quote(str(ROOT))} "
            f"{shlex.quote(sys.executable)} -m harness new {name}`"
        )
    files = {project / path: text for path, text in texts(name, reference).items()}
    there = [path for path in files if os.path.lexists(path)]
    if there:
        raise PlanError(
            f"{', '.join(map(str, there))}: there already, and nothing was written: expected no such file; "
            "move it, or give the system another name"
        )
    having = [path for path in plans.files() if scenario_of(name) in plans.read(path)[0].get("scenario", {})]
    if having:
        raise PlanError(f"new {name!r}: {having[0]} has a scenario {scenario_of(name)} already: expected another name")
    _write(files)


def _require_name(name: str) -> None:
    """PlanError unless a system of the project can be called `name`."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise PlanError(
            f"new {name!r}: expected a name of up to 40 lower-case letters, digits and underscores that begins with a "
            "letter, and is no word of Python's"
        )
    owners = {
        "PostgreSQL has a database": DATABASES,
        "Python or Proofload has a module": {*PACKAGES, *sys.stdlib_module_names}.union(*map(modules_of_ours, FOLDERS)),
        "an installed package has a module": {name} if _installed(name) else set(),
    }
    for whose, names in owners.items():
        if name in names:
            raise PlanError(f"new {name!r}: {whose} of that name already: expected another name")


def _installed(name: str) -> bool:
    """Whether a module `name` is installed beside Locust, which would import the locustfile instead of it; what is
    installed from its source, as the service itself may be, is no matter.
    """
    found = importlib.util.find_spec(name)
    site = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
    return found is not None and bool(site & set(Path(str(found.origin)).parents))


def _write(files: Mapping[Path, str]) -> None:
    written: list[Path] = []
    try:
        for path, text in files.items():
            for folder in reversed([one for one in path.parents if not one.exists()]):
                folder.mkdir()
                written.append(folder)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for one in reversed(written):
            with suppress(OSError):
                one.rmdir() if one.is_dir() else one.unlink()
        raise PlanError(
            f"{error.filename or path}: {error.strerror}, and nothing was written: expected a folder to write to"
        ) from None
