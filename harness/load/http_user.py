"""A user of a service that speaks HTTP: it owns its connections."""

import contextlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

from harness import guard
from harness.load.http import SHOWN_BYTES, Answer, Connection, Origin
from harness.load.http_frame import HttpFrame
from harness.load.transport import Meaning, NotSent
from harness.load.user import LoadUser
from harness.outcomes import Outcome
from harness.settings import Settings

WHOLE_BYTES = 2000
"""How much is kept of an answer that is not understood."""

Judge = Callable[[Answer], Meaning]


class HttpUser(LoadUser):
    """Sends requests to the host that Locust was given, each exactly once."""

    abstract = True

    def connect(self, environment: Any) -> None:
        """The connections of this user, opened when first needed; GuardError for a host that may not be loaded."""
        # The host can be changed in the web UI, so that each user has to ask again.
        url = self.host or environment.host or ""
        settings = Settings()
        guard.may_load(url, settings)
        session = self.session
        if url not in session.shared:
            session.shared[url] = Origin(url, self.timeout, settings.ca_file)
            session.journal.amend(http=True)
        origin = session.shared[url]
        self.traced = session.traced
        self.connection = Connection(origin)

    @cached_property
    def second_connection(self) -> Connection:
        """For an operation that is done twice at the same instant; most users never do one."""
        return Connection(self.connection.origin)

    frame: HttpFrame

    def framed(self) -> HttpFrame:
        """The frame of requests."""
        own = type(self)
        return HttpFrame(self, own.status_of is not HttpUser.status_of, own.perform is not HttpUser.perform)

    def open(self) -> None:
        """Connect before the load: the first arrivals are not to pay for all the connections."""
        with contextlib.suppress(NotSent):
            self.connection.open()

    def close(self) -> None:
        """Drop the connections."""
        self.connection.close()
        if "second_connection" in self.__dict__:
            self.second_connection.close()

    def status_of(self, answer: Answer) -> int:
        """The HTTP status."""
        return answer.status

    def excerpt(self, answer: Answer | None) -> str:
        """Its status and the beginning of its body."""
        return f"{answer.status} {answer.body[:SHOWN_BYTES]!r}" if answer else ""

    def whole(self, answer: Answer) -> str:
        """Its status and its body."""
        cut = "…" * (len(answer.body) > WHOLE_BYTES)
        return f"{answer.status} {answer.body[:WHOLE_BYTES].decode(errors='replace')}{cut}"

    def send(
        self,
        kind: str,
        route: str,
        subject: int,
        body: Callable[[int], bytes],
        judge: Judge,
        key_of: int | None = None,
        flags: int = 0,
        connection: Connection | None = None,
        headers: Callable[[int], bytes] | None = None,
    ) -> tuple[int, Outcome]:
        """Do one operation: `route` is a method and a path, as the contract has it; `body` and `headers` (each ended by
        CRLF) make the request of the operation's number. The rest is as in `perform`.
        """
        how = (route, body, headers, connection or self.connection)
        # What a user does around `perform` is done around this too.
        perform = self.perform if self.frame.own_perform else self.frame.perform
        return perform(kind, subject, None, judge, key_of, flags, how)
