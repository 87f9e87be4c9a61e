"""Acknowledged messages are stored once and sent once, refused ones never; the pool of users is as it was seeded."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from harness.check import Finding
from harness.database import quoted
from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from harness.run import Run
from systems import ids, messages
from verification import binary, catalogue, checks, constraints, durability, looks, own_checks, rows, surroundings
from verification.arrays import Array, Mask
from verification.before import before
from verification.case import Case, Found, Observation
from verification.checks import Check
from verification.ledger import Ledger, find
from verification.ledger_checks import differs, invariants, raced, replayed
from verification.quiescence import require_own_rows, still
from verification.reading import MOMENT, Reader, reader

COLUMNS = {
    "id": ("message_id", "str"),
    "user_id": ("message_user", "str"),
    "message_type": ("message_type", "str"),
    "message_content": ("message_content", "str"),
    "scheduled_send_time": ("scheduled_send_time", MOMENT),
    "status": ("status", "str"),
    "created_at": ("created", MOMENT),
    "sent_at": ("sent", MOMENT),
}
"""What is read of a message: what [database] calls it, and as what."""


TIMES = {"stored": "created_at", "sent": "sent_at"}
"""The points of a message, and the columns that tell when it reached them."""


def source(names: Mapping[str, Any]) -> rows.Source:
    """Where messages are stored, by the `names` of a plan's [database]."""
    sql = _quoted(names)
    there = {column: (sql[name], dtype) for column, (name, dtype) in COLUMNS.items() if names[name]}
    if status := _status(names):
        there["status"] = (status, "str")
    return rows.Source(
        sql["messages"],
        key=sql["key"] or f"substring({sql['message_content']} from '{ids.PLAIN_KEY}')",
        points={point: column if column in there else "" for point, column in TIMES.items()},
        columns={column: dtype for column, (_, dtype) in there.items()},
        named={column: name for column, (name, _) in there.items()},
    )


def _quoted(names: Mapping[str, Any]) -> dict[str, str]:
    """Tables and columns, as SQL has them."""
    return {key: quoted(name) if name else "" for key, name in names.items() if isinstance(name, str)}


def _literal(text: str) -> str:
    """SQL for a text, in a query with parameters."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def _status(names: Mapping[str, Any]) -> str:
    """SQL for the status of a message, in our words where it is one of theirs; "" if nothing tells it."""
    if not names["status"]:
        sent = f"CASE WHEN {quoted(names['sent'])} IS NULL THEN '{messages.SCHEDULED}' ELSE '{messages.SENT}' END"
        return f"({sent})" if names["sent"] else ""
    column = f"{quoted(names['status'])}::text"
    theirs = [f"WHEN {_literal(names[name])} THEN '{ours}'" for name, ours in messages.STATUSES.items()]
    if all(names[name] == ours for name, ours in messages.STATUSES.items()):
        return column
    return f"(CASE {column} {' '.join(theirs)} ELSE {column} END)"


@dataclass(frozen=True, kw_only=True)
class Messages(Observation):
    """What was read of users and messages."""

    early: pd.DataFrame
    """The run's rows before the drain: op, status, sent_at."""
    keys: constraints.UniqueKey | None
    """None if there is no column of keys."""
    users: constraints.Reference
    pool: int
    """How many users the pool has."""
    expected_pool: int
    """How many the plan asks for."""
    pool_digest: str
    seeded_digest: str | None
    """The digest that seeding recorded; None if there is none."""


def observe(url: str, run: Run, ledger: Ledger) -> Messages:
    """Wait until all is delivered and no client writes, then read all that the checks need, in one snapshot."""
    plain, place = run.scenario.database, source(run.scenario.database)
    names, table, key = _quoted(plain), place.table, place.key
    pending = _pending(place, ledger.run, names["scheduled_send_time"])
    began = before(run)
    with reader(url) as session:
        require_own_rows(session, ledger, url, table, key)
        offset = session.clock_offset()
        kept = durability.read(session, run, [table])
        early = _early(session, ledger.run, place)
        with still(session, ledger, pending, (table, names["users"])) as stillness:
            own = rows.own(session, ledger.run, place, place.columns)
            seen = Messages(
                source=place,
                settings=session.settings(),
                taken=pd.Timestamp(session.row("SELECT now()")[0]),
                clock_offset=offset,
                drained_seconds=stillness.drained_seconds,
                disturbance=stillness.disturbance,
                rows=own if run.scenario.contract["message_id"] else own.drop(columns="id"),
                foreign=rows.foreign(session, ledger.run, place, f"{names['message_user']} {ids.POOL_SQL}", began),
                before=began,
                durability=kept,
                schema=catalogue.read(session, run),
                looks=looks.read(run, table, key),
                own=own_checks.read(session, run.scenario),
                early=early,
                keys=constraints.unique_key(session, plain["messages"], plain["key"], ledger.run, own)
                if plain["key"]
                else None,
                users=constraints.reference(
                    session,
                    plain["messages"],
                    plain["message_user"],
                    plain["users"],
                    (plain["message_id"], plain["user_id"]),
                ),
                pool=session.row(messages.pool_count_sql(names))[0],
                expected_pool=run.scenario.pool["users"],
                pool_digest=session.row(messages.pool_digest_sql(names))[0],
                seeded_digest=run.facts.get("seeding", {}).get("digest"),
            )
    return seen


def _pending(place: rows.Source, run: str, due: str) -> str:
    """SQL for how many messages of `run` are due and not sent; for 0 if no column tells."""
    if "status" not in place.named:
        return "SELECT 0"
    in_time = f"AND {due} <= now() " if due else ""
    return (
        f"SELECT count(*) FROM {place.table} WHERE {place.named['status']} = '{messages.SCHEDULED}' "
        f"{in_time}AND {place.key} LIKE '{run}-%'"
    )


def _early(session: Reader, run: str, place: rows.Source) -> pd.DataFrame:
    """op, status (None, if it is no known one) and sent_at of the messages of `run`, but for keys that name no op."""
    known = (messages.SCHEDULED, messages.SENT, messages.FAILED)
    if "status" not in place.named:
        return pd.DataFrame({"op": [], "status": [], "sent_at": []})
    status = f"array_position(ARRAY{list(known)}, {place.named['status']}) - 1"
    columns = {"status": status, "sent_at": f"{place.named.get('sent_at', 'NULL')}::timestamptz"}
    types = {"status": binary.WHOLE, "sent_at": binary.MOMENT}
    found = session.columns(
        f"SELECT {rows.digits(place.key)}, {binary.selected(columns, types)} FROM {place.table} "
        f"WHERE {rows.whole(place.key)}",
        {"op": binary.HEX, **types},
        rows.of_run(run),
    )
    return pd.DataFrame({**found, "status": np.array([*known, None], object)[found["status"]]})


def case(ledger: Ledger, seen: Messages) -> Case:
    """The messages that were sent beside those that are there."""
    said = messages.words(ledger.scenario.contract)
    there = [column for column, word in EXPECTED.items() if column in seen.rows and word in said]
    template = messages.text_of(ledger.scenario.contract)
    return Case(ledger, seen, lambda run, keys: expected(run, keys, _special(ledger), template)[there])


EXPECTED = {"user_id": "user", "message_type": "type", "message_content": "content", "scheduled_send_time": "time"}
"""The columns that are compared with what was sent, and the words of a request that have it."""


def _special(ledger: Ledger) -> Sequence[str]:
    """The texts that the service allows besides the plain one."""
    return messages.texts(ledger.scenario.contract["content"])


def judge(case: Case) -> list[Finding]:
    """What each of its checks says of it."""
    return checks.judge(checks_of(case.ledger.scenario), case)


def checks_of(scenario: Scenario) -> Sequence[Check]:
    """The checks of a plan: those of what this system promises, and X1 to X11 of the kinds of operations it has."""
    told = scenario.contract["message_id"]
    x1, x2, x3, x4, x5, *rest = invariants(
        "message",
        scenario.expected,
        races="race" in scenario.expected,
        effects=scenario.effects,
        **({} if told else {"answered": ""}),
    )
    kinds = set(scenario.expected)
    own = [check for check in (WHOLE, *CHECKS) if not _lacking(check.id, scenario)]
    whole, *own = [replace(one, unfed=_unfed(one.id, kinds), title=_title(one, scenario)) for one in own]
    return (x1, x2, x3, x4, x5, whole, *rest, *surroundings.checks(scenario), *own)


def _lacking(check: str, scenario: Scenario) -> str:
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


def _unfed(check: str, kinds: set[str]) -> str:
    """Why the mix may give a check nothing to compare; "" if it always does."""
    return "" if kinds & FEEDS.get(check, kinds) else f"the plan's mix has no {' or '.join(sorted(FEEDS[check]))}"


def _title(check: Check, scenario: Scenario) -> str:
    """What a check claims by this contract."""
    names = scenario.database
    if check.id == "X6" and not (names["status"] and names["sent"]):
        return "No message was sent before it was stored."
    if check.id == "X6" and not names["created"]:
        return "Every delivery is whole: SENT with the time it was sent."
    return check.title if scenario.contract["same"] else UNTOLD.get(check.id, check.title)


def weakened(case: Case) -> list[str]:
    """What makes the checks say less than they could."""
    scenario = case.ledger.scenario
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
    for check in (WHOLE, *CHECKS):
        if why := _lacking(check.id, scenario):
            reasons.setdefault(why, []).append(check.id)
    return said + [f"Left out, as {why}: {', '.join(checks)}." for why, checks in reasons.items()]


def expected(
    run: str,
    keys: pd.DataFrame,
    special: Sequence[str] = messages.ALL_TEXTS,
    template: str = messages.PLAIN_CONTENT,
) -> pd.DataFrame:
    """What must be stored under `keys` (key, subject): `systems.messages.body`, for a million at once."""
    op = keys["key"].to_numpy()
    number, which = np.unique(keys["subject"].to_numpy(), return_inverse=True)
    later = (keys["kind"] == "later").to_numpy()
    born = np.datetime64(ids.born(run).replace(tzinfo=None), "us")
    each = zip(op.tolist(), number[which].tolist(), later.tolist(), strict=True)
    return pd.DataFrame(
        {
            "user_id": np.array([ids.uuid_of(n) for n in number.tolist()], object)[which],
            "message_type": [messages.message_type(n) for n in op.tolist()],
            "message_content": [
                messages.stored_text(template, run, n, user, n, special, due_later) for n, user, due_later in each
            ],
            "scheduled_send_time": born - messages.before_birth(op, later).astype("timedelta64[us]"),
        }
    )


def whole(case: Case) -> Found:
    """X6. SENT and sent_at come together, and not before the message was stored."""
    stored = case.rows
    has = stored["sent_at"].notna()
    sent = stored["status"] == messages.SENT
    early = has & ~(stored["sent_at"] >= stored["created_at"]) if "created_at" in stored else has & False
    wrong = np.flatnonzero((sent != has) | early)
    torn = int((sent != has).sum())
    return case.broken(
        len(stored),
        _keys_of(case, wrong),
        f"{torn:,} are {messages.SENT} without sent_at, or have it and are not; "
        f"{len(wrong) - torn:,} were sent before they were stored",
    )


def delivered(case: Case) -> Found:
    """MP3. Whatever was accepted and is due was sent when the time to drain was over, and stayed so."""
    later = _later(case)
    status = case.rows["status"].to_numpy()[~later]
    pending, failed = status == messages.SCHEDULED, status == messages.FAILED
    changed = _not_as_before(case)
    return case.broken(
        len(status),
        np.union1d(_keys_of(case, np.flatnonzero(~later)[pending | failed]), changed),
        f"of {len(status):,} that are due, {int((status == messages.SENT).sum()):,} are {messages.SENT}, "
        f"{int(pending.sum()):,} still {messages.SCHEDULED}, {int(failed.sum()):,} {messages.FAILED}; "
        f"{len(changed):,} are not as they were before the drain",
    )


def _later(case: Case) -> Mask:
    """For each row, whether its message is due after the run only."""
    kinds = case.ledger.keys["kind"].to_numpy()
    known = case.row_key >= 0
    later = np.zeros(len(case.rows), bool)
    later[known] = kinds[case.row_key[known]] == "later"
    return later


def not_yet(case: Case) -> Found:
    """MP8. What is due after the run only is still to be sent."""
    later = np.flatnonzero(_later(case))
    rows = case.rows.iloc[later]
    wrong = (rows["status"] != messages.SCHEDULED).to_numpy()
    if "sent_at" in rows:
        wrong = wrong | rows["sent_at"].notna().to_numpy()
    return case.broken(
        len(later),
        _keys_of(case, later[wrong]),
        f"{int(wrong.sum()):,} messages that are due after the run only are not {messages.SCHEDULED} any more, or sent",
    )


def _not_as_before(case: Case) -> Array:
    """The keys of messages there before the drain that are gone, or were SENT and are no more, or at another time."""
    before = case.seen.early[case.seen.early["op"] >= 0].reset_index(drop=True)
    there = case.rows if "sent_at" in case.rows else case.rows.assign(sent_at=np.datetime64("NaT", "us"))
    # A key with several rows gives several pairs: one that stayed as it was is enough.
    pairs = before.reset_index().merge(there[["op", "status", "sent_at"]], on="op", suffixes=("", "_now"))
    sent, sent_now = pairs["status"] == messages.SENT, pairs["status_now"] == messages.SENT
    stayed = ~sent | (sent_now & ~differs(pairs["sent_at"], pairs["sent_at_now"]))
    changed = np.ones(len(before), bool)
    changed[pairs["index"].to_numpy()[stayed.to_numpy()]] = False
    place, known = find(case.ledger.keys["key"].to_numpy(), before["op"].to_numpy()[changed])
    return np.unique(place[known])


def conflicting(case: Case) -> Found:
    """MP5. An outcome that is not known is no acceptance; but the stored row decides."""
    ledger = case.ledger
    conflicts = np.flatnonzero(ledger.kind("conflict") & (case.copies[ledger.key_place] > 0))
    definite = ledger.outcome(Outcome.ACK, Outcome.REPLAY, Outcome.REJECT)[conflicts]
    accepted = ledger.outcome(Outcome.ACK, Outcome.REPLAY)[conflicts]
    stored = case.rows["message_content"].to_numpy()[case.key_row[ledger.key_place[conflicts]]]
    special, template = _special(ledger), messages.text_of(ledger.scenario.contract)
    sent, first = (
        np.array(
            [
                messages.stored_text(template, ledger.run, op, user, key_of, special)
                for op, user, key_of in ledger.ops.iloc[conflicts][[name, "subject", "key_of"]].itertuples(index=False)
            ],
            object,
        )
        for name in ("op", "key_of")
    )
    overwritten = (stored == sent) & (sent != first)
    return case.broken(
        int(definite.sum()),
        np.unique(ledger.key_place[conflicts[accepted | overwritten]]),
        f"{int(accepted.sum()):,} messages with another body under a used key were accepted, and "
        f"{int(overwritten.sum()):,} replaced the first body",
    )


def answered(case: Case) -> Found:
    """MP7. A definite answer that is not the one for its kind is false, however rare it is: no budget of errors has
    room for it. Another body that was accepted is the matter of MP5, and a race of which one half is stored of MP6.
    """
    ledger, contract = case.ledger, case.ledger.scenario.contract
    status, outcome = ledger.ops["status"].to_numpy(), ledger.ops["outcome"].to_numpy()
    right = np.zeros(len(outcome), bool)
    for kind, outcomes in ANSWERS.items():
        for wanted, name in outcomes.items():
            # Without a status, the outcome is all that is known.
            as_told = (status == contract[name]) | (status == 0) if name else np.ones(len(status), bool)
            right = right | ledger.kind(kind) & (outcome == wanted) & as_told
    accepted = ledger.kind("conflict") & ledger.outcome(Outcome.ACK, Outcome.REPLAY)
    definite = ledger.outcome(Outcome.ACK, Outcome.REPLAY, Outcome.REJECT) & ~accepted
    wrong = np.flatnonzero(definite & ~right)
    lines = ledger.ops.iloc[wrong][["kind", "outcome", "status"]].itertuples(index=False)
    counts = Counter((str(kind), Outcome(said).name, int(code)) for kind, said, code in lines)
    told = "; ".join(f"{kind} {said} with {code}: {n:,}" for (kind, said, code), n in counts.most_common())
    return case.broken(
        int(definite.sum()),
        np.unique(ledger.key_place[wrong]),
        f"{len(wrong):,} definite answers are not what the contract has for them: {told}",
    )


def pool(case: Case) -> Found:
    """POOL. By number and, if seeding left one, by digest."""
    seen: Messages = case.seen
    missing, changed = abs(seen.pool - seen.expected_pool), seen.seeded_digest not in (None, seen.pool_digest)
    if not missing and not changed:
        return Found(
            seen.pool, detail="" if seen.seeded_digest else "only counted: seeding left no digest to compare with"
        )
    return Found(
        seen.pool,
        max(missing, 1),
        f"the pool has {seen.pool:,} users, expected {seen.expected_pool:,}"
        if missing
        else f"the pool has all its {seen.pool:,} users, but they are not as they were seeded",
        {"users": seen.pool, "digest": seen.pool_digest, "seeded_digest": seen.seeded_digest},
        sql=f"{messages.pool_count_sql(_quoted(case.ledger.scenario.database))};",
    )


def _keys_of(case: Case, positions: Array) -> Array:
    """The keys of the rows at `positions`; a row of no operation is the matter of X2."""
    keys = np.unique(case.row_key[positions])
    return keys[keys >= 0]


WHOLE = Check(
    "X6", "Every delivery is whole: SENT with the time it was sent, after it was stored.", "stored messages", whole
)
CHECKS = (
    Check(
        "MP1",
        "Every key is in one row only.",
        "rows of all runs",
        lambda case: constraints.stored_once(case.seen.keys),
    ),
    Check(
        "MP1I",
        "A valid unique index covers the keys.",
        "unique index",
        lambda case: constraints.index_stands(case.seen.keys),
    ),
    Check(
        "MP2",
        "Every message belongs to a user.",
        "rows of all runs against users",
        lambda case: constraints.leads_somewhere(case.seen.users),
    ),
    Check(
        "MP2F",
        "A validated foreign key covers the users.",
        "foreign key",
        lambda case: constraints.foreign_key_stands(case.seen.users),
    ),
    Check("MP3", "Every message that is due was sent, none failed, and none went back.", "due messages", delivered),
    Check(
        "MP4",
        "Every replay was answered with the id of the stored message.",
        "replays against stored messages",
        replayed,
    ),
    Check(
        "MP5",
        "Another body under a used key was rejected, and the first one kept.",
        "messages with another body under a used key",
        conflicting,
    ),
    Check(
        "MP6",
        "Of two equal messages at one instant, one was stored and the other answered as its replay.",
        "races",
        raced,
    ),
    Check(
        "MP7",
        "No definite answer was false: a new message is accepted, a repeated one replayed, another body or a stranger "
        "refused as such.",
        "definite answers",
        answered,
    ),
    Check("MP8", "No message was sent before it was due.", "messages that are due after the run", not_yet),
    Check("POOL", "The pool is as it was seeded.", "users", pool),
)
ANSWERS: Mapping[str, Mapping[Outcome, str]] = {
    # A proxy may have sent it twice: the body tells.
    "process": {Outcome.ACK: "created", Outcome.REPLAY: ""},
    "repeat": {Outcome.REPLAY: ""},
    "conflict": {Outcome.REJECT: "used_key"},
    "stranger": {Outcome.REJECT: "unknown_user"},
    "race": {Outcome.ACK: "created", Outcome.REPLAY: ""},
    "later": {Outcome.ACK: "created", Outcome.REPLAY: ""},
}
"""What an operation of each kind is answered, and the status in the contract for it; "": any."""
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
