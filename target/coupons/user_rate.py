"""How many validations a second one user may make."""

import time


class UserRate:
    """Of each user a bucket, which fills at `rate` a second, up to what comes in one; 0: as many as users like."""

    most_users = 100_000
    """So many are known at most; beyond it all begin anew."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._left: dict[str, tuple[float, float]] = {}
        self._requests: dict[str, None] = {}

    def allows(self, user: str, request: str) -> bool:
        """Whether a user may make one now; then it has. The same request again is no other one."""
        if not self.rate or request in self._requests:
            return True
        now = time.monotonic()
        left, then = self._left.get(user, (max(self.rate, 1.0), now))
        left = min(left + (now - then) * self.rate, max(self.rate, 1.0))
        if len(self._left) >= self.most_users:
            self._left.clear()
        self._left[user] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            return False
        if len(self._requests) >= self.most_users:
            self._requests.clear()
        self._requests[request] = None
        return True
