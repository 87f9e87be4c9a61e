"""Users who meet go on at one instant, all of them, and not before the last one is there."""

import gevent
import pytest

from harness.load.meeting import Rounds


def _users(rounds: Rounds, meetings: int, log: list[tuple[int, int, int]]) -> list[gevent.Greenlet]:
    def user(number: int) -> None:
        for meeting in range(meetings):
            # The quick come to the next meeting before the slow have left this one.
            for _ in range(number):
                gevent.sleep(0)
            log.append((meeting, number, rounds.meet()))

    return [gevent.spawn(user, number) for number in range(rounds.users)]


@pytest.mark.parametrize("users", [1, 2, 50])
def test_all_of_a_meeting_go_on_at_the_same_moment(users: int) -> None:
    log: list[tuple[int, int, int]] = []
    rounds = Rounds(users, lambda: False)
    done = gevent.joinall(_users(rounds, 4, log), timeout=30)

    assert len(done) == users
    assert rounds.held == 4
    moments = [{moment for at, _, moment in log if at == meeting} for meeting in range(4)]
    assert all(len(each) == 1 for each in moments)
    assert len(set.union(*moments)) == 4


def test_nobody_goes_on_before_the_last_one_is_there_nor_when_the_load_is_over() -> None:
    over = False
    log: list[tuple[int, int, int]] = []
    rounds = Rounds(3, lambda: over)
    users = [gevent.spawn(lambda: log.append((0, 0, rounds.meet()))) for _ in range(2)]
    gevent.sleep(0)
    assert log == []

    over = True
    users.append(gevent.spawn(lambda: log.append((0, 0, rounds.meet()))))
    gevent.sleep(0)
    assert log == []
    assert rounds.held == 0
    gevent.killall(users)


def test_a_round_that_was_begun_is_ended_though_the_load_is_over() -> None:
    rounds = Rounds(2, lambda: True)
    users = [gevent.spawn(rounds.meet, False) for _ in range(2)]
    assert len(gevent.joinall(users, timeout=30)) == 2


def test_one_who_is_ended_while_waiting_is_not_counted() -> None:
    log: list[tuple[int, int, int]] = []
    rounds = Rounds(2, lambda: False)
    first = gevent.spawn(rounds.meet)
    gevent.sleep(0)
    first.kill()
    others = [gevent.spawn(lambda: log.append((0, 0, rounds.meet()))) for _ in range(2)]
    gevent.joinall(others, timeout=30)
    assert len(log) == 2
