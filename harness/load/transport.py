"""What every transport has in common: how a call says that it failed, and what an answer can mean."""

from harness.outcomes import Failure, Outcome

Meaning = tuple[Outcome, Failure, int]
"""What an answer means by the contract: the outcome, what is wrong with the answer if anything, and the number that
stands for what it said (0 = nothing)."""


class Failed(Exception):
    """A call that has no answer to give: the `failure`, and the `detail` of it for people; "" = it says all."""

    def __init__(self, failure: Failure, detail: str = "") -> None:
        super().__init__(f"{failure.name}: {detail}" if detail else failure.name)
        self.failure, self.detail = failure, detail


class NotSent(Failed):
    """No byte of the request was handed to the network: it can have had no effect."""


class NoAnswer(Failed):
    """The request was sent, in part or whole, and no whole answer came: what became of it is unknown."""
