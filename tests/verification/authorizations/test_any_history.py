"""No clean history violates anything, whatever was done in it, and any loss is seen."""

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.outcomes import Outcome
from harness.verdict import CheckState
from systems import authorizations as facts
from systems.authorizations import MOVES
from tests.support.authorization_edits import UNTOUCHED, lacking, violated
from tests.support.authorization_history import (
    HOT,
    SPREAD,
    STEP_NS,
    THEIRS,
    History,
)

# Any history.
ACTS = st.tuples(
    st.sampled_from([*MOVES, *MOVES, "repeat", "reuse", "stranger", "forged", "race"]),
    st.sampled_from([HOT, HOT, SPREAD, UNTOUCHED]),
    st.sampled_from(["answered"] * 6 + ["lost", "lost", "never"]),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(0, 30),
)


LACKING = st.sets(st.sampled_from(["movements", "version", "answered versions", "replayed"]))


def any_history(acts: list[tuple[str, int, str, int, int, int]], lacks: set[str], kept: bool) -> History:
    """What a correct target makes of `acts`, some of whose answers are lost, and which overlap."""
    history = History(lacking(*lacks), kept=kept)
    for kind, number, answered, early, late, pick in acts:
        times = {"early_ns": early * STEP_NS - STEP_NS // 4, "late_ns": late * STEP_NS - STEP_NS // 4}
        fate = {"lost": answered == "lost", "done": answered != "never"}
        if kind in ("repeat", "reuse"):
            now = (len(history.ops) + 1) * STEP_NS
            known = [
                op
                for op in history.ops
                if op["outcome"] == Outcome.ACK and op["kind"] in MOVES and op["end"] < now - times["early_ns"]
            ]
            if known:
                original = known[pick % len(known)]["op"]
                units = facts.about(history.op(original)["subject"])[2] + (kind == "reuse")
                history.act(kind, key_of=original, units=units, **fate, **times)
        elif kind == "stranger":
            history.act(kind, THEIRS, by=1, **fate, **times)
        elif kind == "race":
            first = history.act(kind, number, units=1 + pick % 3, **fate, **times)
            if history.op(first)["status"] != 409:
                again = {**times, "early_ns": times["early_ns"] + STEP_NS}
                history.act(kind, key_of=first, partner=True, **again)
        else:
            history.act(kind, number, **fate, **times)
    return history


@settings(max_examples=50)
@given(st.lists(ACTS, max_size=40), LACKING, st.booleans(), st.integers(min_value=0))
def test_no_clean_history_violates_anything_and_any_loss_in_it_is_seen(
    acts: list[tuple[str, int, str, int, int, int]], lacks: set[str], kept: bool, pick: int
) -> None:
    history = any_history(acts, lacks, kept)
    found = history.judge()

    assert {id_: finding.detail for id_, finding in found.items() if finding.state == CheckState.VIOLATED} == {}
    assert not any(finding.crashed for finding in found.values())
    acknowledged = [row for row in history.rows if history.op(row["op"])["outcome"] == Outcome.ACK]
    if acknowledged and "movements" not in lacks:
        history.rows.remove(acknowledged[pick % len(acknowledged)])
        assert {"X1", "A2"} <= violated(history.judge())
