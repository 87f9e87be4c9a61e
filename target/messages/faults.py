"""Each fault of the messages breaks one promise, often enough that 150 operations show it."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
import time

from starlette.requests import Request
from starlette.responses import Response

from target.faults import Fault, every
from target.http import refuse
from target.messages.api import Process
from target.messages.wrong_deliveries import FailedDelivery, LostDelivery, Redelivered, SentEarly, TornDelivery
from target.messages.wrong_restarts import KeyForgottenAtRestart, LostAtRestart, RedeliveredAtRestart
from target.messages.wrong_stores import (
    AckBeforeCommit,
    AnswerFirst,
    BodyAltered,
    CheckDropped,
    ClockStepsBack,
    CommitsDontWait,
    CommitsLater,
    ConflictOverwrites,
    FreshRefused,
    KeyIgnored,
    KeySelected,
    LostInACrowd,
    NoIndex,
    Orphaned,
    PhantomRow,
    PoolChanged,
    RejectAfterWrite,
    RepeatRefused,
    ReplayOtherId,
    StoredTwice,
    StrangerUsedAKey,
    SwallowedError,
    Unlogged,
)


class Every429(Process):
    """Every message is answered 429."""

    async def __call__(self, request: Request) -> Response:
        return refuse(429, "too_many_requests", "later, perhaps")


class Every401(Process):
    """Every message is answered 401."""

    async def __call__(self, request: Request) -> Response:
        return refuse(401, "unauthorized", "who are you?")


class FailAfterCommit(Process):
    """Every third answer is 500, after the commit."""

    # Kinds come in blocks of a hundred: of the rare ones every second might be all.
    chosen = every(3)

    async def __call__(self, request: Request) -> Response:
        answered = await super().__call__(request)
        return refuse(500, "internal_error", "failed after all was done") if next(self.chosen) else answered


class SlowOnePercent(Process):
    """One request in 60 takes a second longer."""

    # One in 60 is a little over 1 %, so that the 99th percentile is surely one of them.
    chosen = every(60)

    async def __call__(self, request: Request) -> Response:
        if next(self.chosen):
            await asyncio.sleep(1)
        return await super().__call__(request)


class Paced(Process):
    """Every answer is given 50 ms after its request came: a target whose speed is known."""

    seconds = 0.050

    async def __call__(self, request: Request) -> Response:
        due = time.monotonic() + self.seconds
        answer = await super().__call__(request)
        await asyncio.sleep(due - time.monotonic())
        return answer


class PacedTenPercentMore(Paced):
    """… and one that is slower than that by a known 10 %."""

    seconds = 0.055


def _fault(name: str, part: type, *caught_by: str) -> Fault:
    """The fault that is made of `part` alone, which documents itself."""
    return Fault(name, str(part.__doc__), caught_by, (part,))


FAULTS = (
    _fault("ack_before_commit", AckBeforeCommit, "X1"),
    _fault("swallowed_error", SwallowedError, "X1"),
    _fault("key_ignored", KeyIgnored, "X4", "MP1"),
    _fault("key_selected", KeySelected, "MP1", "MP6"),
    _fault("no_index", NoIndex, "MP1I"),
    _fault("orphaned", Orphaned, "MP2", "MP2F"),
    _fault("reject_after_write", RejectAfterWrite, "X3"),
    _fault("body_altered", BodyAltered, "X5"),
    _fault("phantom_row", PhantomRow, "X2"),
    _fault("replay_other_id", ReplayOtherId, "MP4"),
    _fault("conflict_overwrites", ConflictOverwrites, "MP5"),
    _fault("pool_changed", PoolChanged, "POOL"),
    _fault("answer_first", AnswerFirst, "X9"),
    _fault("lost_in_a_crowd", LostInACrowd, "X1"),
    _fault("commits_later", CommitsLater, "X9"),
    _fault("stored_twice", StoredTwice, "X2"),
    _fault("clock_steps_back", ClockStepsBack, "X9"),
    _fault("commits_dont_wait", CommitsDontWait, "X10"),
    _fault("unlogged", Unlogged, "X10"),
    _fault("check_dropped", CheckDropped, "SCHEMA"),
    _fault("repeat_refused", RepeatRefused, "MP7"),
    _fault("stranger_used_a_key", StrangerUsedAKey, "MP7"),
    _fault("fresh_refused", FreshRefused, "MP7"),
    _fault("every_429", Every429, "validity:statuses"),
    _fault("every_401", Every401, "validity:statuses"),
    _fault("fail_after_commit", FailAfterCommit, "rule:errors"),
    _fault("slow_one_percent", SlowOnePercent, "rule:p99"),
    _fault("paced", Paced, "pairs"),
    _fault("paced_10_percent_more", PacedTenPercentMore, "pairs"),
    _fault("torn_delivery", TornDelivery, "X6"),
    _fault("lost_delivery", LostDelivery, "MP3"),
    _fault("redelivered", Redelivered, "MP3"),
    _fault("failed_delivery", FailedDelivery, "MP3"),
    _fault("sent_early", SentEarly, "MP8"),
    _fault("lost_at_restart", LostAtRestart, "disturbed:X1"),
    _fault("key_forgotten_at_restart", KeyForgottenAtRestart, "disturbed:MP5", "disturbed:MP7"),
    _fault("redelivered_at_restart", RedeliveredAtRestart, "disturbed:MP3"),
)
