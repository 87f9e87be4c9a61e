"""What a value of a [contract] must be like that of the reference in: users send it and judge answers by it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.plan import template

ROUTE = re.compile(r"[A-Z]+ /[!-~]*")
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
STATUSES = range(100, 600)
DEFINITE_NO = 400
"""From this status on an answer is a refusal, or no answer to rely on."""
OURS = {"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding", "expect"}
"""The headers that each request has already, or must not have."""


def unlike(key: str, value: Any, known: Any) -> str | None:
    """What a value of a contract must be like `known`, that of the reference, in; None if it is."""
    if isinstance(known, int):
        return None if known not in STATUSES or value in STATUSES else "a status, 100 to 599"
    if isinstance(known, list):
        return None if all(one in known for one in value) else f"some of {', '.join(map(repr, known))}"
    if isinstance(known, Mapping):
        return _headers(value) if key.endswith("headers") else _json(value)
    if not isinstance(known, str):
        return None
    if ROUTE.fullmatch(known) and not ROUTE.fullmatch(value):
        return f"a method and a path, such as {known!r}"
    if key.endswith("_header") and value and not HEADER.fullmatch(value):
        return f"the name of a header, such as {known!r}"
    if not value.isprintable():
        return "no control characters"
    return None


def _headers(value: Mapping[str, Any]) -> str | None:
    for name, text in value.items():
        if not HEADER.fullmatch(name) or not isinstance(text, str) or not (text.isascii() and text.isprintable()):
            return "names of headers, each with a text in ASCII"
        if name.lower() in OURS:
            return f"other headers than {name}, which a request has or must not have"
    return None


def _json(value: Any) -> str | None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return "what JSON has: texts, numbers, true, false, lists and tables"
    return None


def places(key: str, known: Any, facts: Any) -> Iterable[str]:
    """The words in braces that a value of `key` may have: those that the facts state, or of the reference's value."""
    stated: Mapping[str, Iterable[str]] = getattr(facts, "TEMPLATES", {})
    return stated.get(key, tuple(template.words(known)))


def alike(contract: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Pairs of keys with one status for both, though one of them is that of something done."""
    statuses = [(key, value) for key, value in contract.items() if type(value) is int and value in STATUSES]
    for place, (key, value) in enumerate(statuses):
        for other, same in statuses[place + 1 :]:
            if value == same and value < DEFINITE_NO:
                yield key, other, value
