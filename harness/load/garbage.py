"""How long the garbage collector held up this process."""

import gc
import time


class Garbage:
    """From now on `seconds` grows with each collection, until `close`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0
        gc.callbacks.append(self._told)

    def close(self) -> None:
        """Count no more."""
        gc.callbacks.remove(self._told)

    def _told(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.seconds += time.perf_counter() - self._began
