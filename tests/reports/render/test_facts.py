"""What a run was stands beside its verdict, and nothing that is not known."""

from typing import Any

import pytest

from reports.render.facts import facts

RUN: dict[str, Any] = {
    "created": "2026-11-26T06:30:32+00:00",
    "seconds": 60.0,
    "target": {"url": "http://127.0.0.1:3000", "ours": True, "fault": "none_rc", "strategy": "conditional"},
    "git": {"commit": "ffdf1db0123456789", "dirty": True},
    "profile": "ci",
    "seed": 1,
}


def told(timeline: float = 60.0, **changes: Any) -> dict[str, str]:
    return dict(facts({"run": {**RUN, **changes}, "timeline": [{"end": timeline}]}))


def test_a_run_is_told_in_six_lines() -> None:
    assert told() == {
        "start": "26 Nov 2026, 06:30:32 UTC",
        "duration": "1 m",
        "target": "http://127.0.0.1:3000 (the reference, fault none_rc, strategy conditional)",
        "commit": "ffdf1db012, with changes",
        "profile": "ci",
        "seed": "1",
    }


def test_a_load_that_ended_early_says_how_long_it_was_to_be() -> None:
    assert told(timeline=6.7)["duration"] == "6.7 s of 1 m"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"url": "https://shop.example", "ours": False}, "https://shop.example"),
        ({"url": None, "ours": True}, "the reference"),
        (None, "not known"),
    ],
)
def test_a_target_has_an_address_unless_users_call_it(target: dict[str, Any] | None, said: str) -> None:
    assert told(target=target)["target"] == said


def test_what_is_not_known_is_left_out() -> None:
    found = told(seed=None, git=None)

    assert "seed" not in found
    assert found["commit"] == "not known"
