"""What a disturbance does to a stack, and how it is taken back: each says what it did, as run.json keeps it."""

import os
import signal
from dataclasses import dataclass

from harness.errors import StackError
from harness.plan.disturbance import POSTGRES, TARGET, Disturbance
from harness.stack import disk, process, user_command
from harness.stack.postgres import Postgres
from harness.stack.services import Services
from harness.stack.stack import Stack

SETTING = "PERF_DISTURB_CMD"
WOKEN_AFTER_S = 2.0
"""How much later than planned what is stopped goes on, if the pipeline is not there any more to see to it."""
STATE = "{state}"
"""In the command: it is called again when the stage ends, with `end` instead of `begin`."""


@dataclass(frozen=True)
class Done:
    """What came of it."""

    said: str
    count: int | None
    """How many processes, connections, answers or pieces it was done to; None if that is not known."""
    exit_code: int | None = None
    """That of the command that did it, if one did."""


def by_command(disturbance: Disturbance, target: bool, postgres: bool) -> bool:
    """Whether only PERF_DISTURB_CMD can do it: what is disturbed is not ours, which `target` and `postgres` may be."""
    if disturbance.verb in ("command", "fill"):
        return disturbance.verb == "command" or not postgres
    if disturbance.line == POSTGRES:
        return not (target and postgres)
    return not (postgres if disturbance.what == POSTGRES else target)


def is_command(stack: Stack, disturbance: Disturbance) -> bool:
    """The same, of a stack."""
    return by_command(disturbance, stack.services is not None, stack.postgres is not None)


def begin(stack: Stack, disturbance: Disturbance) -> Done:
    """Disturb; what was done. StackError if it can't be done, and says why."""
    if is_command(stack, disturbance):
        return _command(stack, disturbance, "begin")
    match disturbance.verb:
        case "kill":
            return _again(stack, disturbance.what, signal.SIGKILL, "killed")
        case "restart":
            return _again(stack, disturbance.what, signal.SIGTERM, "ended in order")
        case "stop":
            pids = _send(stack, disturbance.what, signal.SIGSTOP)
            stack.waking.append(process.woken_in(disturbance.amount + WOKEN_AFTER_S, pids))
            return Done(f"{_named(disturbance.what, len(pids))} stopped", len(pids))
        case "fill":
            return _fill(stack)
    wish = {"cut": "cut", "delay": "delay", "drop": "share", "throttle": "rate"}[disturbance.verb]
    told = stack.lines[disturbance.line].ask(**{wish: disturbance.amount or 1.0})
    if disturbance.verb == "cut":
        return Done(f"{told['cut']:,} connections reset", told["cut"])
    return Done("", None)  # what comes of it is known at its end


def end(stack: Stack, disturbance: Disturbance) -> Done:
    """Take it back; what came of it. StackError if that can't be done."""
    if is_command(stack, disturbance):
        return _command(stack, disturbance, "end")
    if disturbance.verb == "stop":
        pids = _send(stack, disturbance.what, signal.SIGCONT)
        for waking in stack.waking:
            os.killpg(waking.pid, signal.SIGKILL)
            waking.wait()
        stack.waking.clear()
        return Done(f"{_named(disturbance.what, len(pids))} continued", len(pids))
    if disturbance.verb == "fill":
        disk.clear(_postgres(stack).log.parent)
        _postgres(stack).recovered()
        return Done("given back", None)
    told = stack.lines[disturbance.line].ask()
    if disturbance.verb == "drop":
        return Done(f"{told['dropped']:,} of {told['answers']:,} answers dropped", told["dropped"])
    return Done(f"{told['late']:,} pieces held back", told["late"])


def _command(stack: Stack, disturbance: Disturbance, state: str) -> Done:
    said = disturbance.what if disturbance.verb == "command" else disturbance.text
    code = user_command.run(SETTING, stack.disturb_command, {"disturbance": said, "state": state})
    return Done("", None, code)


def _again(stack: Stack, what: str, number: signal.Signals, done: str) -> Done:
    if what == POSTGRES:
        kills = number is signal.SIGKILL
        _postgres(stack).restart(signal.SIGQUIT if kills else signal.SIGINT)
        return Done(f"PostgreSQL {'ended at once' if kills else done} and started again", 1)
    services = _services(stack)
    count = services.again(_of(services, what), number)
    return Done(f"{_processes(count)} {done} and started again", count)


def _send(stack: Stack, what: str, number: signal.Signals) -> list[int]:
    """Send it to all that is meant; the processes (negative: process groups) that got it."""
    if what == POSTGRES:
        return _postgres(stack).send(number)
    services = _services(stack)
    return [-group for group in services.send(_of(services, what), number)]


def _named(what: str, count: int) -> str:
    return "PostgreSQL" if what == POSTGRES else _processes(count)


def _processes(count: int) -> str:
    return f"{count} process{'es' * (count != 1)}"


def _fill(stack: Stack) -> Done:
    folder = _postgres(stack).log.parent
    _postgres(stack).crashes_from_now()
    try:
        taken = disk.fill(folder)
    except OSError as error:
        raise StackError(f"{folder}: {error.strerror}: expected a disk on which room can be taken") from None
    return Done(f"{taken / 1e6:,.0f} MB taken, all that was free", taken)


def _postgres(stack: Stack) -> Postgres:
    assert stack.postgres is not None
    return stack.postgres


def _services(stack: Stack) -> Services:
    assert stack.services is not None
    return stack.services


def _of(services: Services, what: str) -> list[str]:
    """The names of the services that are meant."""
    return services.names if what == TARGET else [what]
