"""Who used the machine: cores and memory of each service, of PostgreSQL, of the generator, and of all together."""

from collections.abc import Sequence

from reports.render.svg import STYLES, Chart, Limit, Line
from reports.samples.evidence import Evidence
from reports.samples.monitor_lines import Line as Sampled
from reports.samples.series import Series, means

SERVICE = "service."
OTHERS = {"PostgreSQL": "postgres", "generator": "generator", "proxy": "proxy"}
"""What else belongs to a run, by its name here."""
ALL, CORES = "all of the machine", "machine.cores"
MEGABYTE = 1e6


def charts(evidence: Evidence, course: Series) -> list[Chart]:
    """The charts of a run; none without a monitor."""
    began, lines = evidence.began or 0, evidence.monitor
    others = {name: key for name, key in OTHERS.items() if any(f"{key}.cpu" in line for line in lines)}
    parts = {**_parts(lines, len(STYLES) - len(others) - 1), **others}
    cores = means(lines, began, course, {ALL: "machine.cpu", **{name: f"{key}.cpu" for name, key in parts.items()}})
    memory = means(lines, began, course, {name: f"{key}.rss" for name, key in parts.items()})
    # A part has the same style in both.
    styles = dict(zip([ALL, *(name for name in parts if name in cores or name in memory)], STYLES, strict=False))
    found = []
    if cores:
        drawn = [Line(name, styles[name], cores[name]) for name in styles if name in cores]
        found.append(Chart("Cores in use", drawn, limits=_all_cores(lines, course)))
    if memory:
        sizes = {name: [None if one is None else one / MEGABYTE for one in memory[name]] for name in memory}
        drawn = [Line(name, styles[name], sizes[name]) for name in styles if name in sizes]
        found.append(Chart("Memory", drawn, " MB"))
    return found


def _parts(lines: Sequence[Sampled], most: int) -> dict[str, str]:
    """Each service of the target, by its name; the target as one, if it has no more than one, or more than `most`."""
    keys = sorted({name.removesuffix(".cpu") for line in lines for name in line if _of_a_service(name)})
    if 1 < len(keys) <= most:
        return {key.removeprefix(SERVICE): key for key in keys}
    return {"target": "target"}


def _of_a_service(name: str) -> bool:
    return name.startswith(SERVICE) and name.endswith(".cpu")


def _all_cores(lines: Sequence[Sampled], course: Series) -> list[Limit]:
    """How many cores there are, as the monitor saw it at last."""
    told = [line[CORES] for line in lines if CORES in line]
    over = course.begin[-1] + course.width
    return [Limit(f"{told[-1]:g} cores", told[-1], [(0.0, over)])] if told else []
