"""`feed()` for users: the next row of the plan's feed, which no other user of any load process gets."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, overload

from locust.exception import StopUser

from harness.errors import FeedError
from harness.feed import EXHAUSTED, LEASE, ONLY, Feed, Lease, Leasing, Row, Rows
from harness.load.session import Session


class Exhausted(FeedError, StopUser):
    """All rows were handed out: none is given twice, so that the load ends and is no valid one."""


class Feeds:
    """The feeds of a load process, by their names in the plan."""

    def __init__(self, session: Session, workers: int = 1, leases: Callable[[str], Leasing] | None = None) -> None:
        """FeedError if a file is not what it was when the plan was read. `leases` gives that of a feed, if it is not
        counted in our run folder.
        """
        self._session = session
        stated: Mapping[str, Any] = session.scenario.feeds if session.scenario else {}
        folder: Path | None = session.run.folder if session.run else None
        self._feeds: dict[str, Feed] = {}
        for name, one in stated.items():
            rows = Rows(Path(one.file), check=False)
            if rows.digest != one.digest:
                raise FeedError(f"{one.file}: it was changed since the plan was read: expected it unchanged; run again")
            path = folder / LEASE.format(name) if folder else None
            lease = leases(name) if leases else Lease(path, workers)
            self._feeds[name] = Feed(rows, one.order, lease, f"{session.seed}/{session.worker}")

    def next(self, name: str) -> Row:
        """The next row of the feed `name`; Exhausted if there is none, FeedError if there is no such feed."""
        if name not in self._feeds:
            known = ", ".join(self._feeds) or "none"
            raise FeedError(f"feed {name!r}: expected one of the plan (feed = …); known: {known}")
        found = self._feeds[name].draw()
        if found is None:
            rows = self._feeds[name].rows
            why = (
                f"{EXHAUSTED}{rows.path}: all {len(rows):,} rows were handed out: expected more rows, or a shorter load"
            )
            self._session.exhausted(why)
            raise Exhausted(why)
        return found

    def close(self) -> None:
        """The load is over."""
        for feed in self._feeds.values():
            feed.close()


_current: list[Feeds] = []
"""Those of the load of this process, if there is one."""


def draw_from(feeds: Feeds) -> None:
    """From now on rows come from there."""
    _current[:] = [feeds]


@overload
def feed(*, name: str = ONLY) -> Row: ...


@overload
def feed(count: int, *, name: str = ONLY) -> list[Row]: ...


def feed(count: int | None = None, *, name: str = ONLY) -> Row | list[Row]:
    """The next row of the feed `name` of the plan, or a list of the next `count` for a batch.

    FeedError without such a feed; Exhausted, which ends the user and the load, if there are no more rows: no row of a
    sequential or unique feed is given twice.
    """
    if not _current:
        raise FeedError("no feed: expected a load of Proofload, with feed = … in its plan")
    if count is None:
        return _current[0].next(name)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise FeedError(f"feed({count!r}): expected how many rows, 1 or more")
    return [_current[0].next(name) for _ in range(count)]
