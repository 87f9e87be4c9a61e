"""The classes that a file of Python defines, or imports from files beside it: read, never imported."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Class:
    """A class, by what it derives from, at whatever remove: the last part of each name."""

    name: str
    bases: frozenset[str]
    abstract: bool
    """Whether it says `abstract = True` of itself."""


Known = dict[Path, dict[str, Class]]
"""The classes of each file that was read."""


def classes(path: Path) -> dict[str, Class]:
    """By the name that each has in the file at `path`; OSError, SyntaxError or ValueError if that is no Python.

    What a module imports that is not beside the file, or can't be read, has none.
    """
    return _of(path, path.parent, {})


def _of(path: Path, root: Path, known: Known) -> dict[str, Class]:
    # What is being read already has what is known of it so far, as in Python.
    found = known[path] = dict[str, Class]()
    for node in _statements(ast.parse(path.read_bytes()).body):
        if isinstance(node, ast.ClassDef):
            found[node.name] = _defined(node, found)
        elif isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if node.level else root
            theirs = _beside(base, node.module or "", root, known)
            for alias in node.names:
                taken = theirs if alias.name == "*" else {alias.asname or alias.name: theirs.get(alias.name)}
                found |= {name: each for name, each in taken.items() if each}
                if alias.name != "*" and alias.name not in theirs:
                    # Of elsewhere: only its name is known; or a module.
                    module = _beside(base, ".".join(filter(None, [node.module, alias.name])), root, known)
                    found |= {f"{alias.asname or alias.name}.{name}": each for name, each in module.items()}
                    if alias.asname:
                        found[alias.asname] = Class(alias.name, frozenset({alias.name}), True)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                module = _beside(root, alias.name, root, known)
                found |= {f"{alias.asname or alias.name}.{name}": each for name, each in module.items()}
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those below `if`, `try` and `with` too."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _statements(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body)


def _defined(node: ast.ClassDef, known: Mapping[str, Class]) -> Class:
    bases: set[str] = set()
    for base in node.bases:
        name = ast.unparse(base)
        bases |= {name.rpartition(".")[2], *(known[name].bases if name in known else ())}
    abstract = any(
        isinstance(line, ast.Assign)
        and any(getattr(target, "id", "") == "abstract" for target in line.targets)
        and getattr(line.value, "value", None) is True
        for line in node.body
    )
    return Class(node.name, frozenset(bases), abstract)


def _beside(base: Path, module: str, root: Path, known: Known) -> dict[str, Class]:
    """The classes of a module below `base`; none if it isn't there, or can't be read."""
    place = base.joinpath(*module.split(".")) if module else base
    for path in (place / "__init__.py", place.with_suffix(".py")):
        if path not in known and path.is_file():
            try:
                _of(path, root, known)
            except (OSError, SyntaxError, ValueError):
                known[path] = {}
        if path in known:
            # What it has by the names of modules is not passed on: of a chain of modules that would be without end.
            return {name: one for name, one in known[path].items() if "." not in name}
    return {}
