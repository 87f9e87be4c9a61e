"""`make bench-verification`: how long verification of a million operations takes, in one process, system by system.

Journal and tables are made up: what a target that keeps its contract would have left. Each round reads and judges all
of it anew; printed are medians. Fails if a check doesn't hold, for then something else would have been measured.
"""

import argparse
import importlib
import io
import json
import secrets
import statistics
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg2

from harness import effects, journal
from harness.journal import HEADER_BYTES, MAGIC, PARTNER, RECORD
from harness.outcomes import Outcome
from harness.plan import reading
from harness.plan.overrides import Overrides
from harness.run import FORMAT, Run
from harness.settings import ROOT
from harness.stack import postgres
from harness.verdict import CheckState
from schema.migrate import migrate
from systems import authorizations, coupons, coupons_pool, ids, messages
from systems.authorizations import MOVES, UNITS
from verification.__main__ import outcomes
from verification.authorizations.moves import TO_SCHEDULED, TO_USED, seeded
from verification.coupons.case import values
from verification.coupons.model import VALID, Pool, digests_of_amounts, digests_of_reasons
from verification.ledger import ledger

ID = "20261120T235501a1b2c3"
EVERY_NS, TOOK_NS = 10_000, 2_000_000
"""An operation begins every 10 µs, so that 200 are under way at once; in its middle it takes effect."""
AHEAD_NS = 3600 * 10**9
"""So long ago was the load."""
UNKNOWN = 0.01
"""The share of answers to new operations that are lost."""
LATEST = 1000
"""A key is sent again among so many that were acknowledged last."""
PLANS = {
    "authorizations": (
        "mixed",
        {"stages": {"smoke": [{"users": 1000, "for": "1000s"}]}, "rules": ["ratio(errors) < 2%"]},
    ),
    "messages": ("sustained", {}),
    "coupons": (
        "coupon-steady",
        {
            "mix": {
                **{"valid": 60, "expired": 8, "inactive": 6, "foreign": 7, "unknown": 7, "minimum": 7, "redeem": 5},
            },
            "eventual": "0s",
        },
    ),
}
"""Of each system, a scenario, and what is changed in it: the pool of authorizations must feed so many operations."""

Column = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Made:
    """What is left of the operations: their records; and rows, with a statement to be run in the same transaction."""

    records: npt.NDArray[np.void]
    into: str
    lines: str
    then: str


def drawn(mix: Mapping[str, int], again: tuple[str, ...], count: int, draw: np.random.Generator) -> Any:
    """`count` records of the kinds of `mix`, under keys of their own but for those `again` and the halves of races."""
    kinds, shares = list(mix), np.array(list(mix.values()))
    race, repeat = (kinds.index(name) if name in kinds else len(kinds) for name in ("race", "repeat"))
    kind = draw.choice(len(kinds), count, p=shares / shares.sum())
    kind[: 2 * LATEST] = 0
    kind = np.repeat(kind, 1 + (kind == race))[:count]
    # A race without its second half is none.
    kind[-1] = 0
    records, number = np.zeros(count, RECORD), np.arange(count)
    first, second = np.flatnonzero(kind == race).reshape(-1, 2).T
    records["kind"], records["key_of"] = kind, number
    records["key_of"][second], records["flags"][second] = first, PARTNER
    records["start"] = 1 + number * EVERY_NS
    records["start"][second] = records["start"][first]
    records["sched"], records["end"] = records["start"], records["start"] + TOOK_NS
    records["outcome"] = Outcome.REJECT
    records["outcome"][first], records["outcome"][second] = Outcome.ACK, Outcome.REPLAY
    new = np.flatnonzero(kind == 0)
    records["outcome"][new] = np.where(draw.random(len(new)) < UNKNOWN, Outcome.UNKNOWN, Outcome.ACK)
    acknowledged = new[records["outcome"][new] == Outcome.ACK]
    later = np.flatnonzero(np.isin(kind, [kinds.index(name) for name in again]))
    known = np.searchsorted(acknowledged, later - 2 * TOOK_NS // EVERY_NS)
    records["key_of"][later] = acknowledged[known - 1 - (draw.random(len(later)) * LATEST).astype(np.int64)]
    repeats = kind == repeat
    records["outcome"][repeats] = Outcome.REPLAY
    return records


def moves(scenario: reading.Scenario, count: int, draw: np.random.Generator) -> Made:
    """Moves of the spread pool; and of the hot ones, where nothing is available, reserves that are refused."""
    pool, kinds = seeded(authorizations.Pool(**scenario.pool)), list(authorizations.MIX)
    records = drawn(authorizations.MIX, ("repeat", "reuse"), count, draw)
    kind, number = records["kind"].astype(np.int64), np.arange(count)
    new = kind < len(MOVES)
    records["outcome"][new & (kind > 0)] = Outcome.ACK
    place = draw.integers(authorizations.DOCUMENTED, len(pool.number), count)
    wanting = (kind == 0) & (records["outcome"] == Outcome.ACK) & (draw.random(count) < authorizations.HOT_SHARE)
    wanting &= ~np.isin(number, records["key_of"][~new])
    place[wanting] = draw.integers(len(authorizations.HOT), size=int(wanting.sum()))
    records["outcome"][wanting] = Outcome.REJECT
    place = place[records["key_of"]]
    move = np.where(new, kind, 0)[records["key_of"]]
    units = np.array([UNITS[name] for name in MOVES])[move] + (kind == kinds.index("reuse"))
    organization = pool.organization[place] - 1
    staff = np.cumsum([1, *authorizations.PRACTITIONERS])[
        (organization + (kind == kinds.index("stranger"))) % len(authorizations.PRACTITIONERS)
    ]
    records["subject"] = pool.number[place] | staff << 24 | units << 32 | move << 48
    done = np.flatnonzero((new & ~wanting) | ((kind == kinds.index("race")) & (records["flags"] == 0)))
    # Each takes effect after all before it; an answer shows what its authorization has come to by then.
    order = done[np.lexsort((done, place[done]))]
    first = np.searchsorted(place[order], place[order])
    version = 1 + np.arange(len(order)) - first

    def reached(seeded: Column, change: Column) -> Column:
        summed = np.concatenate([[0], np.cumsum(units[order] * change[move[order]])])
        result: Column = seeded[place[order]] + summed[1:] - summed[first]
        return result

    state = reached(pool.used, TO_USED) | reached(pool.scheduled, TO_SCHEDULED) << 20 | version << 40
    answered = np.flatnonzero(np.isin(records["outcome"], (Outcome.ACK, Outcome.REPLAY)))
    latest = np.searchsorted(place[order] * count + order, place[answered] * count + answered, "right") - 1
    records["answer"][answered] = state[latest]
    contract, refusals = scenario.contract, {"reuse": "key_reused", "stranger": "forbidden", "forged": "unauthorized"}
    refused = np.array([contract[refusals.get(name, "conflict")] for name in kinds])[kind]
    records["status"] = np.select(
        [records["outcome"] == Outcome.UNKNOWN, records["outcome"] != Outcome.REJECT], [0, contract["done"]], refused
    )
    at = (records["start"] + TOOK_NS // 2)[done] // 1000
    lines = (
        f"{ids.UUID_PREFIX}{authorization:012d}\t{MOVES[which]}\t{n}\t{ids.key(ID, op)}\t{ids.uuid_of(who)}\t{stored}\n"
        for authorization, which, n, op, who, stored in zip(
            pool.number[place[done]].tolist(),
            move[done].tolist(),
            units[done].tolist(),
            done.tolist(),
            staff[done].tolist(),
            moments(at),
            strict=True,
        )
    )
    then = """
        UPDATE authorizations a SET version = m.moves, used_units = used_units + consumed,
            scheduled_units = scheduled_units + reserved - released - consumed
        FROM (SELECT authorization_id, count(*) moves, coalesce(sum(units) FILTER (WHERE kind = 'consume'), 0) consumed,
            coalesce(sum(units) FILTER (WHERE kind = 'reserve'), 0) reserved,
            coalesce(sum(units) FILTER (WHERE kind = 'release'), 0) released FROM unit_movements GROUP BY 1) m
        WHERE a.id = m.authorization_id
    """
    columns = "authorization_id, kind, units, idempotency_key, practitioner_id, created_at"
    return Made(records, f"unit_movements ({columns})", "".join(lines), then)


def sent(scenario: reading.Scenario, count: int, draw: np.random.Generator) -> Made:
    """Messages, all of them delivered."""
    kinds = list(messages.MIX)
    records = drawn(messages.MIX, ("repeat", "conflict"), count, draw)
    kind = records["kind"]
    pool = scenario.pool["users"]
    users = draw.integers(1, pool + 1, count)
    users[kind == kinds.index("stranger")] += pool
    records["subject"] = users[records["key_of"]]
    is_later = kind == kinds.index("later")
    records["outcome"][is_later] = Outcome.ACK
    stored = np.flatnonzero((kind == 0) | is_later | ((kind == kinds.index("race")) & (records["flags"] == 0)))
    made = [str(uuid.UUID(bytes=draw.bytes(16), version=4)) for _ in range(len(stored))]
    digest = np.zeros(count, np.int64)
    digest[stored] = [ids.digest(one) for one in made]
    answered = np.isin(records["outcome"], (Outcome.ACK, Outcome.REPLAY))
    records["answer"][answered] = digest[records["key_of"][answered]]
    at = moments((records["start"] + TOOK_NS // 2)[stored] // 1000)
    lines = (
        "\t".join(
            (
                one,
                *map(escaped, messages.values(ID, op, user, op, later=later)),
                *((messages.SCHEDULED, moment, r"\N") if later else (messages.SENT, moment, moment)),
            )
        )
        + "\n"
        for one, op, user, moment, later in zip(
            made, stored.tolist(), records["subject"][stored].tolist(), at, is_later[stored].tolist(), strict=True
        )
    )
    columns = (
        "id, user_id, message_type, scheduled_send_time, message_content, idempotency_key, status, created_at, sent_at"
    )
    return Made(records, f"message_logs ({columns})", "".join(lines), "")


def escaped(text: str) -> str:
    """A text as COPY reads it."""
    for plain, mark in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(plain, mark)
    return text


def moments(micros: Column) -> list[str]:
    """µs since the load began, as PostgreSQL reads them."""
    began = np.int64((time.time_ns() - AHEAD_NS) // 1000)
    return [f"{moment}Z" for moment in (began + micros).view("datetime64[us]").astype("str").tolist()]


def validated(scenario: reading.Scenario, count: int, draw: np.random.Generator) -> Made:
    """Validations of each simple kind, and orders of coupons without limits, all of them logged and recorded."""
    kinds, users = list(scenario.mix), scenario.pool["users"]
    records = drawn(scenario.mix, (), count, draw)
    kind, op = records["kind"].astype(np.int64), np.arange(count)
    pool = Pool(1, users, "2026-11-20 23:55:01+00")
    of = {
        "valid": coupons_pool.OPEN,
        "redeem": coupons_pool.OPEN,
        "minimum": coupons_pool.OPEN,
        "unknown": coupons_pool.OPEN,
        "expired": coupons_pool.OPEN_EXPIRED,
        "inactive": coupons_pool.OPEN_INACTIVE,
        "foreign": coupons_pool.OWNED,
    }
    coupon, user = np.zeros(count, np.int64), draw.integers(0, users, count)
    for place, name in enumerate(kinds):
        its = kind == place
        coupon[its] = draw.choice(np.array(of[name]), int(its.sum()))
    foreign = kind == kinds.index("foreign")
    user[foreign] = (pool.owner[coupon[foreign]] + 1) % users
    records["subject"] = coupons.subject(coupon, user)
    value = values(kind == kinds.index("minimum"), op, pool.minimum[coupon])
    unknown = kind == kinds.index("unknown")
    named = np.where(unknown, 0, coupon)
    reason = pool.static(named, pool.status[named], user, value)
    off = pool.off(coupon, value)
    answered = records["outcome"] != Outcome.UNKNOWN
    records["outcome"][answered] = np.where(reason == VALID, Outcome.ACK, Outcome.REJECT)[answered]
    answer = np.where(
        reason == VALID, digests_of_amounts(off, value - off, True, True), digests_of_reasons(True)[reason]
    )
    records["answer"][answered] = answer[answered]
    records["status"] = np.where(answered, 200, 0)
    words = [scenario.contract[f"reason_{one}"] for one in coupons.REASONS]
    at, ordered = moments((records["start"] + TOOK_NS // 2) // 1000), (kind == kinds.index("redeem")).tolist()
    lines = []
    for n, (number, who, why, cut, worth, moment) in enumerate(
        zip(coupon.tolist(), user.tolist(), reason.tolist(), off.tolist(), value.tolist(), at, strict=True)
    ):
        valid, key = why == VALID, ids.key(ID, n)
        code = coupons.code_sent(kinds[kind[n]], number, n)
        id_ = ids.uuid_of(number) if named[n] else r"\N"
        amounts = (f"{cut / 100:.2f}", f"{(worth - cut) / 100:.2f}") if valid else (r"\N", r"\N")
        said = (str(valid), r"\N" if valid else words[why], *amounts)
        order = key if ordered[n] else r"\N"
        sent = (key, id_, code, coupons_pool.user_id(who), order, f"{worth / 100:.2f}")
        lines.append("\t".join((*sent, *said, moment, moment)) + "\n")
    columns = "request_id, coupon_id, coupon_code, user_id, order_id, order_value, is_valid, validation_reason"
    then = """
        INSERT INTO coupon_usage (coupon_id, user_id, order_id, discount_amount, used_at)
        SELECT coupon_id, user_id, order_id, discount_applied, logged_at FROM validation_logs
        WHERE order_id IS NOT NULL;
        UPDATE coupons c SET current_total_uses = current_total_uses + used
        FROM (SELECT coupon_id, count(*) AS used FROM validation_logs WHERE order_id IS NOT NULL GROUP BY 1) u
        WHERE u.coupon_id = c.id
    """
    columns += ", discount_applied, final_amount, validated_at, logged_at"
    return Made(records, f"validation_logs ({columns})", "".join(lines), then)


MAKE = {"authorizations": moves, "messages": sent, "coupons": validated}


def prepare(system: str, url: str, folder: Path, count: int) -> Run:
    """A run of `count` operations, with its journal in `folder` and its rows in the database at `url`."""
    name, changes = PLANS[system]
    scenario = reading.find(name, "smoke", changes=Overrides(changes))
    run = Run(folder, {})
    run.record(format=FORMAT, run=ID, plan=scenario.as_json(), profile="smoke", seeding={}, seed=1)
    migrate(system, url, scenario.database)
    importlib.import_module(f"seeding.{system}").seed(url, 1, scenario, folder / "fixtures.json")
    made = MAKE[system](scenario, count, np.random.default_rng(1))
    run.record(clock={"wall_ns": time.time_ns() - AHEAD_NS, "mono_ns": 0})
    header = {"run": ID, "worker": 0, "kinds": list(scenario.expected), "mono_ns": 0}
    page = MAGIC + json.dumps({**header, "closed": True, "count": count}).encode() + b"\n"
    (folder / "journal-0.bin").write_bytes(page.ljust(HEADER_BYTES, b"\0") + made.records.tobytes())
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {made.into} FROM STDIN", io.StringIO(made.lines))
        if made.then:
            cursor.execute(made.then)
    connection.close()
    return run


def measure(system: str, run: Run, url: str) -> dict[str, float]:
    """Seconds, stage by stage, of what `verification.__main__.verify` does."""
    module, began = importlib.import_module(f"verification.{system}"), time.perf_counter()
    entries = ledger(run.id, journal.read_all(run.folder), run.clock, run.scenario)
    seen = module.observe(url, run, entries)
    read = time.perf_counter()
    case = module.case(entries, seen)
    findings = module.judge(case)
    case.resolved(), module.weakened(case), outcomes(entries)
    effects.write(run.folder, case.effects())
    judged = time.perf_counter()
    wrong = [
        f"{finding.id} {finding.state}: {finding.detail}"
        for finding in findings
        # Of the schema, and of the database before the load, a history that was made up has nothing.
        if finding.state is CheckState.VIOLATED or (finding.compared and finding.state is CheckState.UNDECIDED)
    ]
    if wrong:
        raise SystemExit("\n".join(["the history that was made up is not clean:", *wrong]))
    return {"read": read - began, "judge": judged - read, "total": judged - began}


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verification", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--systems", nargs="+", choices=list(MAKE), default=list(MAKE))
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as text:
        home = Path(text)
        server = postgres.start(home)
        try:
            for system in options.systems:
                url, folder = server.create(f"bench_{secrets.token_hex(4)}"), home / system
                folder.mkdir()
                run = prepare(system, url, folder, options.operations)
                rounds = [measure(system, run, url) for _ in range(options.rounds)]
                found[system] = {stage: statistics.median(one[stage] for one in rounds) for stage in rounds[0]}
        finally:
            server.stop()
            postgres.remove(home)
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "verification.json").write_text(json.dumps({"operations": options.operations, **found}, indent=1) + "\n")
    print(f"{'system':16}{'operations':>12}{'to read':>10}{'to judge':>10}{'total':>10}   medians of {options.rounds}")
    for system, seconds in found.items():
        print(f"{system:16}{options.operations:12,}" + "".join(f"{one:8.2f} s" for one in seconds.values()))


if __name__ == "__main__":
    main()
