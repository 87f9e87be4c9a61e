"""The frame of an operation, the same for all: its intent is recorded, then it is called, then its outcome is recorded,
whatever happens.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, SupportsIndex

import gevent

from harness.journal import Journal
from harness.load.transport import NoAnswer, NotSent
from harness.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from harness.load.user import LoadUser

REFUSED_S: Final = 0.01
"""The pause of a user that could not connect: it waited for nothing, and would keep the others from their turn."""

# To look up a member of an enum takes 0.1 µs in Python 3.11, and these are needed for each operation.
_UNKNOWN: Final = Outcome.UNKNOWN
_NOT_SENT: Final = Outcome.NOT_SENT
_KILLED: Final = Failure.KILLED
_now: Final = time.monotonic_ns


class Frame:
    """That of the operations of one user."""

    def __init__(self, user: "LoadUser") -> None:
        session = user.session
        # A user is of a class of Locust's, whose attributes take long to look up for compiled code.
        self.user: Any = user
        self.number = user.number
        self.kinds = session.places
        self.journal: Journal = session.journal
        self.alone = session.tally.alone
        """Whether nobody but Locust's own statistics listens to its event."""
        self.sched = 0
        """When the operation was due (ns); 0: when it is begun."""
        self.waited_us = 0
        """For how long (µs) no user was free for it."""

    def ask(self, call: Callable[..., Any] | None, number: int, index: int, how: tuple[Any, ...]) -> Any:
        """Do operation `number`, of the kind at `index`: its answer; NotSent or NoAnswer."""
        assert call is not None
        return call(number, *how)

    def status_of(self, answer: Any) -> SupportsIndex:
        """The HTTP status of an answer; 0 where there is no such thing."""
        status: SupportsIndex = self.user.status_of(answer)
        return status

    def perform(
        self,
        kind: str,
        subject: SupportsIndex,
        call: Callable[..., Any] | None,
        judge: Callable[[Any], Any],
        key_of: SupportsIndex | None,
        flags: SupportsIndex,
        how: tuple[Any, ...],
    ) -> tuple[int, Outcome]:
        """As `LoadUser.perform`, which says what these are."""
        journal, index = self.journal, self.kinds[kind]
        start = _now()
        number = journal.begin(index, self.sched or start, start, self.number, self.waited_us, subject, key_of, flags)
        # What users give is not held against types here: it is what the journal can hold, or fails there.
        outcome: Any = _UNKNOWN
        status: Any = 0
        failure: Any = _KILLED
        said: Any = 0
        answer: Any = None
        detail = ""
        try:
            answer = self.ask(call, number, index, how)
            status = self.status_of(answer)
            # Two steps: compiled, the first would keep of what is no meaning the part before it fails.
            first, second, third = judge(answer)
            outcome, failure, said = first, second, third
        except NotSent as error:
            outcome, failure, detail = _NOT_SENT, error.failure, error.detail
        except NoAnswer as error:
            failure, detail = error.failure, error.detail
        finally:
            end = _now()
            journal.end(number, outcome, status, failure, said, end)
            if not self.alone:
                self.user.tell(kind, index, outcome, status, failure, (end - start) / 1e6)
        if failure:
            self.user.session.explain(kind, number, failure, detail or self.user.excerpt(answer))
        if outcome is _UNKNOWN and answer is not None:
            self.user.session.not_understood(kind, number, self.user.whole(answer))
        if outcome is _NOT_SENT:
            gevent.sleep(REFUSED_S)
        return number, outcome
