"""What is judged while a load goes on elsewhere is judged only as far as all of it is here."""

import json
from pathlib import Path

import pytest

from harness.machines import clocks, reach

S = 10**9
AHEAD = 1_000 * S


def machine(folder: Path, number: int, looked: list[int]) -> None:
    """One whose clock is 1,000 s behind the master's, known to within 1 ms, and that looked at those times of it."""
    trips = [(at, at + 10**6 + AHEAD, at + 2 * 10**6) for at in range(0, 10 * S, S)]
    (folder / clocks.name(number)).write_text("".join(json.dumps(one) + "\n" for one in trips))
    (folder / reach.name(number)).write_text("".join(f"{at}\n" for at in looked))


def test_the_machine_that_is_behind_decides_and_its_clock_is_doubted(tmp_path: Path) -> None:
    machine(tmp_path, 1, [S, 5 * S])
    machine(tmp_path, 2, [S, 4 * S])

    assert reach.until(tmp_path, [1, 2], AHEAD + 9 * S) == AHEAD + 4 * S - 10**6
    assert reach.until(tmp_path, [1], AHEAD + 2 * S) == AHEAD + 2 * S


def test_without_machines_elsewhere_all_is_here(tmp_path: Path) -> None:
    assert reach.until(tmp_path, [], 7) == 7


@pytest.mark.parametrize("lacking", [clocks.name(1), reach.name(1)])
def test_of_a_machine_that_was_not_heard_of_nothing_is_here(tmp_path: Path, lacking: str) -> None:
    machine(tmp_path, 1, [S])
    (tmp_path / lacking).unlink()

    assert reach.until(tmp_path, [1], AHEAD + 9 * S) == reach.NEVER


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    machine(tmp_path, 1, [S])
    with (tmp_path / reach.name(1)).open("a") as file:
        file.write(str(3 * S))

    assert reach.until(tmp_path, [1], AHEAD + 9 * S) == AHEAD + S - 10**6
