"""How far a stage is, in lines that are told apart from all others."""

import pytest

from harness import steps


@pytest.mark.parametrize(
    ("done", "total", "seconds", "said"),
    [
        (250_000, 1_000_000, 0.5, "250,000 of 1,000,000 rows · 500,000/s · 2 s left"),
        (1_000_000, 1_000_000, 2.0, "1,000,000 of 1,000,000 rows · 500,000/s"),
        (1_000, 14_000_000, 1.0, "1,000 of 14,000,000 rows · 1,000/s · 3 h 53 m 19 s left"),
        (12, 10, 1.0, "12 of 10 rows · 12.0/s"),
        (0, 10, 0.0, "0 of 10 rows · 0.0/s"),
    ],
)
def test_rows_rate_and_time_left(done: int, total: int, seconds: float, said: str) -> None:
    assert steps.rows_line(done, total, seconds) == said


def test_a_step_is_told_and_any_other_line_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    steps.step("seeding users")

    assert steps.take(capsys.readouterr().err, told.append)
    assert not steps.take("error: no such table\n", told.append)
    assert told == ["seeding users"]
