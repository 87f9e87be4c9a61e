"""After how many answers a peer ends its connections without having said so.

An end may still be on its way when the next request leaves, which is then lost. So it is awaited for a moment, of the
first connection after each of its first few answers; and none is used for more answers than two in turn have given.
"""

import logging
import math
import time
from typing import Final

GRACE_S: Final = 0.005
"""How long after an answer an end is awaited. One user at a time waits, and only if its next request comes sooner."""
WATCHED: Final = 4
"""Of how many answers."""
PROMPT_S = 0.1
"""What ended later than this after its last answer ended for another reason: it was idle for too long."""

NEVER: Final = -1

log = logging.getLogger(__name__)


class Habit:
    """What is known of the peer called `name`."""

    def __init__(self, name: str) -> None:
        self.most = math.inf
        """So many answers a connection gives."""
        self.doubtful = 1
        """After so many it is not known whether a connection ends; NEVER: it is, or somebody is about to see."""
        self._name, self._last, self._times, self._at = name, 0, 0, 0.0

    def lasted(self, answers: int) -> None:
        """A connection did not end after so many answers."""
        self.doubtful = answers + 1 if answers < WATCHED else NEVER

    def ended(self, answers: int, opened: float, answered: float) -> None:
        """A connection ended after so many answers; when it was opened, and when the last of them came."""
        now = time.monotonic()
        # Those that were open at the last end may have ended by what ended that one, such as a restart.
        if now - answered > PROMPT_S or answers >= self.most or opened < self._at:
            return
        self._times = self._times + 1 if answers == self._last else 1
        self._last, self._at = answers, now
        if self._times == 2:
            self.most, self.doubtful = float(answers), NEVER
            log.warning(
                "%s ends connections after %d answers without Connection: close, which can cost the next request its "
                "outcome; from now on each is replaced after so many",
                self._name,
                answers,
            )
