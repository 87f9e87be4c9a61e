"""The frame of an operation that is a request over HTTP."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, SupportsIndex

from harness.load.frame import Frame
from harness.load.http import Connection

if TYPE_CHECKING:
    from harness.load.http_user import HttpUser


class HttpFrame(Frame):
    """That of the operations of one user."""

    def __init__(self, user: "HttpUser", own_status: bool, own_perform: bool) -> None:
        """Whether the user has its own way to tell the status of an answer, and to perform."""
        super().__init__(user)
        tally = user.session.tally
        self.bytes, self.routes = tally.bytes, tally.routes
        self.traced: Callable[[int], bytes] | None = user.traced
        self.own_status, self.own_perform = own_status, own_perform

    def ask(self, call: Callable[..., Any] | None, number: int, index: int, how: tuple[Any, ...]) -> Any:
        """Send a request, unless it is a call of its own."""
        if call is not None:
            return call(number, *how)
        route: str = how[0]
        body: Callable[[int], Any] = how[1]
        headers: Callable[[int], Any] | None = how[2]
        connection: Connection = how[3]
        more = headers(number) if headers else b""
        if self.traced:
            more += self.traced(number)
        answer = connection.exchange(connection.origin.request(route, body(number), more))
        self.bytes[index] += len(answer.body)
        self.routes[index] = route
        return answer

    def status_of(self, answer: Any) -> SupportsIndex:
        """The HTTP status."""
        status: SupportsIndex = self.user.status_of(answer) if self.own_status else answer.status
        return status
