"""The history of a witness: each request a bar on one axis of time, so that it shows what overlapped what."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from markupsafe import Markup

from harness.quantities import duration

WIDTH, HEIGHT = 1000, 10
"""Of a bar's drawing, which is stretched to the room that there is."""

SHOWN = 12
"""So many requests are drawn."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(\+00:00)?Z?")


class Bar(NamedTuple):
    """A request."""

    who: str
    when: str
    drawing: Markup
    came: str
    own: bool
    """Whether it is one of the witness's, and not one beside it."""


class History(NamedTuple):
    """Requests in the order of their beginning."""

    bars: list[Bar]
    more: int
    """How many are not drawn."""
    over: str
    """How long all of it was."""


def history(witness: Mapping[str, Any]) -> History | None:
    """The requests that a witness names, with those about the same thing that were under way; None, if that is none of
    which it would show anything: a single one.
    """
    lines = [(one, True) for one in _requests(witness.get("attempts"))]
    lines += [(one, False) for one in _requests(witness.get("beside"))]
    if len(lines) < 2:
        return None
    more = max(len(lines) - SHOWN, 0)
    lines = sorted(lines[:SHOWN], key=lambda line: _ns(line[0]["began"]))
    first = _ns(lines[0][0]["began"])
    ends = [_ns(one["ended"]) for one, _ in lines if one["ended"]]
    last = max([*ends, *(_ns(one["began"]) for one, _ in lines), first + 1])
    return History([_bar(one, own, first, last) for one, own in lines], more, duration((last - first) / 1e9))


def _requests(value: Any) -> list[dict[str, Any]]:
    """Those of a list that say what was sent and when."""
    return [one for one in value if _is_request(one)] if isinstance(value, list) else []


def _is_request(one: Any) -> bool:
    if not (isinstance(one, dict) and type(one.get("operation")) is int and "outcome" in one):
        return False
    began, ended = one.get("began"), one.get("ended")
    return bool(_MOMENT.fullmatch(str(began))) and (ended is None or bool(_MOMENT.fullmatch(str(ended))))


def _ns(moment: str) -> int:
    """A moment of UTC in ns since 1970."""
    seconds, _, rest = moment.removesuffix("Z").removesuffix("+00:00").partition(".")
    return int(datetime.fromisoformat(f"{seconds}+00:00").timestamp()) * 10**9 + int(rest.ljust(9, "0"))


def _bar(one: Mapping[str, Any], own: bool, first: int, last: int) -> Bar:
    begin, open_ = _ns(one["began"]), one["ended"] is None
    end = last if open_ else _ns(one["ended"])
    scale = WIDTH / (last - first)
    size = max((end - begin) * scale, 4)
    left = min((begin - first) * scale, WIDTH - size)
    style = "open" if open_ else "own" if own else "beside"
    drawing = Markup(
        f'<svg class="span" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>'
        f'<rect class="{style}" x="{left:.1f}" width="{size:.1f}" height="{HEIGHT}"/></svg>'
    )
    said = "no answer" if open_ else duration((end - first) / 1e9)
    return Bar(
        f"{one['operation']:,} {one.get('asked') or one.get('kind', '')}".strip(),
        f"{duration((begin - first) / 1e9)} to {said}",
        drawing,
        _came(one),
        own,
    )


def _came(one: Mapping[str, Any]) -> str:
    """What was answered, with what the answer said."""
    word = f"{one['outcome']} {one.get('status') or ''}".strip()
    answer = one.get("answer")
    if not isinstance(answer, dict):
        # A digest, or the id of a row, tells a person nothing.
        return word
    told = [f"{name} {value:,}" for name, value in answer.items() if isinstance(value, int) and value is not False]
    flags = [name for name, value in answer.items() if value is True]
    return f"{word}: {', '.join(flags or told)}" if flags or told else word
