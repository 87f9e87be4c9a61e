"""A project: the folder that a command is run in, with systems of its own beside the built-in ones."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

from harness import DISTRIBUTION, ambient
from harness.errors import PlanError, nearest
from harness.plan import plans
from harness.settings import CHECKOUT, ROOT
from systems import PROJECT

FOLDERS = ("systems", "schema", "seeding", "locustfiles", "verification")
"""What a project can have; each but the first may be missing."""

PACKAGES = (*FOLDERS, "harness", "reports", "target")
"""All of ours."""

THREADS = {"OPENBLAS_NUM_THREADS": "1"}
"""NumPy's library starts one for each core when it is imported, and all wait busily at first: of each process of ours
that was as much time of the processors as the import itself.
"""


def modules_of_ours(folder: str) -> set[str]:
    """The names of the modules in one of our FOLDERS."""
    return {path.stem for path in (ROOT / folder).iterdir()} - {"__init__", "__main__", "__pycache__"}


def require_names_of_its_own(project: Path = PROJECT) -> None:
    """PlanError if a module of the project has the name of one that is imported instead of it."""
    if not (project / "systems").is_dir() or project.samefile(ROOT):
        return
    for folder in FOLDERS:
        ours = modules_of_ours(folder)
        # Locust puts the folder of a locustfile before all others.
        taken = ours | ({*PACKAGES, *sys.stdlib_module_names} if folder == "locustfiles" else set())
        for path in sorted((project / folder).glob("*")):
            if path.name == "__init__.py" and folder != "locustfiles":
                raise PlanError(f"{path}: expected no such file: what is beside it extends Proofload's own {folder}")
            if path.stem in taken and (path.suffix in (".py", ".toml") or path.is_dir()):
                whose = f"Proofload's {folder}/ has" if path.stem in ours else "Python or Proofload has"
                raise PlanError(f"{path}: {whose} {path.stem} already: expected another name")


def module(stage: str, system: str) -> ModuleType | None:
    """What a system has for a stage, e.g. seeding; None if it has nothing. PlanError if there is no such system."""
    if system not in plans.systems():
        raise PlanError(f"no system {system!r}: {nearest(system, plans.systems())}")
    name = f"{stage}.{system}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def environment(**values: str) -> dict[str, str]:
    """The environment of every process of ours, with `values`: nothing that steers it unasked, UTF-8 whatever the
    locale, our packages before others of their names, and of NumPy no threads that were not asked for.
    """
    kept = ambient.kept()
    paths = kept.get("PYTHONPATH", "")
    if CHECKOUT or paths:
        paths = os.pathsep.join([str(ROOT), *(path for path in paths.split(os.pathsep) if path and path != str(ROOT))])
    ours = {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
    return {**THREADS, **kept, **ours, **values}


def environment_of_speaker() -> dict[str, str]:
    """That of a process which writes to our standard output, in the encoding of that."""
    return environment(PYTHONIOENCODING=f"{getattr(sys.stdout, 'encoding', None) or 'utf-8'}:replace")


def reference() -> str:
    """What installs the reference target and its PostgreSQL."""
    return "`make venv`" if CHECKOUT else f"`pip install '{DISTRIBUTION}[reference]'`"


def hint(make: str, words: str) -> str:
    """A command for people, as they run it here: by make in a checkout, else with the `words` of our command line."""
    return f"`make {make}`" if CHECKOUT and PROJECT.samefile(ROOT) else f"`proofload {words}`"
