"""timeline.csv: the figures behind the charts, a line a step of the timeline."""

import csv
import io

from reports.samples.series import Series

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is a formula to a spreadsheet, whatever the name of the phase."""

COLUMNS = {
    **{f"{name}_s": name for name in ("p50", "p90", "p95", "p99")},
    "max_s": "longest",
    **{name: name for name in ("offered", "begun", "ok", "errors")},
}
"""Its columns, and what of the series they are."""


def render(series: Series, phases: list[tuple[str, float, float]]) -> str:
    """The timeline: times in s, rates a second; empty where there was nothing. `phases`: name, begin, end."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("from_s", "phase", *COLUMNS))
    columns = [getattr(series, name) for name in COLUMNS.values()]
    for place, begin in enumerate(series.begin):
        phase = next((name for name, start, end in phases if start <= begin < end), "")
        values = (column[place] for column in columns)
        writer.writerow((begin, _text(phase), *("" if value is None else f"{value:.6g}" for value in values)))
    return out.getvalue()


def _text(words: str) -> str:
    return f"'{words}" if words.startswith(FORMULA) else words
