"""A digest of what came, as `systems.orchestrator.digest` makes it of what was sent; several times as fast."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="deterministic")


def of(context: Mapping[str, Any]) -> int:
    """63 bits that stand for all of a context."""
    return int.from_bytes(hashlib.blake2b(_encoder.encode(context), digest_size=8).digest(), "big") >> 1
