"""Who is asking: a practitioner with a token that was signed with our key and has not expired."""

import time
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
import msgspec

from systems.authorizations import CLAIM_ORGANIZATION

ALGORITHM = "HS256"
SCHEME = "bearer"
REMEMBERED = 4096
"""How many verified tokens are remembered: a practitioner sends the same one again and again."""


class Claims(msgspec.Struct, frozen=True):
    """What a token must say."""

    practitioner: UUID = msgspec.field(name="sub")
    organization: UUID = msgspec.field(name=CLAIM_ORGANIZATION)
    expires: float = msgspec.field(name="exp")


class Unauthorized(Exception):
    """An unknown caller; the text says what is wrong with the token."""


class Tokens:
    """Looks at the tokens of requests."""

    def __init__(self, key: str) -> None:
        self.key = key
        # Only what was found good is remembered: an exception is no result.
        self.verified = lru_cache(REMEMBERED)(self.verify)

    def claims(self, header: str | None) -> Claims:
        """What the token in an Authorization header says; Unauthorized if it is missing, bad or expired by now."""
        scheme, _, token = (header or "").strip().partition(" ")
        if scheme.lower() != SCHEME or not token:
            raise Unauthorized("expected the header Authorization: Bearer <token>")
        try:
            claims = self.verified(token.strip())
        except (jwt.PyJWTError, msgspec.ValidationError) as error:
            raise Unauthorized(f"the token is not good: {error}") from None
        if claims.expires <= time.time():
            raise Unauthorized("the token has expired")
        return claims

    def verify(self, token: str) -> Claims:
        """The claims of `token`, if its signature is ours; else jwt.PyJWTError or msgspec.ValidationError."""
        return msgspec.convert(self.decode(token), Claims)

    def decode(self, token: str) -> dict[str, Any]:
        """The claims in `token`; jwt.PyJWTError if it isn't one of ours."""
        return jwt.decode(token, self.key, algorithms=[ALGORITHM])
