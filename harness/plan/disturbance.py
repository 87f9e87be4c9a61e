"""What a stage does to target, database or network, in the words of a plan: `disturb = "stop target 3s"`. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from harness import quantities
from harness.errors import nearest

TARGET, POSTGRES = "target", "postgres"
"""What disturbances are of, besides single services: all services of the target, and its database."""

ACT_AFTER_S = 0.2
"""So long after its stage began, for what was planned before to have its answer."""

FORMS = {
    "kill": "kill target|postgres|SERVICE",
    "restart": "restart target|postgres|SERVICE",
    "stop": "stop target|postgres|SERVICE 3s",
    "cut": "cut connections [target|postgres]",
    "delay": "delay 200ms [target|postgres]",
    "drop": "drop answers 1% [target|postgres]",
    "throttle": "throttle 1MB/s [target|postgres]",
    "fill": "fill disk",
    "command": "command TEXT",
}
"""How each is written."""

ON_THE_LINE = frozenset({"cut", "delay", "drop", "throttle"})
"""Those that are done on the way: between clients and target, or between target and PostgreSQL."""
LASTING = frozenset({"stop", "delay", "drop", "throttle", "fill"})
"""Those that are taken back: `stop` after its own time, the others when the stage ends."""

_BYTES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_RATE = re.compile(r"(\d+(?:\.\d+)?)(B|kB|MB|GB)/s")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")


@dataclass(frozen=True)
class Disturbance:
    """One disturbance, as a stage of a plan states it."""

    text: str
    """As it is written."""
    verb: str
    """The first word."""
    what: str
    """target, postgres, or the name of a service; disk, or the text of a command."""
    amount: float = 0.0
    """Seconds (stop, delay), a share (drop), bytes a second (throttle)."""

    @property
    def line(self) -> str:
        """The line that it is done on: the one to the target, or that to postgres; "" if on none."""
        return self.what if self.verb in ON_THE_LINE else ""

    @property
    def crashes_postgres(self) -> bool:
        """Whether PostgreSQL has to recover from it, so that its log says so."""
        return self.verb == "fill" or (self.verb, self.what) == ("kill", POSTGRES)


def parse(text: object, services: Collection[str]) -> Disturbance:
    """The disturbance that `text` states, of a target that has these `services`; ValueError says what was expected."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{text!r}: expected a text such as {FORMS['stop']!r}")
    verb, *rest = text.split()
    if verb not in FORMS:
        raise ValueError(f"unknown word {verb!r}; {nearest(verb, FORMS)}")
    if verb == "command":
        if not rest:
            raise _expected(verb)
        return Disturbance(text, verb, text.split(maxsplit=1)[1].strip())
    if verb == "fill":
        if rest != ["disk"]:
            raise _expected(verb)
        return Disturbance(text, verb, "disk")
    if verb in ON_THE_LINE:
        return _on_the_line(text, verb, rest)
    if len(rest) != (2 if verb == "stop" else 1):
        raise _expected(verb)
    what = rest[0]
    if what not in (TARGET, POSTGRES, *services):
        raise ValueError(f"unknown {what!r}; {nearest(what, (TARGET, POSTGRES, *services))}")
    return Disturbance(text, verb, what, quantities.seconds(rest[1]) if verb == "stop" else 0.0)


def _on_the_line(text: str, verb: str, rest: list[str]) -> Disturbance:
    """cut connections, delay 200ms, drop answers 1%, throttle 1MB/s; each of the line to the target or to postgres."""
    nouns = {"cut": "connections", "drop": "answers"}
    if verb in nouns and (not rest or rest.pop(0) != nouns[verb]):
        raise _expected(verb)
    amount = 0.0
    if verb != "cut":
        if not rest:
            raise _expected(verb)
        amount = _amount(verb, rest.pop(0))
    line = rest.pop(0) if rest else TARGET
    if rest or line not in (TARGET, POSTGRES):
        raise _expected(verb)
    return Disturbance(text, verb, line, amount)


def _amount(verb: str, word: str) -> float:
    if verb == "delay":
        return quantities.seconds(word)
    found = (_SHARE if verb == "drop" else _RATE).fullmatch(word)
    amount = float(found.group(1)) * (0.01 if verb == "drop" else _BYTES[found.group(2)]) if found else 0.0
    if amount <= 0 or (verb == "drop" and amount > 1):
        raise _expected(verb)
    return amount


def _expected(verb: str) -> ValueError:
    return ValueError(f"expected {FORMS[verb]!r}")
