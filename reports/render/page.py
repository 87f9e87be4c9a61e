"""Every page of ours is one file: a template, filled in and escaped, with the style sheet in it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def page(template: str, filters: dict[str, Callable[..., Any]] | None = None, **context: Any) -> str:
    """The page that `template` makes of `context`, and `style`; an undefined name is an error."""
    environment = _environment(tuple((filters or {}).items()))
    return environment.get_template(template).render(style=Markup(style()), **context) + "\n"


@cache
def _environment(filters: tuple[tuple[str, Callable[..., Any]], ...]) -> Environment:
    """One for each set of filters: it keeps the templates that it compiled, which takes longer than to fill them in."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment


def style() -> str:
    """The style sheet of every page: what stands on it, and its charts."""
    return "".join(map(text, ("report.css", "charts.css")))


def text(name: str) -> str:
    """The contents of a file of the templates."""
    return (TEMPLATES / name).read_text(encoding="utf-8")
