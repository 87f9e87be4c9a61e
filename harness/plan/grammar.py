"""Reading a rule: `p95(response_time{op=process, phase=peak}) < 500ms`; whatever is none is refused with its column.

    rule     := agg '(' metric [ '{' sel (',' sel)* '}' ] ')' op limit [ windows ] [ 'else' 'abort' ]
    agg      := p0 … p100 | mean | max | min | rate | count | ratio | slope | value
    sel      := ('op' | 'phase' | 'status' | 'outcome' | 'worker' | 'point') ('=' | '!=' | '=~') value
    op       := '<' | '<=' | '>' | '>=' | '=='
    limit    := number unit | number '%' [ 'of' share ] | 'baseline' ('+' | '-') number '%'
    share    := 'offered' | 'linear' | 'phase' name
    windows  := 'for' duration | 'in' number '%' 'of' duration 'windows'

A value with other characters than letters, digits and `_ . % / + -` stands in double quotes; after =~ stands a regular
expression, which all of a name must match.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NoReturn

from harness import quantities
from harness.errors import nearest
from harness.outcomes import Outcome
from harness.own_metrics import NAME, NAMING
from harness.plan.rules import (
    BASELINE,
    COUNT,
    DURATION,
    DURATION_SLOPE,
    EFFECTS,
    METRICS,
    NUMBER,
    NUMBER_SLOPE,
    OF_PHASE,
    OP,
    OUTCOME,
    OWN,
    PHASE,
    POINT,
    RATE,
    SELECTORS,
    SHARE,
    SLOPE,
    SLOPES,
    STATUS,
    WORKER,
    Metric,
    Rule,
    Selector,
    Window,
    split,
)

COMPARISONS = ("<=", ">=", "==", "<", ">")

_TOKEN = re.compile(r"\s*(?:(<=|>=|==|!=|=~|[<>=(){},])|\"([^\"]*)\"|([\w.%/+-]+))")
_PATTERN = re.compile(r"\s*(?:\"([^\"]*)\"|([^\s,{}\"]+))")
_BASELINE = re.compile(r"\s*baseline\s*([+-])\s*(\d+(?:\.\d+)?)\s*%")
_BYTES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_MINUTE = {"/s": 60.0, "/min": 1.0, "/h": 1 / 60}


def _by_the_minute(sizes: Mapping[str, float]) -> dict[str, float]:
    """The units of how much of `sizes` something grows, each in so much a minute."""
    # In decimals, as limits are read: in floats 100 × 0.000001 × 60 is less than 0.006.
    return {
        unit + per: float(Decimal(str(size)) * Decimal(str(times)))
        for unit, size in sizes.items()
        for per, times in _MINUTE.items()
    }


_UNITS: dict[str, dict[str, float]] = {
    DURATION: quantities.SECONDS,
    SHARE: {"%": 0.01},
    RATE: {"/s": 1.0},
    COUNT: {"": 1.0},
    NUMBER: {"": 1.0},
    DURATION_SLOPE: _by_the_minute(quantities.SECONDS),
    NUMBER_SLOPE: _MINUTE,
}
_EXAMPLE = {
    DURATION: "500ms",
    SHARE: "1%",
    RATE: "100/s or 95% of offered",
    COUNT: "0",
    NUMBER: "0.9",
    DURATION_SLOPE: "5ms/min",
    NUMBER_SLOPE: "10/min or 1% of offered",
}


OF_ANOTHER_PHASE = (METRICS["response_time"], METRICS["service_time"])
"""What can be limited by a share of what it is in another phase."""


_SELECTS = {OP: ("=", "!=", "=~"), PHASE: ("=", "!=", "=~"), POINT: ("=",)}
"""How names are selected, where it is not by = and != alone."""


class RuleError(ValueError):
    """A rule that can't be read: says the column (from 1), the word, and what was expected."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def fail(self, column: int, message: str) -> NoReturn:
        raise RuleError(f"rule {self.text!r}, column {column + 1}: {message}")

    def next(self, expected: str, pattern: re.Pattern[str] = _TOKEN) -> tuple[str, int]:
        found = pattern.match(self.text, self.at)
        if not found:
            rest = self.text[self.at :].strip()
            self.fail(
                self.at, f"expected {expected}, found {rest[:1]!r}" if rest else f"expected {expected}, found the end"
            )
        self.at = found.end()
        group = found.lastindex or 1
        return found.group(group), found.start(group)

    def symbol(self, *symbols: str) -> str:
        expected = " or ".join(repr(symbol) for symbol in symbols)
        token, column = self.next(expected)
        if token not in symbols:
            self.fail(column, f"expected {expected}, found {token!r}")
        return token

    def word(self, what: str, known: Iterable[str]) -> str:
        names = list(known)
        token, column = self.next(what)
        if token not in names:
            self.fail(column, f"unknown {what} {token!r}; {nearest(token, names)}")
        return token

    def duration(self, what: str) -> tuple[float, int]:
        token, column = self.next(what)
        try:
            return quantities.seconds(token), column
        except ValueError as error:
            self.fail(column, f"{what}: {error}")

    def says(self, word: str) -> bool:
        """Whether `word` comes next; then it is read."""
        found = _TOKEN.match(self.text, self.at)
        if not found or found.group(3) != word:
            return False
        self.at = found.end()
        return True

    def done(self) -> bool:
        return not self.text[self.at :].strip()


def parse(text: str, items: str = EFFECTS) -> Rule:
    """The rule that `text` states; RuleError if it is none. `items` is what the system calls its effects."""
    reader = _Reader(text)
    aggregate, quantile = _aggregate(reader)
    reader.symbol("(")
    metric, name = _metric(reader, aggregate, quantile, items)
    selectors = _selectors(reader, metric)
    left = text[: reader.at]
    comparison = reader.symbol(*COMPARISONS)
    kind = METRICS[metric].aggregates[aggregate]
    limit, of, other = _limit(reader, kind, METRICS[metric])
    limited = reader.at
    window = _window(reader)
    measures = " ".join(f"{left} {text[limited : reader.at]}".split())
    if window and (not METRICS[metric].windows or aggregate == SLOPE):
        what = f"the slope of {metric}" if aggregate == SLOPE else metric
        reader.fail(limited + 1, f"{what} is not measured window by window")
    if window and of and of != BASELINE:
        reader.fail(limited + 1, f"a share of what is {of} is one of the whole: leave out the windows, or state a rate")
    column = reader.at + 1
    aborts = reader.says("else")
    if aborts:
        reader.word("consequence", ["abort"])
        _abortable(reader, column, metric, aggregate, comparison, of)
    if not reader.done():
        reader.fail(reader.at, f"expected the end, found {text[reader.at :].strip()!r}")
    return Rule(
        text,
        measures,
        aggregate,
        quantile,
        metric,
        name,
        selectors,
        comparison,
        limit,
        kind,
        of,
        window,
        aborts,
        other=other,
    )


def _aggregate(reader: _Reader) -> tuple[str, float | None]:
    token, column = reader.next("an aggregate")
    if re.fullmatch(r"p\d+(\.\d+)?", token):
        quantile = float(Decimal(token[1:]) / 100)
        if quantile > 1:
            reader.fail(column, f"percentile {token!r}: expected p0 to p100")
        return "p", quantile
    known = sorted({name for metric in METRICS.values() for name in metric.aggregates} - {"p"})
    if token not in known:
        reader.fail(column, f"unknown aggregate {token!r}; {nearest(token, [*known, 'p95', 'p99'])}")
    return token, None


def _metric(reader: _Reader, aggregate: str, quantile: float | None, items: str) -> tuple[str, str]:
    token, column = reader.next("metric")
    metric, name = split(token) if token != items else (EFFECTS, "")
    if metric not in METRICS or (METRICS[metric].named and not name):
        known = [items, *(f"{word}.<name>" if one.named else word for word, one in METRICS.items())]
        reader.fail(column, f"unknown metric {token!r}; {nearest(token, known)}")
    if metric == OWN and not NAME.fullmatch(name):
        reader.fail(column, f"metric {name!r}: expected {NAMING}")
    kinds = METRICS[metric].aggregates
    if aggregate not in kinds:
        have = ", ".join("p50 … p99.9" if name == "p" else name for name in kinds)
        reader.fail(column, f"{metric} has no {aggregate if quantile is None else 'percentiles'}; it has {have}")
    return metric, name


def _selectors(reader: _Reader, metric: str) -> tuple[Selector, ...]:
    """The selectors, up to the closing parenthesis."""
    selectors: list[Selector] = []
    if reader.symbol("{", ")") == "{":
        while not selectors or reader.symbol(",", "}") == ",":
            at = reader.at
            selectors.append(_selector(reader, metric))
            if sum(selector.key == POINT for selector in selectors) > 1:
                reader.fail(at, "one point at a time: a rule for each")
        reader.symbol(")")
    return tuple(selectors)


def _selector(reader: _Reader, metric: str) -> Selector:
    column = reader.at
    key = reader.word("selector", SELECTORS)
    if key not in METRICS[metric].selectors:
        have = ", ".join(word for word in SELECTORS if word in METRICS[metric].selectors) or "nothing"
        reader.fail(column, f"{metric} can't be selected by {key}; it can by {have}")
    comparison = reader.symbol(*_SELECTS.get(key, ("=", "!=")))
    value, at = reader.next(f"the {key}", _PATTERN if comparison == "=~" else _TOKEN)
    if comparison == "=~":
        try:
            re.compile(value)
        except re.error as error:
            reader.fail(at, f"not a regular expression: {error}")
    elif key == OUTCOME and value not in Outcome.__members__:
        reader.fail(at, f"unknown outcome {value!r}; {nearest(value, Outcome.__members__)}")
    elif key in (STATUS, WORKER) and not value.isdecimal():
        what = "an HTTP status, 0 for none" if key == STATUS else "the number of a load process"
        reader.fail(at, f"{key} {value!r}: expected {what}")
    return Selector(key, comparison, value)


def _limit(reader: _Reader, kind: str, metric: Metric) -> tuple[float, str | None, str]:
    """A limit of the given kind in its base unit, what it is a share of, and of which phase."""
    token, column = reader.next("a limit")
    if token.startswith(BASELINE):
        found = _BASELINE.match(reader.text, column)
        factor = found and 1 + Decimal(f"{found.group(1)}{found.group(2)}") / 100
        if not found or not factor or factor <= 0:
            reader.fail(column, "expected a limit such as 'baseline +10%'")
        reader.at = found.end()
        return float(factor), BASELINE, ""
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)(.*)", token)
    if not found:
        reader.fail(column, f"expected a limit such as {_EXAMPLE[kind]}, or 'baseline +10%', found {token!r}")
    # In decimals: 700 × 0.001 in floats is above 0.7, and exactly the limit must pass `<=`.
    number, unit = Decimal(found.group(1)), found.group(2)
    sizes = _units(kind, metric)
    if not unit and kind not in (COUNT, NUMBER) and not reader.done():
        unit, _ = reader.next("a unit")
    elif not unit:
        unit = next((word for word in filter(None, sizes) if reader.says(word)), "")
    if unit == "%" and kind in (RATE, NUMBER_SLOPE) and metric.references:
        if reader.done() or reader.next("'of'")[0] != "of":
            ways = " or ".join(f"'95% of {reference}'" for reference in metric.references)
            reader.fail(column, f"a limit in % needs what it is a share of: {ways}")
        return float(number / 100), reader.word("reference", metric.references), ""
    if unit == "%" and kind == DURATION and metric in OF_ANOTHER_PHASE:
        if reader.done() or reader.next("'of'")[0] != "of":
            reader.fail(column, "a limit in % needs what it is a share of: '150% of phase quiet'")
        reader.word("reference", [OF_PHASE])
        return float(number / 100), OF_PHASE, reader.next("the name of a phase")[0]
    if unit not in sizes:
        said = f"unknown unit {unit!r}" if unit else "a limit without unit"
        reader.fail(column, f"{said}: expected {kind} such as {_EXAMPLE[kind]}; {nearest(unit, filter(None, sizes))}")
    return float(number * Decimal(str(sizes[unit]))), None, ""


def _units(kind: str, metric: Metric) -> dict[str, float]:
    """The units of a limit, and how many of the base unit each is."""
    sizes = _UNITS[kind]
    if not metric.bytes:
        return sizes
    return sizes | (_by_the_minute(_BYTES) if kind in SLOPES else _BYTES)


def _window(reader: _Reader) -> Window | None:
    if reader.says("for"):
        seconds, column = reader.duration("how long")
        if seconds != round(seconds):
            reader.fail(column, f"for {seconds:g} s: expected whole seconds, as it is judged second by second")
        return Window(1.0, None, round(seconds))
    if not reader.says("in"):
        return None
    token, column = reader.next("a share of windows")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)%", token)
    share = Decimal(found.group(1)) / 100 if found else Decimal(0)
    if not 0 < share <= 1:
        reader.fail(column, f"expected a share of the windows such as 99%, found {token!r}")
    reader.word("word", ["of"])
    seconds, _ = reader.duration("how long a window is")
    reader.word("word", ["windows"])
    return Window(seconds, float(share))


def _abortable(reader: _Reader, column: int, metric: str, aggregate: str, comparison: str, of: str | None) -> None:
    """Only what gets worse and never better by what comes later can end a load."""
    if aggregate not in METRICS[metric].aborts:
        able = [f"{name} of {word}" for word, one in METRICS.items() for name in sorted(one.aborts)]
        reader.fail(column, f"{aggregate} of {metric} is known afterwards; a load can be ended by {', '.join(able)}")
    if comparison.startswith(">") or (comparison == "==" and aggregate != "count"):
        reader.fail(column, f"{comparison!r} can't be broken before the end: a load can be ended by what is too much")
    if of:
        what = "the baseline" if of == BASELINE else "another phase"
        reader.fail(column, f"a load can't be ended by a comparison with {what}")
