"""Other people's users: what Locust reports of their requests is journalled, after the fact and without intents.

So rules and validity apply to them, but nothing can be proved of the data: it is not known what a request
that was lost in a crash would have been.
"""

import logging
import math
import time
from typing import Any

from harness.journal import UNTIMED, Name
from harness.load.crowd import Crowd
from harness.load.session import Session
from harness.outcomes import Failure, Outcome

MAX_KINDS = 1000
"""How many kinds, each a method and a name, are kept apart in a process; all later ones are one kind, `OTHERS`."""
OTHERS = ("", "(other names)")

EXPECTED = [frozenset({Outcome.ACK})] * (MAX_KINDS + 1)

log = logging.getLogger(__name__)


class Recorder:
    """Listens to Locust's request event and journals each request under its method and name."""

    def __init__(self, session: Session, crowd: Crowd) -> None:
        self._session, self._crowd = session, crowd
        self._kinds: dict[Name, int] = {}
        self._http = False

    def __call__(
        self,
        name: str,
        response_time: float | None,
        request_type: str = "",
        exception: object = None,
        response: Any = None,
        **_: Any,
    ) -> None:
        """A request that has just ended. It is an ACK unless its user reports a failure."""
        session, end = self._session, time.monotonic_ns()
        timed = isinstance(response_time, int | float) and math.isfinite(response_time)
        start = end - round(float(response_time or 0.0) * 1e6) if timed else end
        kind, user = self._kind((str(request_type), str(name))), self._crowd.number()
        number = session.journal.begin(kind, start, start, user, 0, 0, None, 0 if timed else UNTIMED)
        outcome = Outcome.UNKNOWN if exception else Outcome.ACK
        status = getattr(response, "status_code", None) or 0
        if status and not self._http:
            self._http = True
            session.journal.amend(http=True)
        session.journal.end(number, outcome, int(status), Failure.NONE, 0, end)

    def _kind(self, name: Name) -> int:
        known = self._kinds.get(name)
        if known is None:
            if len(self._kinds) == MAX_KINDS:
                log.warning("more than %d kinds of requests: the others count as %s", MAX_KINDS, OTHERS[1])
            if len(self._kinds) >= MAX_KINDS:
                name = OTHERS
            known = self._kinds.get(name)
        if known is None:
            known = self._kinds[name] = self._session.journal.name(name)
        return known
