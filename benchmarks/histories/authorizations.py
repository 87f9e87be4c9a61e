"""Moves of units between authorizations, as a target that keeps its contract would have left them."""

import numpy as np

from benchmarks.histories.records import ID, TOOK_NS, Column, Made, drawn, moments
from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from systems import authorizations, ids
from systems.authorizations import MOVES, UNITS
from verification.authorizations.moves import TO_SCHEDULED, TO_USED, seeded


def moves(scenario: Scenario, count: int, draw: np.random.Generator) -> Made:
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
    return Made(records, f"unit_movements ({columns})", lines, then)
