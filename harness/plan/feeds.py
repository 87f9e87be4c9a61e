"""`feed` of a scenario: files of rows that its operations draw from, each read once before anything is started."""

import re
from collections.abc import Mapping

from harness.errors import FeedError, nearest
from harness.feed import ONLY, ORDERS, SEQUENTIAL, Rows
from harness.plan.scenario import FeedFile
from harness.plan.toml_table import Table, Where

NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")


def read(where: Where, stated: object) -> Mapping[str, FeedFile]:
    """The feeds that a scenario states: a file, a table with `file` and `order`, or a table of such ones by name.

    PlanError for what is none, with the file and the line of a row that is none.
    """
    if stated is None:
        return {}
    if not isinstance(stated, dict) or {"file", "order"} & set(stated):
        return {ONLY: _one(where, ONLY, stated)}
    for name in stated:
        if not NAME.fullmatch(name):
            where.fail(name, f"feed.{name}: expected a name of lower-case letters, digits, hyphens and underscores")
    return {name: _one(where, f"feed.{name}", one) for name, one in stated.items()}


def _one(where: Where, name: str, stated: object) -> FeedFile:
    table = Table(where, name, {"file": stated} if isinstance(stated, str) else stated)
    file, order = table.text("file"), table.text("order", SEQUENTIAL)
    table.done()
    if order not in ORDERS:
        where.fail(order, f"{name}: order = {order!r}; {nearest(order, ORDERS)}", "order")
    try:
        rows = Rows((where.path.parent / file).resolve())
    except FeedError as error:
        where.fail(file, f"{name}: {error}")
    rows.close()
    return FeedFile(str(rows.path), order, len(rows), rows.digest)
