"""A command of the user's own does to a target elsewhere what we do to ours: PERF_SCALE_CMD, PERF_DISTURB_CMD."""

import shlex
import subprocess
from collections.abc import Mapping

from harness import ambient
from harness.errors import CommandError, StackError

TIMEOUT_S = 60.0


def run(setting: str, command: str, values: Mapping[str, str]) -> int:
    """Run `command` with each {name} of `values` in its place, and the whole environment; its exit code, which is 0.

    StackError if it can't be run or takes too long, CommandError if it fails; `setting` is the variable that has it.
    """
    words = shlex.split(command)
    for name, value in values.items():
        words = [word.replace(f"{{{name}}}", value) for word in words]
    said = f"{setting}: {shlex.join(words)}"
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, env=ambient.whole(), timeout=TIMEOUT_S, start_new_session=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f"{said}: {error}") from None
    if done.returncode:
        raise CommandError(done.returncode, said, done.stderr.strip())
    return done.returncode
