"""`python -m docs.systems`: the parts of the systems' pages that follow from facts, schema and checks, written anew."""

import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from harness.plan import plans, reading, sample
from harness.plan.scenario import Scenario
from schema.migrate import stated

FOLDER = Path(__file__).parent

TARGET = "http://127.0.0.1:3000"
"""Where `make target-<system>` listens."""

PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def renewed(page: str, parts: Mapping[str, str]) -> str:
    """`page` with each part between its marks as it is now; KeyError for a mark of none."""
    return PART.sub(lambda found: f"{found[1]}{parts[found[2]]}{found[3]}", page)


def parts(system: str) -> dict[str, str]:
    """What is generated of the page of `system`, by the name of its mark."""
    scenarios = [reading.find(name, "smoke") for name in plans.scenarios(system)]
    return {
        "request": _fenced("", "\n".join(sample.lines(scenarios[0], TARGET))),
        "tables": _fenced("sql", _tables(scenarios[0])),
        "checks": _checks(scenarios),
    }


def checks(scenarios: list[Scenario]) -> dict[str, str]:
    """The titles of the checks of all these scenarios, by their names."""
    system: Any = importlib.import_module(f"verification.{scenarios[0].system}")
    return {check.id: check.title for scenario in scenarios for check in system.checks_of(scenario)}


def _tables(scenario: Scenario) -> str:
    """The DDL of the reference's tables and indexes."""
    tables = stated(scenario.system, scenario.database).sorted_tables  # type: ignore[union-attr]
    made = [CreateTable(table) for table in tables]
    made += [CreateIndex(index) for table in tables for index in sorted(table.indexes, key=lambda one: str(one.name))]
    texts = [str(one.compile(dialect=postgresql.dialect())).strip().replace("\t", "    ") for one in made]
    return "\n".join(re.sub(r" +$", "", text, flags=re.MULTILINE) + ";" for text in texts)


def _checks(scenarios: list[Scenario]) -> str:
    rows = [f"| {name} | {title} |" for name, title in checks(scenarios).items()]
    return "\n".join(["| check | what holds |", "| --- | --- |", *rows]) + "\n"


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```\n"


def main() -> int:
    """Write every page anew."""
    for path in sorted(FOLDER.glob("*.md")):
        path.write_text(renewed(path.read_text(encoding="utf-8"), parts(path.stem.replace("-", "_"))), encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
