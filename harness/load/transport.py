"""What every transport has in common: how a call says that it failed, and what an answer can mean."""

from harness.outcomes import Failure, Outcome

Meaning = tuple[Outcome, Failure, int]
"""What an answer means by the contract: the outcome, what is wrong with the answer if anything, and the number that
stands for what it said (0 = nothing)."""


class NotSent(Exception):
    """No byte of the request was handed to the network: it can have had no effect."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.name)
        self.failure = failure


class NoAnswer(Exception):
    """The request was sent, in part or whole, and no whole answer came: what became of it is unknown."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.name)
        self.failure = failure
