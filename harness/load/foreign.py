"""Other people's users: what Locust reports of their requests is journalled, after the fact and without intents.

So rules and validity apply to them, but nothing can be proved of the data: it is not known what a request
that was lost in a crash would have been.
"""

import time
from typing import Any

from harness.load.session import Session
from harness.outcomes import Failure, Outcome

MAX_KINDS = 100
"""The number of request names that are kept apart; all later ones are one kind, `OTHERS`."""
OTHERS = "(other names)"

EXPECTED = [frozenset({Outcome.ACK})] * (MAX_KINDS + 1)


class Recorder:
    """Listens to Locust's request event and journals each request under its name."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kinds: dict[str, int] = {}
        self._http = False

    def __call__(
        self, name: str, response_time: float | None, exception: object = None, response: Any = None, **_: Any
    ) -> None:
        """A request that has just ended. It is an ACK unless its user reports a failure."""
        session, end = self._session, time.monotonic_ns()
        start = end - round((response_time or 0.0) * 1e6)
        number = session.journal.begin(self._kind(name), start, start, 0, 0, 0, None, 0)
        outcome = Outcome.UNKNOWN if exception else Outcome.ACK
        status = getattr(response, "status_code", None) or 0
        if status and not self._http:
            self._http = True
            session.journal.amend(http=True)
        session.journal.end(number, outcome, int(status), Failure.NONE, 0, end)

    def _kind(self, name: str) -> int:
        known = self._kinds.get(name)
        if known is None:
            name = name if len(self._kinds) < MAX_KINDS else OTHERS
            known = self._kinds.setdefault(name, len(self._kinds))
            # Shortened, as all of them have to fit into the journal's header.
            self._session.journal.amend(kinds=[kind[:30] for kind in self._kinds])
        return known
