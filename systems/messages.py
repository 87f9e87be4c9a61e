"""Messages: a pool of users that exist, and messages to them that are stored once and delivered once.

What seeding, users, target and verification must agree on. The wire format and the size of the pool are in
`systems/messages.toml` ([contract], [pool]): user 1 … user `users` exist, each with the id `ids.uuid_of(n)`, and the
`strangers` after them do not, and never will: a message to one must be refused.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta, timezone
from functools import cache
from typing import Any

from systems import ids
from systems.effect import Effect

TIMEZONES = (
    "America/New_York",
    "America/Los_Angeles",
    "America/Chicago",
    "Europe/London",
    "Asia/Tokyo",
    "Australia/Sydney",
)
MESSAGE_TYPES = ("BIRTHDAY", "ANNIVERSARY")

SCHEDULED, SENT, FAILED = "SCHEDULED", "SENT", "FAILED"
"""The life of a message: SCHEDULED, then SENT (with sent_at) or, after MAX_RETRIES, FAILED; never back."""

STATUSES = {"status_scheduled": SCHEDULED, "status_sent": SENT, "status_failed": FAILED}
"""These, by the names of the words for them in [database]."""

POOL = (
    "user_id",
    "first_name",
    "last_name",
    "email",
    "timezone",
    "birthday_date",
    "anniversary_date",
    "location_city",
    "location_country",
    "user_created",
)
"""The columns of the users that seeding fills, as [database] calls them."""
DATES = ("birthday_date", "anniversary_date")

LIFE = ("scheduled_send_time", "status", "created", "sent")
"""The columns that tell what became of a message, and when."""

MAY_LACK = frozenset({*POOL[1:], "message_type", "retry_count", *LIFE, "key"})
"""The columns that another implementation may not have: "" in [database]."""


def pool_count_sql(names: Mapping[str, str]) -> str:
    """How many users of the pool there are now; `names` are those of [database], as SQL has them."""
    # Strangers begin like the pool too: one that came to exist is a change of the pool.
    return f"SELECT count(*) FROM {names['users']} WHERE {names['user_id']} {ids.POOL_SQL}"


def pool_digest_sql(names: Mapping[str, str]) -> str:
    """The md5 of the pool's current rows: of the very text that COPY would have loaded to make them."""
    fields = ", ".join(_as_loaded(column, names[column]) for column in POOL if names[column])
    return rf"""
SELECT md5(coalesce(string_agg(line || chr(10), '' ORDER BY id), '')) FROM (
    SELECT {names["user_id"]} AS id, concat_ws(chr(9), {fields}) AS line
    FROM {names["users"]} WHERE {names["user_id"]} {ids.POOL_SQL}
) AS pool
"""


def _as_loaded(column: str, name: str) -> str:
    """SQL for what stands in a column, as it is loaded."""
    text = f"{name}::text"
    if column in DATES:
        text = f"to_char({name}::date, 'YYYY-MM-DD')"
    if column == "user_created":
        text = f"to_char({name}::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS+00')"
    return rf"coalesce({text}, E'\\N')"


SEND_TIMES = 86_400
"""Messages are due in this many different seconds: operation n at the n-th, counted backwards from the run's birth."""

LATER_S = 30 * 86_400
"""Those of kind `later` are due so long after that: cleaning removes them before."""

MAX_RETRIES = 3
"""How often a delivery that failed is tried again before its message is FAILED."""

NOTIFY_CHANNEL = "messages_scheduled"
"""The PostgreSQL channel on which the API notifies the delivery workers of work."""

MIX = {"process": 93, "repeat": 2, "conflict": 1, "stranger": 2, "race": 1, "later": 1}
"""Of every 100 operations, how many are of which kind.

process   a new message to a user of the pool; must be acknowledged, or answered as a replay: something on the way may
          have sent it twice
repeat    an earlier, acknowledged message again, same key and body; must be answered as a replay
conflict  an earlier key with another body; must be rejected, and the first body kept
stranger  a new message to a user that does not exist; must be rejected, and nothing stored
race      a new message sent twice at the same instant with one key; one is acknowledged, the other is a replay
later     a new message that is due long after the run; must be acknowledged like a new one, and not be sent

The last five are there so that idempotency, rejection and due times are exercised in every run: a check of
something that never happened proves nothing.
"""

NEEDS = {"repeat": ("process",), "conflict": ("process",)}
"""The kinds that can be done only if one of these is done, too: they send again what that sent."""

EXPECTED = {
    "process": ("ACK", "REPLAY"),
    "repeat": ("REPLAY",),
    "conflict": ("REJECT",),
    "stranger": ("REJECT",),
    "race": ("ACK", "REPLAY"),
    "later": ("ACK", "REPLAY"),
}
"""The outcomes that an operation of each kind may have; any other is an error of the target."""

EFFECTS = {
    "process": {"ACK": Effect()},
    "repeat": {},
    "conflict": {},
    "stranger": {},
    "race": {"ACK": Effect()},
    "later": {"ACK": Effect(until="stored")},
}
"""What an outcome of each kind leaves: one message, stored when it is acknowledged. A replay leaves nothing new."""

POINTS = ("stored", "sent")
"""The times that the database holds of a message: when it was stored, and when it was sent."""


def points_of(database: Mapping[str, Any]) -> tuple[str, ...]:
    """Those that this database holds; POINTS[0] if it holds none, which then nobody knows."""
    columns = {"stored": "created", "sent": "sent"}
    return tuple(point for point in POINTS if database[columns[point]]) or POINTS[:1]


ITEMS = "messages"
"""What the effects are called."""

ROWS = ("messages", "key")
COMPLETED = "sent"
"""The table that has them, and its column of keys, as [database] calls them: there the monitor looks for them."""


def message_type(op: int) -> str:
    """The type of the message that operation `op` sends."""
    return MESSAGE_TYPES[op % len(MESSAGE_TYPES)]


PLAIN = "Proofload message {op}: many happy returns of the day."
CONTENTS: Mapping[str, tuple[str, ...]] = {
    "empty": ("",),
    "lengths": ("x", *(PLAIN.ljust(n + len("{op}") - 1, "x") for n in (255, 256, 1_000))),
    # Composed and not, beyond 16 bits, joined, from right to left.
    "unicode": (
        "Zo\u00eb {op}",
        "Zoe\u0308 {op}",
        "\U0001f382 {op} \U0001f469\u200d\U0001f467",
        "\u05e9\u05dc \u0639\u064a {op}",
    ),
    "blanks": ("  {op} on both sides  ", "{op} and a tab\t", "{op} and one that does not break\u00a0"),
    "quotes": ("{op} 'once' \"twice\" `thrice` \\ \\n %s $1 ; -- <b>&amp;</b>",),
    "control": ("{op}\nand\r\nmore\x01\x1f\x7f",),
}
"""The texts by which a service shows that it keeps what it was given, by class; {op} is the number of the operation.

Which classes a service allows is `content` in [contract]. Every fourth message has one of these texts in turn.
"""
OFTEN = 4
OFFSETS = (0, 330, -480, 840)
"""Minutes from UTC in which due times are written."""


PLAIN_CONTENT = "{content}"


def text_of(contract: Mapping[str, Any]) -> str:
    """The template of the text that a message is stored with: the text in `body` that has {content}."""
    found = [text for text in _texts(contract["body"]) if PLAIN_CONTENT in text]
    return PLAIN_CONTENT if PLAIN_CONTENT in found or not found else found[0]


def _texts(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    for part in body.values() if isinstance(body, Mapping) else body if isinstance(body, list) else ():
        yield from _texts(part)


def stored_text(
    template: str, run: str, op: int, user: int, key_of: int, special: Sequence[str], later: bool = False
) -> str:
    """The text that operation `op` sends, by the `template` of it."""
    if template == PLAIN_CONTENT:
        return content(op, special)
    words_of = dict(zip(WORDS, values(run, op, user, key_of, special, later), strict=True))
    return re.sub(r"\{(\w+)\}", lambda found: words_of[found[1]], template)


KEYED = ("repeat", "conflict", "race")
"""The kinds that send a key again."""


def unsent(_contract: Mapping[str, Any], _given: object, database: Mapping[str, Any]) -> dict[str, str]:
    """The kinds that such a service can't be sent, and why."""
    return dict.fromkeys(KEYED, "key") if not database["key"] else {}


def texts(allowed: Iterable[str]) -> tuple[str, ...]:
    """The texts of these classes, besides the plain one."""
    return tuple(text for name in CONTENTS if name in set(allowed) for text in CONTENTS[name])


ALL_TEXTS = texts(CONTENTS)


def content(op: int, special: Sequence[str] = ALL_TEXTS) -> str:
    """The text of the message that operation `op` sends; the plain ones differ for all operations of a run."""
    turn, rest = divmod(op, OFTEN)
    text = PLAIN if rest or not special else special[turn % len(special)]
    return text.replace("{op}", str(op))


def contents(ops: Iterable[int], special: Sequence[str] = ALL_TEXTS) -> list[str]:
    """`content` of each of these operations, for a million at once."""
    plain, others = PLAIN.split("{op}"), [text.split("{op}") for text in special]
    return [str(op).join(plain if op % OFTEN or not others else others[op // OFTEN % len(others)]) for op in ops]


def before_birth(op: Any, later: Any = False) -> Any:
    """How many µs before the birth of its run the message of operation `op` (or of each of an array) is due: past, but
    for those that are due `later`; each third with a fraction of a second.
    """
    past = (1 + op % SEND_TIMES) * 1_000_000 - (op % 3 == 1) * (op % 1_000_000 * 7_919 % 1_000_000)
    return past - later * (LATER_S * 1_000_000)


def scheduled_send_time(run: str, op: int, later: bool = False) -> str:
    """When the message of operation `op` is due, ISO 8601 with one of OFFSETS."""
    due = _born(run) - timedelta(microseconds=before_birth(op, later))
    return due.astimezone(_ZONES[op % len(_ZONES)]).isoformat()


_born = cache(ids.born)
_ZONES = tuple(timezone(timedelta(minutes=minutes)) for minutes in OFFSETS)


WORDS = ("user", "type", "time", "content", "key")
"""What a request can have in braces: [contract] has its route, headers and body."""
PLAIN_WORDS = ("user", "type", "time", "key")
"""Those that can be in a route and in headers."""


TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "process": ("user",),
    "headers": PLAIN_WORDS,
    "body": WORDS,
}
"""The keys of [contract] that may have words in braces, and which."""
_NEEDED = {
    "user": "a message must name its user",
    "content": "what is stored is compared with it",
    "key": "a stored message is found by its key",
}


def words(contract: Mapping[str, Any]) -> set[str]:
    """The words that a request has anywhere."""
    return set(re.findall(r"\{(\w+)\}", json.dumps([contract[part] for part in TEMPLATES])))


def wrong(
    contract: Mapping[str, Any], database: Mapping[str, Any], mix: Mapping[str, int], _rounds: bool, _given: bool
) -> Iterator[tuple[str, str, str]]:
    """What a plan can't mean: the table of the plan, the word in it, and what was expected."""
    if not database["key"] and "{key}" not in text_of(contract):
        yield (
            "database",
            "key",
            "key = '': a stored message is told by its key: expected it in its text, as in body = { text = "
            "'{content} {key}' }",
        )
    if "later" in mix and not database["scheduled_send_time"]:
        yield (
            "database",
            "scheduled_send_time",
            "scheduled_send_time = '': which messages are due is not known: expected a mix without `later`",
        )
    for word, why in _NEEDED.items():
        if word not in words(contract):
            yield (
                "contract",
                "body",
                f"body = {contract['body']!r}: expected {{{word}}} somewhere in body or headers: {why}",
            )
    if "later" in mix and "time" not in words(contract):
        yield (
            "contract",
            "body",
            f"body = {contract['body']!r}: expected {{time}} in it, for `later` sends what is due later; or a mix "
            "without that kind",
        )
    if contract["unknown_user"] == contract["used_key"]:
        yield (
            "contract",
            "unknown_user",
            f"unknown_user = {contract['unknown_user']}: expected another status than used_key: the two can't be told "
            "apart",
        )


def sample(
    contract: Mapping[str, Any], _pool: Mapping[str, Any], _mix: Mapping[str, int]
) -> tuple[str, Mapping[str, str], Any, Mapping[str, str]]:
    """A request as it is sent: route, headers, body, and what stands for the words in them."""
    said = values(ids.SAMPLE_RUN, 1, 1, 1)
    return contract["process"], contract["headers"], contract["body"], dict(zip(WORDS, said, strict=True))


def answers(contract: Mapping[str, Any]) -> list[tuple[int, str]]:
    """The answers that are understood: status, and what it means."""
    told, same = contract["message_id"], contract["same"]
    stored = f"its id in {told}" if told else "its id is not told"
    used = "the key was used before; whether for the same message is not told"
    if same:
        used = f"the key was used before: a replay if {same} is true ({stored}), refused if it is false"
    return [
        (contract["created"], f"a new message, stored; {stored}"),
        (contract["used_key"], used),
        (contract["unknown_user"], "no such user, nothing stored"),
    ]


def values(
    run: str, op: int, user: int, key_of: int, special: Sequence[str] = ALL_TEXTS, later: bool = False
) -> tuple[str, str, str, str, str]:
    """What stands for WORDS in operation `op` to user number `user`, under the key of operation `key_of` (itself, if
    new).
    """
    return (
        ids.uuid_of(user),
        message_type(op),
        scheduled_send_time(run, op, later),
        content(op, special),
        ids.key(run, key_of),
    )
