"""An authorization that is not what it must be: by how much it is off, and the operations that can't all be right."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.outcomes import DONE, Outcome
from systems.authorizations import MOVES
from verification.arrays import Array, Mask
from verification.authorizations.moves import TO_SCHEDULED, TO_USED, Said
from verification.ledger import Ledger

FEW = 2
"""Where no two operations contradict each other, so many are shown."""


def lines(ledger: Ledger, here: Mask, said: Said) -> Array:
    """The first two operations on an authorization (those that are `here`) that made one state of it, each under a key
    of its own: one of them replaced what the other had done. Else the first two that were under way at once, or just
    the first.
    """
    ops = ledger.ops
    own = (ops["op"] == ops["key_of"]).to_numpy()
    done = np.flatnonzero(here & own & ledger.outcome(Outcome.ACK))
    order = done[np.argsort(ops["start"].to_numpy()[done], kind="stable")]
    told = order[(said.version[order] > 0) & ~said.another[order]]
    _, place, times = np.unique(said.version[told], return_inverse=True, return_counts=True)
    if (times > 1).any():
        twice = np.flatnonzero(times[place] > 1)[0]
        return told[np.flatnonzero(place == place[twice])[:2]]
    start, end = ops["start"].to_numpy()[order], ops["end"].to_numpy()[order]
    together = np.flatnonzero(start[1:] < end[:-1])
    if len(together):
        return order[together[0] : together[0] + 2]
    return order[:FEW] if len(order) else np.flatnonzero(here & ledger.outcome(*DONE, Outcome.UNKNOWN))[:FEW]


def sentence(account: Mapping[str, Any]) -> str:
    """What was expected of an authorization by its moves, and what is there."""
    seeded, stands = account["seeded"], account["stands"]
    moved = account.get("moved", account["asked"])
    units = np.array([moved[move] for move in MOVES])
    changes = {"used": TO_USED, "scheduled": TO_SCHEDULED}
    expected = {name: seeded[name] + int(units @ change) for name, change in changes.items()}
    said = [
        f"{stands[name]:,} units {name} where {expected[name]:,} are expected"
        for name in expected
        if stands[name] != expected[name]
    ]
    if not said:
        said = [f"{stands['used']:,} units used and {stands['scheduled']:,} scheduled of {seeded['total']:,}"]
    if "movements" in account and stands["version"] not in (0, account["movements"]):
        said.append(f"version {stands['version']:,} after {account['movements']:,} movements")
    if stands["total"] != seeded["total"]:
        said.append(f"a total of {stands['total']:,} where {seeded['total']:,} were seeded")
    missing = [
        f"{account['asked'][move] - moved[move]:,} units to {move} were acknowledged and are in no movement"
        for move in MOVES
        if account["asked"][move] > moved[move]
    ]
    told = f": {', and '.join(missing)}" if missing else ""
    return f"Authorization {account['authorization']} has {', and '.join(said)}{told}."
