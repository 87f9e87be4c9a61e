"""The language of rules: `p95(response_time{op=process, phase=peak}) < 500ms`. Reading only; reports/ evaluates.

    rule    := agg '(' metric [ '{' sel (',' sel)* '}' ] ')' op limit
    agg     := p0 … p100 | mean | max | min | rate | count | ratio
    sel     := ('op' | 'phase') ('=' | '!=') value
    op      := '<' | '<=' | '>' | '>=' | '=='
    limit   := number unit | number '%' [ 'of' ('offered' | 'linear') ]

A rule covers the whole load but its warm-up, unless it selects a phase. `offered` is the rate that
the plan offers; `linear` the rate of the phase with the fewest workers that is offered the same for
each worker, times the ratio of workers.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

from harness.errors import nearest
from harness.units import SECONDS

WARM_UP = "warm-up"
"""The phase that no rule covers unless it names it."""

DURATION, SHARE, RATE, COUNT = "duration", "share", "rate", "count"

METRICS: dict[str, dict[str, str]] = {
    "response_time": {"p": DURATION, "mean": DURATION, "max": DURATION, "min": DURATION},
    "service_time": {"p": DURATION, "mean": DURATION, "max": DURATION, "min": DURATION},
    "lag": {"p": DURATION, "mean": DURATION, "max": DURATION, "min": DURATION},
    "end_to_end": {"p": DURATION, "mean": DURATION, "max": DURATION, "min": DURATION},
    "errors": {"ratio": SHARE, "count": COUNT, "rate": RATE},
    "conflicts": {"ratio": SHARE, "count": COUNT, "rate": RATE},
    "dropped": {"ratio": SHARE, "count": COUNT},
    "requests": {"rate": RATE, "count": COUNT},
    "goodput": {"rate": RATE, "count": COUNT},
    "delivered": {"rate": RATE, "count": COUNT},
    "backlog": {"count": COUNT},
}
"""What can be measured: metric → the aggregates it has → the kind of value each gives.

response_time  end − planned start, of every operation that ended, failed ones too
service_time   end − start, likewise
lag            start − planned start
end_to_end     from the stored effect to its completion (sent_at − created_at), by the database's clock
errors         operations whose outcome is not one that their kind expects
conflicts      operations answered with the contract's status of a conflict (409: not enough units)
dropped        arrivals of the plan that were never begun
requests       operations begun; goodput those that ended as expected
delivered      effects completed during the phase; backlog those begun in the phase and not completed
               by the beginning of the next one that offers load (or the end of the plan)
"""

COMPARISONS = ("<=", ">=", "==", "<", ">")
SELECTORS = ("op", "phase")
REFERENCES = ("offered", "linear")


class RuleError(ValueError):
    """A rule that can't be read: says the column (from 1), the word, and what was expected."""


@dataclass(frozen=True)
class Selector:
    """Keeps the operations whose `key` (op or phase) is, or is not, `value`."""

    key: str
    value: str
    negated: bool


@dataclass(frozen=True)
class Rule:
    """One limit: in seconds, as a share of 1, a second, or plain, as `kind` says; as a share of `of` if that is set."""

    text: str
    aggregate: str
    quantile: float | None
    metric: str
    selectors: tuple[Selector, ...]
    comparison: str
    limit: float
    kind: str
    of: str | None


_TOKEN = re.compile(r"\s*(?:(<=|>=|==|!=|[<>=(){},])|\"([^\"]*)\"|([\w.%/+-]+))")


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def fail(self, column: int, message: str) -> NoReturn:
        raise RuleError(f"rule {self.text!r}, column {column + 1}: {message}")

    def next(self, expected: str) -> tuple[str, int]:
        found = _TOKEN.match(self.text, self.at)
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

    def word(self, what: str, known: tuple[str, ...]) -> str:
        token, column = self.next(what)
        if token not in known:
            self.fail(column, f"unknown {what} {token!r}; {nearest(token, known)}")
        return token

    def done(self) -> bool:
        return not self.text[self.at :].strip()


def parse(text: str) -> Rule:
    """The rule that `text` states; RuleError if it is none."""
    reader = _Reader(text)
    aggregate, quantile = _aggregate(reader)
    reader.symbol("(")
    column = reader.at
    metric = reader.word("metric", tuple(METRICS))
    kinds = METRICS[metric]
    if aggregate not in kinds:
        have = ", ".join("p50 … p99.9" if name == "p" else name for name in kinds)
        reader.fail(column, f"{metric} has no {aggregate if quantile is None else 'percentiles'}; it has {have}")
    selectors: list[Selector] = []
    if reader.symbol("{", ")") == "{":
        while not selectors or reader.symbol(",", "}") == ",":
            key = reader.word("selector", SELECTORS)
            negated = reader.symbol("=", "!=") == "!="
            value, _ = reader.next(f"the {key}")
            selectors.append(Selector(key, value, negated))
        reader.symbol(")")
    comparison = reader.symbol(*COMPARISONS)
    limit, of = _limit(reader, kinds[aggregate])
    if not reader.done():
        reader.fail(reader.at, f"expected the end, found {reader.text[reader.at :].strip()!r}")
    return Rule(text, aggregate, quantile, metric, tuple(selectors), comparison, limit, kinds[aggregate], of)


def _aggregate(reader: _Reader) -> tuple[str, float | None]:
    token, column = reader.next("an aggregate")
    if re.fullmatch(r"p\d+(\.\d+)?", token):
        quantile = float(Decimal(token[1:]) / 100)
        if quantile > 1:
            reader.fail(column, f"percentile {token!r}: expected p0 to p100")
        return "p", quantile
    known = sorted({name for kinds in METRICS.values() for name in kinds} - {"p"})
    if token not in known:
        reader.fail(column, f"unknown aggregate {token!r}; {nearest(token, [*known, 'p95', 'p99'])}")
    return token, None


def _limit(reader: _Reader, kind: str) -> tuple[float, str | None]:
    """A limit of the given kind in its base unit, and what it is a share of."""
    token, column = reader.next("a limit")
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)(.*)", token)
    if not found:
        reader.fail(column, f"expected a limit such as {_EXAMPLE[kind]}, found {token!r}")
    # In decimals: 700 × 0.001 in floats is above 0.7, and exactly the limit must pass `<=`.
    number, unit = Decimal(found.group(1)), found.group(2)
    if not unit and kind != COUNT and not reader.done():
        unit, _ = reader.next("a unit")
    if unit == "%" and kind == RATE:
        if reader.done() or reader.next("'of'")[0] != "of":
            reader.fail(column, "a rate in % needs what it is a share of: '95% of offered' or '90% of linear'")
        return float(number / 100), reader.word("reference", REFERENCES)
    sizes = _UNITS[kind]
    if unit not in sizes:
        said = f"unknown unit {unit!r}" if unit else "a limit without unit"
        reader.fail(column, f"{said}: expected {kind} such as {_EXAMPLE[kind]}; {nearest(unit, filter(None, sizes))}")
    return float(number * Decimal(str(sizes[unit]))), None


_UNITS: dict[str, dict[str, float]] = {
    DURATION: SECONDS,
    SHARE: {"%": 0.01},
    RATE: {"/s": 1.0},
    COUNT: {"": 1.0},
}
_EXAMPLE = {DURATION: "500ms", SHARE: "1%", RATE: "100/s or 95% of offered", COUNT: "0"}
