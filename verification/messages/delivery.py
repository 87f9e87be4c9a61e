"""What became of each message, and whether that is what its answer said."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from harness.outcomes import Outcome
from systems import messages
from verification.arrays import Array, Mask
from verification.case import Case
from verification.found import Found, Part
from verification.ledger import find
from verification.ledger_checks import differs
from verification.messages.sent import AS_SENT, special
from verification.messages.stored import Messages, quoted_names

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


def whole(case: Case) -> Part:
    """X6. SENT and sent_at come together, and not before the message was stored."""
    stored = case.rows
    has = stored["sent_at"].notna()
    sent = stored["status"] == messages.SENT
    early = has & ~(stored["sent_at"] >= stored["created_at"]) if "created_at" in stored else has & False
    wrong = np.flatnonzero((sent != has) | early)
    part = case.part(_whole, len(stored), _keys_of(case, wrong))
    return replace(part, sums={"torn": int((sent != has).sum()), "wrong": len(wrong)})


def _whole(part: Part) -> Found:
    torn = part.sums["torn"]
    return part.found(
        f"{torn:,} are {messages.SENT} without sent_at, or have it and are not; "
        f"{part.sums['wrong'] - torn:,} were sent before they were stored",
    )


def delivered(case: Case) -> Part:
    """MP3. Whatever was accepted and is due was sent when the time to drain was over, and stayed so."""
    later = _later(case)
    status = case.rows["status"].to_numpy()[~later]
    pending, failed = status == messages.SCHEDULED, status == messages.FAILED
    changed, again = _not_as_before(case), _sent_again(case)
    wrong = _keys_of(case, np.flatnonzero(~later)[pending | failed])
    part = case.part(_delivered, len(status), np.unique(np.concatenate([wrong, changed, again])))
    return replace(
        part,
        sums={
            "sent": int((status == messages.SENT).sum()),
            "pending": int(pending.sum()),
            "failed": int(failed.sum()),
            "changed": len(changed),
            "again": len(again),
        },
    )


def _delivered(part: Part) -> Found:
    of = part.sums
    return part.found(
        f"of {part.compared:,} that are due, {of['sent']:,} are {messages.SENT}, {of['pending']:,} still "
        f"{messages.SCHEDULED}, {of['failed']:,} {messages.FAILED}; {of['changed']:,} are not as they were before the "
        "drain" + (f"; {of['again']:,} were sent before a disturbance, and again after it" if of["again"] else ""),
    )


def _later(case: Case) -> Mask:
    """For each row, whether its message is due after the run only."""
    kinds = case.ledger.keys["kind"].to_numpy()
    known = case.row_key >= 0
    later = np.zeros(len(case.rows), bool)
    later[known] = kinds[case.row_key[known]] == "later"
    return later


def not_yet(case: Case) -> Part:
    """MP8. What is due after the run only is still to be sent."""
    later = np.flatnonzero(_later(case))
    rows = case.rows.iloc[later]
    wrong = (rows["status"] != messages.SCHEDULED).to_numpy()
    if "sent_at" in rows:
        wrong = wrong | rows["sent_at"].notna().to_numpy()
    return replace(case.part(_not_yet, len(later), _keys_of(case, later[wrong])), sums={"wrong": int(wrong.sum())})


def _not_yet(part: Part) -> Found:
    wrong = part.sums["wrong"]
    return part.found(
        f"{wrong:,} messages that are due after the run only are not {messages.SCHEDULED} any more, or sent"
    )


def _not_as_before(case: Case) -> Array:
    """The keys of messages there before the drain that are gone, or were SENT and are no more, or at another time."""
    if case.seen.early is None:
        return np.zeros(0, np.int64)
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


def _sent_again(case: Case) -> Array:
    """The keys of messages that were sent before a disturbance, and are not any more, or at another time."""
    before = case.seen.settled
    if not len(before) or "sent_at" not in case.rows:
        return np.zeros(0, np.int64)
    ops, sent = case.rows["op"].to_numpy(), case.rows["sent_at"].to_numpy().astype("datetime64[us]").astype(np.int64)
    there, as_it_was = set(ops.tolist()), set(zip(ops.tolist(), sent.tolist(), strict=True))
    # What is gone is the matter of X1.
    gone = [op for op, at in before.tolist() if op in there and (op, at) not in as_it_was]
    place, known = find(case.ledger.keys["key"].to_numpy(), np.array(gone, np.int64))
    return np.unique(place[known])


def conflicting(case: Case) -> Part:
    """MP5. An outcome that is not known is no acceptance; but the stored row decides."""
    ledger = case.ledger
    conflicts = np.flatnonzero(ledger.kind("conflict") & (case.copies[ledger.key_place] > 0))
    definite = ledger.outcome(Outcome.ACK, Outcome.REPLAY, Outcome.REJECT)[conflicts]
    accepted = ledger.outcome(Outcome.ACK, Outcome.REPLAY)[conflicts]
    stored = case.rows["message_content"].to_numpy()[case.key_row[ledger.key_place[conflicts]]]
    texts, template = special(ledger), messages.text_of(ledger.scenario.contract)
    sent, first = (
        np.array(
            [
                messages.stored_text(template, ledger.run, op, user, key_of, texts)
                for op, user, key_of in ledger.ops.iloc[conflicts][[name, "subject", "key_of"]].itertuples(index=False)
            ],
            object,
        )
        for name in ("op", "key_of")
    )
    stored = np.where(stored == AS_SENT, first, stored)
    overwritten = (stored == sent) & (sent != first)
    part = case.part(_conflicting, int(definite.sum()), np.unique(ledger.key_place[conflicts[accepted | overwritten]]))
    return replace(part, sums={"accepted": int(accepted.sum()), "overwritten": int(overwritten.sum())})


def _conflicting(part: Part) -> Found:
    return part.found(
        f"{part.sums['accepted']:,} messages with another body under a used key were accepted, and "
        f"{part.sums['overwritten']:,} replaced the first body",
    )


def answered(case: Case) -> Part:
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
    counts = Counter(f"{kind} {Outcome(said).name} with {int(code)}" for kind, said, code in lines)
    return replace(case.part(_answered, int(definite.sum()), np.unique(ledger.key_place[wrong])), sums=dict(counts))


def _answered(part: Part) -> Found:
    most_first = sorted(part.sums.items(), key=lambda one: (-one[1], one[0]))
    told = "; ".join(f"{answer}: {n:,}" for answer, n in most_first)
    return part.found(
        f"{sum(part.sums.values()):,} definite answers are not what the contract has for them: {told}",
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
        sql=f"{messages.pool_count_sql(quoted_names(case.ledger.scenario.database))};",
    )


def _keys_of(case: Case, positions: Array) -> Array:
    """The keys of the rows at `positions`; a row of no operation is the matter of X2."""
    keys = np.unique(case.row_key[positions])
    return keys[keys >= 0]
