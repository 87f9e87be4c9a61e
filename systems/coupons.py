"""Coupons: a large pool of users, and validations that are answered at once and logged a little later, in batches.

What seeding, users, target and verification must agree on; `systems/coupons_pool.py` has what each coupon is, and the
wire format is in `systems/coupons.toml`. Amounts are whole cents everywhere but on the wire and in the database.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from systems import coupons_pool, ids
from systems.coupons_pool import LEAST_USERS, MOST_USERS
from systems.effect import Effect

NOT_FOUND, STATUS_INACTIVE, STATUS_EXPIRED = "not_found", "inactive", "expired"
NOT_STARTED, NOT_YOURS, BELOW_MINIMUM = "not_started", "wrong_user", "below_minimum"
TOTAL_USED, USER_USED, ORDER_USED = "used_up", "used_by_user", "order_used"
REASONS = (
    NOT_FOUND,
    STATUS_INACTIVE,
    STATUS_EXPIRED,
    NOT_STARTED,
    NOT_YOURS,
    BELOW_MINIMUM,
    TOTAL_USED,
    USER_USED,
    ORDER_USED,
)
"""Why a coupon is not valid: the first of these that is true. A contract has a word for each, `reason_<it>`."""

MIX = {
    "valid": 48,
    "expired": 6,
    "inactive": 5,
    "dated": 3,
    "foreign": 5,
    "unknown": 5,
    "minimum": 5,
    "used_up": 2,
    "used_before": 2,
    "redeem": 5,
    "contend": 3,
    "repeat": 2,
    "switched": 3,
    "switch": 1,
    "coupon": 1,
    "mine": 1,
    "history": 1,
    "listed": 1,
    "flood": 1,
}
"""Of every 100 operations, how many are of which kind.

valid        a coupon that is valid for this user and order
expired      one whose status says that it is expired
inactive     one whose status says that it is inactive
dated        one that is active by its status, but out of its dates
foreign      one that is another user's
unknown      a code that no coupon has; some would match one if they were a pattern of SQL
minimum      an order below the coupon's least value
used_up      a coupon that was used as often as it may be
used_before  one that this user has used, and may use once
redeem       a valid one with an order: it is applied
contend      likewise, of coupons that are used up soon; ten of them are served
repeat       an order that was applied, sent again: a replay
switched     a coupon whose status is switched now and then
switch       its status is set to inactive, or to active again
coupon       GET of one coupon; mine: of the active ones of a user; history: of the uses of one
listed       GET of all that everybody can use now: a long answer
flood        a valid coupon, again and again by one user: where users are limited some of them are refused
"""

READS = ("coupon", "mine", "history", "listed")
VALIDATIONS = tuple(kind for kind in MIX if kind not in ("switch", *READS))
"""The kinds that validate a coupon, and so are logged."""
ORDERS = ("redeem", "contend", "repeat")
"""The kinds that have an order."""

NEEDS = {"repeat": ("redeem", "contend"), "switched": ("switch",)}
"""The kinds that can be done only if one of these is done, too."""

EXPECTED = {
    "valid": ("ACK",),
    **dict.fromkeys(("expired", "inactive", "dated", "foreign", "unknown", "minimum"), ("REJECT",)),
    **dict.fromkeys(("used_up", "used_before"), ("REJECT",)),
    # Something on the way may have sent it twice: then the second answer is a replay.
    "redeem": ("ACK", "REPLAY"),
    "contend": ("ACK", "REPLAY", "REJECT"),
    "repeat": ("REPLAY",),
    "switched": ("ACK", "REJECT"),
    "flood": ("ACK", "SHED"),
    **dict.fromkeys(("switch", *READS), ("ACK",)),
}
"""The outcomes that an operation of each kind may have: `valid: false` is a REJECT, and as good as any other answer."""

_REFUSED = {"REJECT": Effect()}
_LOGGED = {"ACK": Effect(), **_REFUSED}
EFFECTS: dict[str, dict[str, Effect]] = {
    kind: {} if kind not in VALIDATIONS else _REFUSED if outcomes == ("REJECT",) else _LOGGED
    for kind, outcomes in EXPECTED.items()
}
"""What an outcome of each kind leaves: a validation one row of the log, whatever it says. A plan's `eventual` says
within which time after the answer it is written. What an order leaves in the usages has checks of its own.
"""
USER_SQL = """COLLATE "C" BETWEEN 'user_0000000' AND 'user_9999999' AND length({column}) = 12"""
"""What is true of each seeded user; in SQL, to follow the column."""

_POOLED = {
    "users": ("user_id", "user_name", "user_email"),
    "coupons": (
        "coupon_id",
        "coupon_code",
        "coupon_type",
        "discount_type",
        "discount_value",
        "max_discount",
        "min_order",
        "coupon_user",
        "valid_from",
        "valid_until",
        "max_total_uses",
        "max_uses_per_user",
    ),
    "usages": ("usage_id", "usage_coupon", "usage_user", "usage_order"),
}


def pool_digests_sql(names: Mapping[str, str]) -> dict[str, str]:
    """Of users, coupons and earlier usages a query for how many there are, and a digest of what a run leaves as it is:
    of a coupon all but its uses, and the status of those that are switched. `names`: [database], as SQL has them.
    """
    first, last = (ids.uuid_of(coupons_pool.SWITCHED[place]) for place in (0, -1))
    status = (
        f"CASE WHEN {names['coupon_id']}::text BETWEEN '{first}' AND '{last}' "
        f"THEN '{coupons_pool.ACTIVE}' ELSE {names['coupon_status']} END"
    )
    about = {
        "users": f"{names['user_id']} {USER_SQL.format(column=names['user_id'])}",
        "coupons": f"{names['coupon_id']} {ids.POOL_SQL}",
        "usages": f"{names['usage_id']} {ids.POOL_SQL}",
    }
    queries = {}
    for table, columns in _POOLED.items():
        there = [*(names[one] for one in columns), *([status] if table == "coupons" else [])]
        wanted = ", ".join(there)
        # Whatever the order of the rows: a sum of their hashes, of a million in half a second.
        queries[table] = (
            f"SELECT count(*), coalesce(sum(hash_record_extended(ROW({wanted}), 0)), 0)::text "
            f"FROM {names[table]} WHERE {about[table]}"
        )
    return queries


POINTS = ("stored",)
ITEMS = "validations"
ROWS = ("validation_logs", "log_request")

GAUGES = {"log_queue": ("health", "log_queue")}
"""Numbers that the target tells of itself, sampled during the load as target.<name>: the route and the field of its
answer, as [contract] calls them."""

MAY_LACK = frozenset({"log_written", "log_response_ms", "usage_discount"})
"""The columns that another implementation may not have: "" in [database]."""

_COUPON_BITS, _USER_BITS = 13, 20
MOST_AGO = 1 << (63 - _COUPON_BITS - _USER_BITS)


def subject(coupon: int, user: int, ago: int = 0) -> int:
    """What an operation is about, as one number for its journal: a coupon, a user, and how many operations ago the one
    began whose order it sends again.
    """
    return (ago << _USER_BITS | user) << _COUPON_BITS | coupon


def about(subject: Any) -> tuple[Any, Any, Any]:
    """Coupon, user and how many operations ago, of a subject or of an array of them."""
    user = (1 << _USER_BITS) - 1
    return subject & (1 << _COUPON_BITS) - 1, subject >> _COUPON_BITS & user, subject >> (_COUPON_BITS + _USER_BITS)


def order_value(kind: str, op: Any, minimum: Any) -> Any:
    """The value in cents of the order of operation `op` (or of each of an array), of a coupon with that minimum."""
    # Not too many different ones: what is answered to each is computed once.
    step = op % VALUES
    return minimum - 1 - step if kind == "minimum" else minimum + step * 499


VALUES = 61
"""How many values orders of one coupon have."""


def code_sent(kind: str, coupon: int, op: int) -> str:
    """The code that an operation sends: of the kind `unknown` one that no coupon has."""
    known = coupons_pool.code(coupon)
    if kind != "unknown":
        return known
    return (f"NONE-{op % 100_000:05d}", known.replace("-", "_"), known[:-1] + "%")[op % 3]


def order_id(run: str, op: int) -> str:
    """The id of the order that operation `op` sends first."""
    return ids.key(run, op)


def cents(said: object) -> str:
    """An amount of a contract's JSON in cents, as text; itself if it is none of whole cents."""
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return str(said)
    try:
        exact = float(said) * 100
    except ValueError:
        return str(said)
    return str(round(exact)) if abs(exact - round(exact)) < 1e-6 else str(said)


def answer(valid: bool, reason: str, discount: str, final: str) -> str:
    """What a validation was answered, as text: its digest is in the journal."""
    return f"valid {discount} {final}" if valid else f"not valid {reason}"


def switched(coupon: int, status: str) -> str:
    """What the answer to a switch of a status says, as text."""
    return f"{coupons_pool.code(coupon)} {status}"


def seen(text: str, uses: int) -> int:
    """What a read of one coupon said, for a journal: a digest of the text, and how often the coupon was used."""
    return ids.digest(text) >> USES_BITS << USES_BITS | min(uses, MOST_USES)


def seen_list(said: Iterable[str]) -> int:
    """What a read of a list said, for a journal, whatever its order."""
    return ids.digest("\n".join(sorted(said)))


MOST_OF_ROUNDS = 50 * len(coupons_pool.TIGHT)
USES_BITS = 20
MOST_USES = (1 << USES_BITS) - 1


def pool(sizes: Mapping[str, Any], operations: float, rounds: bool) -> dict[str, Any]:
    """What seeding is to make; ValueError if there can't be so many users, or if rounds would meet used coupons."""
    users = sizes.get("users", LEAST_USERS)
    if rounds and operations > MOST_OF_ROUNDS:
        raise ValueError(f"it has more rounds than the {len(coupons_pool.TIGHT)} coupons with few uses left")
    if not LEAST_USERS <= users <= MOST_USERS:
        raise ValueError(f"{users:,} users: expected {LEAST_USERS:,} to {MOST_USERS:,}")
    return {"users": users}


def wrong(
    contract: Mapping[str, Any], _database: Mapping[str, Any], mix: Mapping[str, int], _rounds: bool, _given: bool
) -> Iterator[tuple[str, str, str]]:
    """What a plan can't mean: the table of the plan, the word in it, and what was expected."""
    said = set(re.findall(r"\{(\w+)\}", json.dumps([contract["headers"], contract["body"]])))
    needed = {"code", "user", "value", "request"} | ({"order"} if set(mix) & set(ORDERS) else set())
    why = {
        "request": "a row of the log is found by it",
        "order": "what is applied is found by it; or a mix without redeem, contend and repeat",
    }
    for word in sorted(needed - said):
        yield (
            "contract",
            "body",
            f"body = {contract['body']!r}: expected {{{word}}} somewhere in body or headers: "
            f"{why.get(word, 'a validation is about it')}",
        )


def unsent(contract: Mapping[str, Any], _given: Any, _database: Any) -> frozenset[str]:
    """The kinds that a service with this contract is not sent."""
    return frozenset() if contract["switches"] else frozenset({"switch", "switched"})


TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "headers": ("request",),
    "body": ("code", "user", "value", "order", "request"),
    "coupon": ("code",),
    "mine": ("user",),
    "history": ("id",),
    "switch": ("code",),
}
"""The keys of [contract] that may have words in braces, and which."""


def sample(
    contract: Mapping[str, Any], pool: Mapping[str, Any], mix: Mapping[str, int]
) -> tuple[str, Mapping[str, str], Any, Mapping[str, str]]:
    """A request as it is sent: route, headers, body, and what stands for the words in them."""
    op, one = 1, coupons_pool.coupons(1, pool["users"])[coupons_pool.OPEN[0] - 1]
    value = order_value("redeem", op, one.minimum) / 100
    words = {
        "code": one.code,
        "user": coupons_pool.user_id(1),
        "value": f"{value:.2f}",
        "order": order_id(ids.SAMPLE_RUN, op),
        "request": ids.key(ids.SAMPLE_RUN, op),
    }
    wanted = set(mix) & set(ORDERS)
    body = {
        name: value if text == "{value}" else text
        for name, text in contract["body"].items()
        if wanted or "{order}" not in json.dumps(text)
    }
    return contract["validate"], contract["headers"], body, words


def answers(contract: Mapping[str, Any]) -> list[tuple[int, str]]:
    """The answers that are understood: status, and what it means."""
    valid, reason = contract["valid"], contract["reason"]
    why = f"why is in {reason}" if reason else "why is not told"
    replayed = f"; a replay if {contract['replayed']} is true" if contract["replayed"] else ""
    return [
        (contract["ok"], f"{valid} is true: {contract['discount']} and {contract['final']} are the amounts{replayed}"),
        (contract["ok"], f"{valid} is false: {why}; as good an answer as the other"),
        (contract["limited"], "too many of one user: nothing was done"),
    ]
