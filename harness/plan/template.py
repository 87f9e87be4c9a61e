"""Requests as a contract states them: headers and a body of any shape, with words in braces that each operation fills.

They are resolved once, to bytes with places: an operation fills those and parses nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson

WORD = re.compile(r"\{(\w+)\}")

Fill = Callable[[tuple[bytes, ...]], bytes]
"""Makes the bytes of a request from the values of all words, in their order."""


def words(template: object) -> Iterator[str]:
    """The words in the texts of `template`, those of its keys too."""
    if isinstance(template, str):
        yield from WORD.findall(template)
    elif isinstance(template, Mapping):
        for key, value in template.items():
            yield from words(key)
            yield from words(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from words(value)


def filled(template: Any, values: Mapping[str, str]) -> Any:
    """`template` with the values in place of their words."""
    if isinstance(template, str):
        return WORD.sub(lambda found: values[found[1]], template)
    if isinstance(template, Mapping):
        return {filled(key, values): filled(value, values) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [filled(value, values) for value in template]
    return template


def body(template: object, known: Sequence[str], numbers: Sequence[str] = ()) -> Fill:
    """The JSON of `template`; the values of the `known` words are escaped as in a text of JSON (`escaped`). A text that
    is one of `numbers` alone is a number.
    """
    text = orjson.dumps(template)
    for word in numbers:
        text = text.replace(b'"{%b}"' % word.encode(), b"{%b}" % word.encode())
    return _compiled(text, known)


def headers(template: Mapping[str, str], known: Sequence[str]) -> Fill:
    """The lines of `template`, each ended by CRLF; the values of the `known` words are plain ASCII."""
    return _compiled("".join(f"{name}: {value}\r\n" for name, value in template.items()).encode("ascii"), known)


def escaped(text: str) -> bytes:
    """What stands between the quotes for `text` in JSON."""
    return orjson.dumps(text)[1:-1]


def _compiled(text: bytes, known: Sequence[str]) -> Fill:
    """`text` with places for the `known` words."""
    found = [word.decode() for word in re.findall(rb"\{(\w+)\}", text) if word.decode() in set(known)]
    one = "|".join(map(re.escape, known)).encode()
    form = re.sub(rb"\{(?:%b)\}" % one, b"%b", text.replace(b"%", b"%%")) if known else text.replace(b"%", b"%%")
    if not found:
        return lambda _values: text
    if found == list(known):
        return form.__mod__
    places = [known.index(word) for word in found]
    pick: Callable[[tuple[bytes, ...]], Any] = itemgetter(*places)
    return lambda values: form % pick(values)


def unknown(template: object, known: Iterable[str]) -> str:
    """The first word in `template` that is none of `known`; "" if there is none."""
    there = set(known)
    return next((word for word in words(template) if word not in there), "")
