"""A call at a moment of the kernel's clock. The loop's own timers wait for whole milliseconds, rounded up."""

import ctypes
import os
import time
from collections.abc import Callable

from gevent import get_hub

FROM_NOW = 0
"""No TFD_TIMER_ABSTIME of timerfd_settime(2): the moment may be of a clock that is another than the kernel's."""
READ = 1
"""What the loop's watcher waits for."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Setting(ctypes.Structure):
    """struct itimerspec: rings once."""

    _fields_ = (
        ("every_s", ctypes.c_long),
        ("every_ns", ctypes.c_long),
        ("at_s", ctypes.c_long),
        ("at_ns", ctypes.c_long),
    )


class Alarm:
    """Calls `ring` in the hub of this thread, once for each moment that it was set to; `close` it."""

    def __init__(self, ring: Callable[[], None]) -> None:
        """OSError if the kernel has no timer left for this process."""
        self._ring = ring
        self._file = _libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._setting = _Setting()
        self._given = ctypes.byref(self._setting)
        self._watcher = get_hub().loop.io(self._file, READ)
        self._set = False

    def at(self, moment: int) -> None:
        """Ring at that moment (ns of our monotonic clock), in place of an earlier one; at once if it has passed."""
        # 0 would turn the timer off.
        self._setting.at_s, self._setting.at_ns = divmod(max(moment - time.monotonic_ns(), 1), 1_000_000_000)
        _libc.timerfd_settime(self._file, FROM_NOW, self._given, None)
        if not self._set:
            self._set = True
            self._watcher.start(self._rung)

    def close(self) -> None:
        """Never ring again."""
        if self._file >= 0:
            self._watcher.stop()
            self._watcher.close()
            os.close(self._file)
            self._file = -1

    def _rung(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:
            return  # it was set anew after it had rung: that moment is still to come
        # Stopped first: a loop that waits for nothing else must be able to see that. To start it again within the call
        # costs no system call.
        self._watcher.stop()
        self._set = False
        self._ring()
