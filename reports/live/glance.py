"""A load that goes on in six figures, as the report has them: with how they went so far, and what is asked of them."""

from harness import quantities
from harness.plan.rules import OP, Rule
from reports.live.course import LATELY_S
from reports.live.live import Live
from reports.live.standing import Stand
from reports.render.spark import spark
from reports.render.tiles import BAD, Tile

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def tiles(live: Live) -> list[Tile]:
    """What is begun, ended and wrong, and response time by percentile."""
    ended = sum(live.counted.operations.values())
    wrong = sum(count for (_, _, _, ok), count in live.counted.operations.items() if not ok)
    offered = f"of {live.offered:,.0f} offered" if live.offered is not None else "at their own pace"
    until = live.course.until(live.second)
    good, bad = (live.course.rates(until, well) for well in (True, False))
    return [
        Tile("begun", f"{live.arrived:,}", offered),
        Tile("ended", f"{ended:,}", f"{live.flying:,} in flight", spark(good)),
        Tile("errors", f"{wrong:,}", quantities.share(wrong / ended) if ended else "", spark(bad)),
        *(_time(live, name, share) for name, share in SHARES.items()),
    ]


def _time(live: Live, name: str, share: float) -> Tile:
    """A percentile of the response time so far, with its limit, and as it was lately."""
    whole, lately = live.course.whole(share), live.course.lately(live.second, share)
    if whole is None:
        return Tile(name, "–", "nothing has ended")
    limit, stand = _limit(live, share)
    beside = [f"limit {quantities.duration(limit)}"] if limit else []
    beside += [] if lately is None else [f"{quantities.duration(lately)} in the last {LATELY_S:g} s"]
    course = spark(live.course.percentiles(live.course.until(live.second), share), limit)
    missed = str(stand.state) if stand and stand.state in BAD else ""
    return Tile(name, quantities.duration(whole), "; ".join(beside) or "so far", course, missed)


def _limit(live: Live, share: float) -> tuple[float | None, Stand | None]:
    """What the plan has as a limit of this percentile of all operations, and what that rule says so far."""
    stands = {standing.rule.text: stand for standing, stand in live.stands()}
    for rule in live.scenario.rules:
        if rule.quantile == share and _of_all(rule):
            return rule.limit, stands.get(rule.text)
    return None, None


def _of_all(rule: Rule) -> bool:
    whole = all(one.key != OP and one.comparison == "!=" for one in rule.selectors)
    return rule.metric == "response_time" and rule.of is None and rule.window is None and whole
