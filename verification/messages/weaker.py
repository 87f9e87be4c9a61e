"""What a service does not have or tell, or a plan does not send: no check claims to know it, and it is said."""

from collections.abc import Mapping, Sequence

from harness.plan.scenario import Scenario
from systems import messages
from verification.checks import Check
from verification.messages.sent import EXPECTED

APPLIES: Mapping[str, frozenset[str]] = {
    "MP4": frozenset({"repeat", "race"}),
    "MP5": frozenset({"conflict"}),
    "MP6": frozenset({"race"}),
    "MP8": frozenset({"later"}),
}
"""The kinds of operations of which a check needs one, if it needs any."""
NEEDED: Mapping[str, Sequence[Sequence[str]]] = {
    "X6": (("status", "sent"), ("sent", "created")),
    "MP3": (("status",), ("sent",)),
    "MP8": (("status",), ("sent",)),
    "MP1": (("key",),),
    "MP1I": (("key",),),
}
"""The columns of which a check needs all of one of these sets."""
UNSTORED: Mapping[str, str] = {
    "key": "a message is told by the key in its text, and nothing is known of requests that arrive twice",
    "scheduled_send_time": "that it is stored as it was sent is not compared, and every message counts as due",
    "status": "a message counts as sent if it has a time at which it was, and none is known to have failed",
    "created": "when it was stored is known by looks during the load only (X9)",
    "sent": "when it was sent is not known",
}
"""What the checks can't know without a column."""
NEW = frozenset({"process", "race", "later"})
FEEDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("X6", "MP1", "MP2"), NEW),
    "MP3": NEW - {"later"},
}
"""The kinds that give a check something to compare, where others may leave it without."""
UNTOLD: Mapping[str, str] = {
    "MP4": "Every replay was answered with the id of the stored message, or with none, and the message is stored.",
    "MP5": "Another body under a used key was not accepted, and the first one kept.",
}
"""What a check claims where the contract does not tell a repeated message from another one under its key."""


def lacking(check: str, scenario: Scenario) -> str:
    """Why a check can't be made for a plan; "" if it can."""
    kinds = set(scenario.expected)
    if not kinds & APPLIES.get(check, kinds):
        return f"the plan's mix has no {' or '.join(sorted(APPLIES[check]))}"
    if check == "MP4" and not scenario.contract["message_id"]:
        return "no answer tells the id of a message (message_id)"
    ways = NEEDED.get(check, ((),))
    if not any(all(scenario.database[name] for name in way) for way in ways):
        return f"the table of messages has no {' or '.join(' and '.join(way) for way in ways)}"
    return ""


def unfed(check: str, kinds: set[str]) -> str:
    """Why the mix may give a check nothing to compare; "" if it always does."""
    return "" if kinds & FEEDS.get(check, kinds) else f"the plan's mix has no {' or '.join(sorted(FEEDS[check]))}"


def title(check: Check, scenario: Scenario) -> str:
    """What a check claims by this contract."""
    names = scenario.database
    if check.id == "X6" and not (names["status"] and names["sent"]):
        return "No message was sent before it was stored."
    if check.id == "X6" and not names["created"]:
        return "Every delivery is whole: SENT with the time it was sent."
    if check.id == "MP7" and not {"repeat", "conflict"} & set(scenario.expected):
        return "No definite answer was false: a new message is accepted, a stranger refused; no key was sent again."
    return check.title if scenario.contract["same"] else UNTOLD.get(check.id, check.title)


def weakened(scenario: Scenario, made: Sequence[Check]) -> list[str]:
    """What makes the checks of the system, `made`, say less than they could."""
    contract = scenario.contract
    said = []
    if not scenario.database["message_type"]:
        said.append("The table of messages has no type: that it is stored as it was sent is not compared.")
    for column, what in UNSTORED.items():
        if not scenario.database[column] and (column != "status" or scenario.database["sent"]):
            said.append(f"The table of messages has no {column}: {what}.")
    if unsent := [column for column, word in EXPECTED.items() if word not in messages.words(contract)]:
        said.append(f"A request has no {' and no '.join(unsent)}: what is stored there is not compared.")
    if not contract["message_id"]:
        said.append(
            "No answer tells the id of a message (message_id): that the stored row is the one that was answered is not "
            "known; rows are told by their key alone."
        )
    if not contract["same"] and scenario.expected.keys() & APPLIES["MP5"]:
        said.append(
            f"The status {contract['used_key']} does not tell a repeated message from another one under its key "
            "(same): whether another body was refused is judged by the row that is stored (MP5), not by the answer."
        )
    reasons: dict[str, list[str]] = {}
    for check in made:
        if why := lacking(check.id, scenario):
            reasons.setdefault(why, []).append(check.id)
    return said + [f"Left out, as {why}: {', '.join(checks)}." for why, checks in reasons.items()]
