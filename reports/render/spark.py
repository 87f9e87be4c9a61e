"""A line as small as a word: how a figure went over the load, beside its limit."""

from collections.abc import Sequence

from markupsafe import Markup

from reports.samples.series import Values

WIDTH, HEIGHT, EDGE = 140, 28, 2

MOST = 140
"""So many points are drawn: as many as there is room for."""


def spark(values: Values, limit: float | None = None) -> Markup:
    """The course of `values` from 0 up, with a dashed line at the `limit`; nothing, if there are none to draw.

    It says nothing that the figure beside it, and the charts below, don't say: those who hear the page miss nothing.
    """
    points = _thinned(values)
    known = [value for value in points if value is not None]
    if len(known) < 2:
        return Markup("")
    top = max([*known, limit or 0.0]) or 1.0

    def y(value: float) -> float:
        return round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * value / top, 1)

    step = WIDTH / (len(points) - 1)
    path, drawn = "", False
    for place, value in enumerate(points):
        if value is not None:
            path += f"{'L' if drawn else 'M'}{place * step:.1f} {y(value)}"
        drawn = value is not None
    line = "" if limit is None else f'<path class="limit" d="M0 {y(limit)}H{WIDTH}"/>'
    return Markup(
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f'{line}<path class="course" d="{path}"/></svg>'
    )


def _thinned(values: Values) -> Values:
    """At most MOST values: of neighbours the greatest, so that no peak is lost."""
    size = -(-len(values) // MOST)
    parts: Sequence[Values] = [values[at : at + size] for at in range(0, len(values), max(size, 1))]
    known = [[value for value in part if value is not None] for part in parts]
    return [max(part) if part else None for part in known]
