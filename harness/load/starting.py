"""What START, EDIT and STOP of Locust's own page do in a run of the pipeline; the answers are those that it shows.

Locust would take what the form has for its options, its host, and whatever else is named there.
"""

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import gevent

from harness import guard, steered
from harness.errors import GuardError
from harness.reported import VERDICT
from harness.settings import Settings
from harness.window import AGAIN

if TYPE_CHECKING:
    from locust.env import Environment

    from harness.load.session import Session
    from harness.load.workers import Coordinator

ANSWERED_S = 0.3
"""How long the page has to hear that a new run begins, before the process ends that says so."""

Answer = tuple[bool, str]
"""Whether it is done, and what is said of it."""


def start(environment: "Environment", load: "Session | Coordinator | None", form: Mapping[str, str]) -> Answer:
    """START: the first begins by itself, a second one begins a run. EDIT: how much load there is from now on."""
    if why := elsewhere(form, environment.host):
        return False, why
    if load is None:
        return True, "the load begins by itself, as its plan says"
    if load.closed:
        return _again(environment, load)
    return _change(load, form)


def stop(load: "Session | Coordinator | None") -> bool:
    """STOP: the load ends; whether it does so by itself, or else by Locust's own stop, which loses what workers do."""
    if load is None or load.closed:
        return False
    load.end("Stop in the web UI")
    return not load.alone


def elsewhere(asked: Mapping[str, str], host: str | None) -> str:
    """Why a start is refused that names another target; "" if it does not."""
    named = asked.get("host")
    if not named or not host or named == host:
        return ""
    return f"the target is {host}, and can't be changed here: what its database holds is compared with its answers"


def barred(form: Mapping[str, str]) -> str:
    """Why a start without a run is refused, whose form may name any host; "" if that may be loaded."""
    try:
        if form.get("host"):
            guard.may_load(form["host"], Settings(), "host")
    except GuardError as error:
        return str(error)
    return ""


def editable(load: "Session | Coordinator | None") -> bool:
    """Whether EDIT changes anything at this moment: the number of users, or the rate of arrivals."""
    if load is None or load.scenario is None or load.began is None:
        return False
    return not load.closed and not load.over() and not steered.fixed(load.scenario)


def _again(environment: "Environment", load: "Session | Coordinator") -> Answer:
    """End this process in such a way that the pipeline begins again; not before it has reported this run."""
    assert load.run is not None
    folder = load.run.folder
    if any(folder.glob("machine-*.jsonl")):
        return False, "its load came from other machines, which serve one run: begin the next where this one was begun"
    if not (folder / VERDICT).exists():
        return False, "this run is being verified and reported: the next can begin when its verdict is there"
    environment.process_exit_code = AGAIN
    assert environment.web_ui is not None
    gevent.spawn_later(ANSWERED_S, environment.web_ui.stop)
    return True, "a new run begins, in a folder of its own"


def _change(load: "Session | Coordinator", form: Mapping[str, str]) -> Answer:
    """From now on to the end of the plan there is as much load as the form says."""
    assert load.scenario is not None
    assert load.run is not None
    if why := steered.fixed(load.scenario):
        return False, why
    if load.began is None or load.over():
        return False, "the load can be changed while it goes on: it is about to begin, or to end"
    second = round((time.monotonic_ns() - load.began) / 1e9 + load.lead, 3)
    if second >= load.scenario.seconds:
        return False, "the plan is nearly done: nothing would come of it"
    change = _asked(load.scenario.open, form)
    asked = change.get("rate", change.get("users"))
    if asked is None:
        words = "rate, in arrivals a second" if load.scenario.open else "user_count, a number, and spawn_rate above 0"
        return False, f"expected {words}"
    if asked > steered.most(load.scenario):
        return False, f"expected at most {steered.most(load.scenario):,g}, {steered.MOST} times as much as the plan has"
    load.change({"second": second, **change})
    steered.add(load.run.folder, {"second": second, **change})
    return True, f"{steered.said([{'second': second, **change}])}: this run is compared with no other"


def _asked(rate: bool, form: Mapping[str, str]) -> dict[str, float]:
    """The rate of arrivals, or the number of users, that a form asks for; empty if it is none."""
    try:
        if rate:
            asked = {"rate": float(form["rate"])}
        else:
            asked = {"users": int(form["user_count"]), "spawn": float(form["spawn_rate"])}
    except (KeyError, ValueError, OverflowError):
        return {}
    fit = all(math.isfinite(value) and value >= 0 for value in asked.values())
    return asked if fit and asked.get("spawn", 1) > 0 and asked.get("rate", 1) > 0 else {}
