"""What an operation leaves in the database: how many items, and when."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effect:
    """What an outcome of a kind of operation leaves: `items` rows, numbered from 0.

    `within` is how many seconds after the answer they are all stored at the latest; 0: by the time of the answer.
    `until` is the point of the system beyond which they must not get during the run; "": they are to reach the last.
    """

    items: int = 1
    within: float = 0.0
    until: str = ""
