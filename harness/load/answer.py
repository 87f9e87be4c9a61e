"""A whole answer of HTTP/1.1, and its parser: llhttp, which a connection has only while it needs one."""

import httptools
import msgspec


class Answer(msgspec.Struct, frozen=True):
    """A whole answer. A struct, since one is made for each operation, and this is made in a third of the time."""

    status: int
    body: bytes


class Reading:
    """What a parser has seen of the current answer. Each callback costs, so there are few."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""
        self.more: list[bytes] = []
        self.size = self.status = 0
        self.complete = self.keep_alive = self.extra = False

    def reset(self) -> None:
        """Get ready for the next answer; `status` and `keep_alive` are set when it is complete."""
        self.body = b""
        self.size = 0
        self.complete = False
        if self.more:
            self.more = []

    def on_message_begin(self) -> None:
        """An answer begins: one after the whole answer belongs to no request."""
        self.extra = self.complete

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body; mostly there is only one."""
        self.size += len(data)
        if self.body:
            self.more.append(data)
        else:
            self.body = data

    def whole(self) -> bytes:
        """The body."""
        return b"".join([self.body, *self.more]) if self.more else self.body

    def on_message_complete(self) -> None:
        """Done, unless it was informational (1xx): then the answer is still to come."""
        # Only now does the parser know these; it forgets before it reads on.
        status = self.parser.get_status_code()
        if status >= 200 and not self.complete:
            self.status = status
            self.keep_alive = self.parser.should_keep_alive()
            self.complete = True
