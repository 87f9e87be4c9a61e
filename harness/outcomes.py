"""What became of an operation, as far as its client can know (integrity.md §3.1)."""

from enum import IntEnum


class Outcome(IntEnum):
    """The default is UNKNOWN: only an answer that the contract calls definite makes anything else.

    OPEN      begun, no outcome recorded: the process or the user was ended meanwhile; judged as UNKNOWN
    ACK       done, by the target's answer: what the facts state for it is stored
    REPLAY    had been done before under the same key: nothing new, but what was stored at first is there
    REJECT    a definite, contractual no: no effect, unless the facts state one (a refusal that is logged)
    SHED      refused before any work, with the contract's own marker: likewise
    NOT_SENT  no byte of it reached the target: no effect
    UNKNOWN   anything else (timeout, reset, garbage, any 5xx): from no effect to the most that it can have
    """

    OPEN = 0
    ACK = 1
    REPLAY = 2
    REJECT = 3
    SHED = 4
    NOT_SENT = 5
    UNKNOWN = 6


DONE = (Outcome.ACK, Outcome.REPLAY)
"""Outcomes that say: it is done."""


class Failure(IntEnum):
    """Why an operation has no whole, readable answer."""

    NONE = 0
    CONNECT_REFUSED = 1
    CONNECT_TIMEOUT = 2
    CONNECT_FAILED = 3
    READ_TIMEOUT = 4
    RESET = 5
    CLOSED_EARLY = 6
    BAD_HTTP = 7
    BAD_BODY = 8
    TOO_LARGE = 9
    KILLED = 10
    LOCAL = 11
    """Ours: no more files or ports on this machine, or no address for the name. Never the target's fault."""
    BAD_CODING = 12
    """The body is compressed, though it was asked for as it is, and can't be read."""
