"""What ends a connection after the same number of answers, twice and at once, is a habit; all else is chance."""

import math

import pytest

from harness.load.habit import NEVER, PROMPT_S, WATCHED, Habit

Clock = list[float]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, in its only item."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def ends(habit: Habit, clock: Clock, *answers: int, late: float = 0.0) -> float:
    """Connections end after so many answers, each opened after the last one's end; what is then known."""
    for each in answers:
        clock[0] += 1
        habit.ended(each, clock[0] - 0.5, clock[0] - late)
    return habit.most


@pytest.mark.parametrize(
    ("answers", "most"),
    [((3,), math.inf), ((3, 3), 3), ((3, 4, 3), math.inf), ((7, 3, 3, 7, 7), 3), ((7, 7, 3, 3), 3)],
)
def test_what_happens_twice_in_turn_is_a_habit(answers: tuple[int, ...], most: float, clock: Clock) -> None:
    assert ends(Habit("peer"), clock, *answers) == most


def test_an_end_long_after_the_answer_is_none(clock: Clock) -> None:
    assert ends(Habit("peer"), clock, 1, 1, 1, late=PROMPT_S * 2) == math.inf


def test_all_that_end_by_one_restart_are_none(clock: Clock) -> None:
    habit = Habit("peer")
    for _ in range(50):
        clock[0] += 0.001
        habit.ended(7, 50.0, clock[0])

    assert habit.most == math.inf


def test_a_habit_is_told_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    ends(Habit("shop:80"), clock, 2, 2, 2, 2)

    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "shop:80 ends connections after 2 answers without Connection: close"
    ]


def test_only_the_first_answers_are_doubtful(clock: Clock) -> None:
    habit = Habit("peer")
    doubted = []
    while habit.doubtful != NEVER:
        doubted.append(habit.doubtful)
        habit.lasted(habit.doubtful)

    assert doubted == list(range(1, WATCHED + 1))
    habit = Habit("peer")
    ends(habit, clock, 1, 1)
    assert habit.doubtful == NEVER
