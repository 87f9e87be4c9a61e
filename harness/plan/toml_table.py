"""Reading a table of a plan: each key once, with its type; a key that no reader takes is unknown."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from harness import quantities
from harness.errors import PlanError, nearest


@dataclass(frozen=True)
class Where:
    """The position of a plan's words, so that an error can name the file and the line."""

    path: Path
    text: str
    scenario: str
    part: str = ""
    """Another table of the plan that the words are of, such as contract; "": the scenario."""

    def fail(self, word: object, message: str, key: str = "", after: str = "") -> NoReturn:
        """PlanError about `word`: the line is that of its first mention in the scenario (or part), or else in the file.

        With `key`, only where `word` is the value of that; with `after`, from where that is mentioned.
        """
        lines = self.text.splitlines()
        said = re.compile(rf'\b{re.escape(key)}"?\s*[=:]\s*"?{re.escape(str(word))}' if key else re.escape(str(word)))
        name = self.part or f"scenario.{self.scenario}"
        head = re.compile(rf"\s*\[{re.escape(name)}[].]")
        heads = [at for at, line in enumerate(lines) if head.match(line)]
        begin = heads[0] if heads else 0
        order = [*range(begin, len(lines)), *range(begin)]
        behind = re.compile(rf"\b{re.escape(after)}\b")
        order = order[next((at for at, line in enumerate(order) if behind.search(lines[line])), 0) :] + order
        line = next((at + 1 for at in order if said.search(lines[at])), None)
        place = f"{self.path}:{line}" if line else f"{self.path}"
        raise PlanError(f"{place}: [{name}] {message}")


class Table:
    """A table of the plan; every key that is not taken is an unknown one."""

    def __init__(self, where: Where, name: str, table: object) -> None:
        if not isinstance(table, dict):
            where.fail(name, f"{name} = {table!r}: expected a table")
        self.where, self.name, self.rest = where, name, dict(table)
        self.known: list[str] = []

    def take(self, key: str, default: Any = None) -> Any:
        """The value of `key`, of whatever type."""
        self.known.append(key)
        return self.rest.pop(key, default)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty."""
        value = self.take(key, default)
        if value is None:
            self._lacks(key)
        if not isinstance(value, str) or not value:
            self.fail(key, value, "a text")
        return str(value)

    def number(self, key: str, default: Any = None, whole: bool = False, least: float = 0, above: bool = True) -> Any:
        """A number above `least` (or at least that, if not `above`)."""
        value = self.take(key, default)
        right = (
            isinstance(value, int if whole else int | float) and not isinstance(value, bool) and math.isfinite(value)
        )
        if value is None:
            self._lacks(key)
        if not right or value < least or (above and value == least):
            kind = "a whole number" if whole else "a number"
            self.fail(key, value, f"{kind} {'above' if above else 'of at least'} {least}")
        return value

    def seconds(self, key: str, default: str | None = None, zero: bool = False) -> float:
        """A duration in seconds, above 0 unless `zero` is allowed."""
        value = self.take(key, default)
        if zero and isinstance(value, str) and value.rstrip("hmsu") == "0" and value != "0":
            return 0.0
        if value is None:
            self._lacks(key)
        try:
            return quantities.seconds(value)
        except ValueError as error:
            self.where.fail(value, f"{self.name}: {key} = {error}", key)

    def flag(self, key: str) -> bool:
        """true or false; false if it is not there."""
        value = self.take(key, False)
        if not isinstance(value, bool):
            self.fail(key, value, "true or false")
        return value

    def share(self, key: str) -> float:
        """A share of 1, from e.g. "0.5%"."""
        value = self.take(key)
        number = str(value).removesuffix("%")
        if number == str(value) or not number.replace(".", "", 1).isdecimal():
            self.fail(key, value, 'a share such as "0.5%"')
        return float(number) / 100

    def fail(self, key: str, value: object, expected: str) -> NoReturn:
        """PlanError about the value of `key`."""
        self.where.fail(value, f"{self.name}: {key} = {value!r}: expected {expected}", key)

    def unknown(self, what: str, word: str, known: Iterable[str]) -> NoReturn:
        """PlanError about a `word` that is none of `known`."""
        self.where.fail(word, f"{self.name}: unknown {what} {word!r}; {nearest(word, known)}")

    def _lacks(self, key: str) -> NoReturn:
        first = f"[scenario.{self.where.scenario}]" if self.name == "scenario" else next(iter(self.rest), self.name)
        have = ", ".join(self.rest) or "nothing else"
        self.where.fail(first, f"{self.name} lacks {key!r}; there is {have}")

    def done(self) -> None:
        """PlanError if a key is left that was not taken."""
        for key in self.rest:
            self.where.fail(key, f"{self.name}: unknown key {key!r}; {nearest(key, self.known)}")
