"""Each fault of the authorizations breaks one promise, often enough that a thousand operations show it.

Those of moves, repeats and strategies (which need operations to meet each other) stand in the files wrong_*.py here.
"""

# ruff: noqa: D102 (the clean class documents each method)

from collections.abc import Awaitable
from typing import Any, ClassVar

import jwt
from starlette.requests import Request
from starlette.responses import Response

from target.authorizations.api import Api, Authorization
from target.authorizations.strategies import NoneReadCommitted
from target.authorizations.tokens import ALGORITHM, Tokens
from target.authorizations.units import Done, Outcome, Refused, State
from target.authorizations.wrong_moves import (
    AckBeforeCommit,
    AnotherAuthorization,
    CommitsLater,
    HalfWritten,
    Leaks,
    LostInACrowd,
    NoRetry,
    PoolChanged,
    ReleaseNotKeyed,
    StaleReads,
    StrangersConsume,
    SwallowedError,
    TenantIgnored,
    WrongUnits,
)
from target.authorizations.wrong_repeats import (
    CommitsButRejects,
    DoubleConsume,
    DuplicateIsSuccess,
    FreshRefused,
    KeyOfAnotherAuthorization,
    KeyOfAnotherMove,
    ReleasedTwiceAtOnce,
    RepeatRefused,
    SpuriousReject,
)
from target.authorizations.wrong_restarts import HalfAtAKill, KeyForgottenAtRestart
from target.authorizations.wrong_strategies import (
    CheckThenInsert,
    LocksCrosswise,
    Overbooked,
    RetryLastStatement,
    SlowReadModifyWrite,
    VersionNotCompared,
)
from target.faults import Fault, every
from target.http import refuse


class RefusalsMisnamed(Api):
    """A stranger is told that there is no such authorization, a used key that there are not enough units, and a bad
    token that the authorization is another organization's.
    """

    instead: ClassVar = {
        Refused.FOREIGN: Refused.NOT_FOUND,
        Refused.REUSED: Refused.INSUFFICIENT,
        Refused.NOBODY: Refused.FOREIGN,
    }

    def say(self, operation: str, outcome: Outcome) -> Response:
        return super().say(operation, outcome if isinstance(outcome, Done) else self.instead.get(outcome, outcome))

    async def counted(self, operation: str, answering: Awaitable[Response]) -> Response:
        answered = await super().counted(operation, answering)
        return self.say(operation, Refused.NOBODY) if answered.status_code == 401 else answered


class TokenIgnored(Tokens):
    """Every token is believed, no matter who signed it."""

    def decode(self, token: str) -> dict[str, Any]:
        return jwt.decode(token, algorithms=[ALGORITHM], options={"verify_signature": False})


class UnsignedBelieved(Tokens):
    """A token that says that it is not signed is believed."""

    def decode(self, token: str) -> dict[str, Any]:
        if jwt.get_unverified_header(token).get("alg") == "none":
            return jwt.decode(token, options={"verify_signature": False})
        return super().decode(token)


class ExpiredBelieved(Tokens):
    """A token is believed when it has expired, too."""

    def decode(self, token: str) -> dict[str, Any]:
        said = jwt.decode(token, self.key, algorithms=[ALGORITHM], options={"verify_exp": False})
        return {**said, "exp": float("inf")}


class AudienceIgnored(Tokens):
    """A token for somebody else is believed."""

    def decode(self, token: str) -> dict[str, Any]:
        return jwt.decode(token, self.key, algorithms=[ALGORITHM], options={"verify_aud": False})


class Unbalanced(Api):
    """One answer in ten reports one available unit too many."""

    chosen = every(10)

    def body(self, state: State, replayed: bool) -> Authorization:
        body = super().body(state, replayed)
        body.available_units += next(self.chosen)
        return body


class FailAfterCommit(Api):
    """Every third answer is 500, after the commit."""

    # Kinds come in blocks of a hundred: of the rare ones every second might be all.
    chosen = every(3)

    async def move(self, kind: str, request: Request) -> Response:
        answered = await super().move(kind, request)
        return refuse(500, "internal_error", "failed after all was done") if next(self.chosen) else answered


def _fault(name: str, parts: tuple[type, ...], *caught_by: str) -> Fault:
    """The fault that is made of `parts`, the last of which documents it."""
    return Fault(name, str(parts[-1].__doc__), caught_by, parts)


FAULTS = (
    _fault("none_rc", (NoneReadCommitted,), "A2", "A6", "A8"),
    _fault("overbooked", (Overbooked,), "A1"),
    _fault("check_then_insert", (CheckThenInsert,), "X4", "A5"),
    _fault("no_retry", (SlowReadModifyWrite, NoRetry), "A11"),
    _fault("retry_last_statement", (RetryLastStatement,), "A8"),
    _fault("locks_crosswise", (LocksCrosswise,), "rule:deadlocks"),
    _fault("version_not_compared", (VersionNotCompared,), "A6", "A8"),
    _fault("duplicate_is_success", (DuplicateIsSuccess,), "A5"),
    _fault("repeat_refused", (RepeatRefused,), "A12"),
    _fault("fresh_refused", (FreshRefused,), "A12"),
    _fault("refusals_misnamed", (RefusalsMisnamed,), "A12"),
    _fault("double_consume", (DoubleConsume,), "A4"),
    _fault("release_not_keyed", (ReleaseNotKeyed,), "X1", "X2"),
    _fault("commits_but_rejects", (CommitsButRejects,), "X3"),
    _fault("ack_before_commit", (AckBeforeCommit,), "X1"),
    _fault("lost_in_a_crowd", (LostInACrowd,), "X1"),
    _fault("commits_later", (CommitsLater,), "X9"),
    _fault("swallowed_error", (SwallowedError,), "X1"),
    _fault("stale_reads", (StaleReads,), "A8"),
    _fault("spurious_reject", (SpuriousReject,), "A7"),
    _fault("tenant_ignored", (TenantIgnored,), "X7"),
    _fault("token_ignored", (TokenIgnored,), "TOKEN"),
    _fault("strangers_consume", (StrangersConsume,), "X7"),
    _fault("key_of_another_authorization", (KeyOfAnotherAuthorization,), "A5"),
    _fault("key_of_another_move", (KeyOfAnotherMove,), "A5"),
    _fault("released_twice_at_once", (ReleasedTwiceAtOnce,), "A2"),
    _fault("unsigned_believed", (UnsignedBelieved,), "TOKEN"),
    _fault("expired_believed", (ExpiredBelieved,), "TOKEN"),
    _fault("audience_ignored", (AudienceIgnored,), "TOKEN"),
    _fault("half_written", (HalfWritten,), "X6"),
    _fault("wrong_units", (WrongUnits,), "X5"),
    _fault("another_authorization", (AnotherAuthorization,), "X7"),
    _fault("leaks", (Leaks,), "A10"),
    _fault("pool_changed", (PoolChanged,), "POOL"),
    _fault("unbalanced", (Unbalanced,), "A3"),
    _fault("fail_after_commit", (FailAfterCommit,), "rule:errors"),
    _fault("half_at_a_kill", (HalfAtAKill,), "disturbed:A2"),
    _fault("key_forgotten_at_restart", (KeyForgottenAtRestart,), "disturbed:A4"),
)
