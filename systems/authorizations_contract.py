"""What a plan may say of the contract of an authorization service, and what follows from it: kinds that can't be sent,
words that are refused, claims of a token, units that an answer does not tell.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from systems import ids

MOVES = ("reserve", "release", "consume")
"""reserve: scheduled += n; release: scheduled −= n; consume: scheduled −= n, used += n; available = total − both."""

TOKEN_DEFECTS = ("absent", "garbage", "expired", "other key", "alg none", "other audience")
"""What is wrong with a forged token; `token_defects` in [contract] has those that the service refuses.

A forged move is of so many units more than is usual as the place of its defect here says: so the journal has it.
"""

KEYED = ("repeat", "reuse", "race")
"""The kinds that send a key again."""

IDENTIFIED = ("stranger", "forged")
"""The kinds that depend on who is asking."""

COUNTERS = ("used", "scheduled", "available")
"""The fields of an answer that make its total together: one of them follows from the others."""

PLACES = ("practitioner", "organization")
"""What a claim may name in braces: the ids of the practitioner, and of the organization that it belongs to."""

TIMES = ("iat", "exp")
"""The claims that seeding sets: when a token was issued, and when it expires."""

_PLACE = re.compile(r"\{(\w+)\}")

Contract = Mapping[str, Any]


def unsent(
    contract: Contract, given: Mapping[str, Any] | None = None, _database: Contract | None = None
) -> dict[str, str]:
    """The kinds that such a service can't be sent, with a pool `given` by a file, and why."""
    kinds = dict.fromkeys(KEYED, "key_header") if not contract["key_header"] else {}
    if given and len(set(given["staff"])) < 2:
        kinds["stranger"] = "pool"
    if not contract["token_header"]:
        return kinds | dict.fromkeys(IDENTIFIED, "token_header")
    return kinds if contract["token_defects"] else kinds | {"forged": "token_defects"}


def wrong(
    contract: Contract, database: Mapping[str, Any], mix: Mapping[str, int], rounds: bool, given: bool
) -> Iterator[tuple[str, str, str]]:
    """What a plan can't mean: the table of the plan ("": the scenario), the word in it, and what was expected."""
    for word, message in _wrong(contract, database):
        yield "contract", word, message
    if given and database["movements"]:
        yield (
            "",
            "pool",
            'pool: a pool of a file is held against the counters alone: expected movements = "" in [database]',
        )
    needed = ("reserve", "release") if rounds else ()
    if lacking := [move for move in needed if move not in mix]:
        yield "", "mix", f"mix: a round reserves and releases: expected {_listed(lacking)}, too"
    if not set(mix) & set(MOVES):
        yield "", "mix", f"mix = {dict(mix)}: the other kinds need moves: expected some of {_listed(MOVES)}"


def _wrong(contract: Contract, database: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _wrong_claims(contract["claims"])
    for move, stated in contract["conflicts"].items():
        if expected := _wrong_conflict(move, stated):
            yield "conflicts", f"conflicts: {expected}"
    if not contract["key_header"] and database["movements"]:
        yield (
            "key_header",
            "key_header = '': a movement is found by its key: expected movements = \"\" in [database]",
        )


def _wrong_claims(claims: Contract) -> Iterator[tuple[str, str]]:
    if not claims:
        yield "claims", "claims = {}: expected what a token says, such as { sub = '{practitioner}' }"
    for name, value in claims.items():
        if name in TIMES:
            yield "claims", f"claims: {name}: seeding sets it: expected other claims than {_listed(TIMES)}"
        if any("{}" in text for text in _texts(value)):
            yield "{}", f"claims: {name} = {value!r}: expected a word in the braces: {_listed(PLACES)}"


def _wrong_conflict(move: str, stated: object) -> str:
    """What is expected of the refusal of a move instead of `stated`; "" if it is right."""
    if move not in MOVES:
        return f"unknown move {move!r}: expected some of {_listed(MOVES)}"
    if not isinstance(stated, dict) or not stated or set(stated) - {"status", "error"}:
        return f"{move} = {stated!r}: expected {{ status = 400, error = 'Bad Request' }}"
    status, error = stated.get("status", 400), stated.get("error", "")
    if type(status) is not int or not 400 <= status <= 499:
        return f"{move}: status = {status!r}: expected a refusal, 400 to 499"
    if not isinstance(error, str) or not error.isprintable():
        return f"{move}: error = {error!r}: expected a text without control characters"
    return ""


def conflict(contract: Contract, move: str) -> tuple[int, str]:
    """The status of a refusal of `move` for want of units, and its marker; "": the status alone says it."""
    own = contract["conflicts"].get(move, {})
    return own.get("status", contract["conflict"]), own.get("error", contract["insufficient_units"])


def answers(contract: Contract) -> list[tuple[int, str]]:
    """The answers that are understood: status, and what it means."""
    known = unsent(contract)
    told = ", ".join(contract[name] for name in ("total", *COUNTERS, "version") if contract[name])
    again = f"; a replay if {contract['replayed']} is true" if contract["replayed"] else ""
    found = [(contract["done"], f"done; the authorization as it is now, in {told or 'no field'}{again}")]
    refusals: dict[tuple[int, str], list[str]] = {}
    for move in MOVES:
        refusals.setdefault(conflict(contract, move), []).append(move)
    found += [
        (status, f"not enough units to {' or '.join(moves)}, nothing stored{_marked(contract, marker)}")
        for (status, marker), moves in refusals.items()
    ]
    marker = _marked(contract, contract["serialization_exhausted"])
    found.append((contract["exhausted"], f"given up under contention, nothing stored{marker}"))
    if "forged" not in known:
        found.append((contract["unauthorized"], f"refused: the token ({_listed(contract['token_defects'])})"))
    if "stranger" not in known:
        found.append((contract["forbidden"], "refused: the authorization is another organization's"))
    if "reuse" not in known:
        found.append((contract["key_reused"], "refused: the key was used for something else"))
    return found


def _marked(contract: Contract, marker: str) -> str:
    """How a refusal is told from one of a proxy with the same status."""
    return f'; only if {contract["error"]} is "{marker}"' if marker else ""


def claims(contract: Contract, practitioner: int, organization: int) -> dict[str, Any]:
    """What the token of a practitioner says, but for its times."""
    places = {"practitioner": ids.uuid_of(practitioner), "organization": ids.uuid_of(organization)}
    filled: dict[str, Any] = _filled(contract["claims"], places)
    return filled


def untold(contract: Contract) -> list[str]:
    """Which of id, total and the counters an answer does not tell."""
    return [name for name in ("id", "total", *COUNTERS) if not contract[name]]


def tells_units(contract: Contract) -> bool:
    """Whether an answer tells used and scheduled units, or as much as they follow from."""
    return sum(not contract[name] for name in COUNTERS) <= 1


def adds_up(contract: Contract) -> bool:
    """Whether an answer tells enough to be held against the seeded total."""
    return bool(contract["total"]) or not any(not contract[name] for name in COUNTERS)


def units(contract: Contract, said: Mapping[str, Any], seeded: int) -> tuple[int, int, int, bool] | None:
    """Used, scheduled, version (0: not told) of an answer, and whether its numbers make the `seeded` total; None if one
    that it should tell is missing.
    """
    told: dict[str, Any] = {
        name: said.get(contract[name]) for name in ("total", *COUNTERS, "version") if contract[name]
    }
    if not all(type(value) is int for value in told.values()):
        return None
    total = told.get("total", seeded)
    missing = [name for name in COUNTERS if name not in told]
    if len(missing) > 1:
        return 0, 0, told.get("version", 0), total == seeded
    for name in missing:
        told[name] = total - sum(told[other] for other in COUNTERS if other != name)
    used, scheduled = told["used"], told["scheduled"]
    return used, scheduled, told.get("version", 0), used + scheduled + told["available"] == total == seeded


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, places) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, places) for each in value]
    return _PLACE.sub(lambda found: places[found[1]], value) if isinstance(value, str) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    if isinstance(value, str):
        yield value


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
