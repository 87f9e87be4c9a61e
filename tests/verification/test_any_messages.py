"""What must be stored is what was sent; no clean history violates anything, and any loss is seen."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.message_body import body
from tests.support.message_history import RUN, History, violated
from verification.messages import expected


@given(
    st.lists(
        st.tuples(st.integers(0, 2**62), st.integers(1, 11_000), st.booleans()),
        max_size=20,
        unique_by=lambda sent: sent[0],
    )
)
def test_what_must_be_stored_is_what_the_facts_say_was_sent(sent: list[tuple[int, int, bool]]) -> None:
    keys = pd.DataFrame({"key": [op for op, *_ in sent], "subject": [user for _, user, _ in sent]}, dtype="int64")
    found = expected(RUN, keys.assign(kind=["later" if later else "process" for *_, later in sent]))

    assert len(found) == len(sent)
    for (op, user, later), stored in zip(sent, found.to_dict("records"), strict=True):
        request = body(RUN, op, user, op, later=later)
        assert stored == {
            "user_id": request["userId"],
            "message_type": request["messageType"],
            "message_content": request["messageContent"],
            "scheduled_send_time": pd.Timestamp(request["scheduledSendTime"]).tz_convert(None),
        }


OUTCOMES = st.sampled_from(
    ["ACK", "ACK", "UNKNOWN", "UNKNOWN, stored", "stranger", "NOT_SENT", "SHED", "repeat", "conflict", "race"]
)


@settings(max_examples=50)
@given(st.lists(OUTCOMES, min_size=1, max_size=30), st.integers(min_value=0))
def test_no_clean_history_violates_anything_and_any_loss_in_it_is_seen(sent: list[str], pick: int) -> None:
    history = History()
    acknowledged: list[int] = []
    for op, what in enumerate(sent, 1):
        number, user = op * 2, op * 2
        if what in ("repeat", "conflict"):
            if acknowledged:
                key = acknowledged[pick % len(acknowledged)]
                history.send(number, what, "REPLAY" if what == "repeat" else "REJECT", key, key)
            continue
        outcome = {"race": "ACK", "stranger": "REJECT"}.get(what, what.split(",")[0])
        history.send(number, what if what in ("race", "stranger") else "process", outcome, user)
        if what == "race":
            history.send(number + 1, "race", "REPLAY", user, number, partner=True)
        if what in ("ACK", "race", "UNKNOWN, stored"):
            history.store(number, user)
        if outcome == "ACK":
            acknowledged.append(number)

    found = history.judge()
    assert violated(found) == set()
    assert not any(finding.crashed for finding in found.values())
    if acknowledged:
        history.rows.remove(history.row(acknowledged[pick % len(acknowledged)]))
        assert violated(history.judge()) == {"X1"}
