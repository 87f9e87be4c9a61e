"""What a stage says reaches people while it goes on; its errors stay whole."""

import sys

import pytest

from harness.errors import CommandError, ProofloadError
from harness.progress import Progress
from harness.stack.stack import Stack, stage


class Told(Progress):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def now(self, text: str) -> None:
        self.texts.append(text)


def _stage(program: str, progress: Progress | None = None) -> str:
    return stage([sys.executable, "-c", program], "postgresql://nobody@127.0.0.1/none", progress)


def test_steps_come_as_they_are_said_and_are_no_part_of_the_output(tmp_path: object) -> None:
    # The second step is said only when the first one was heard.
    program = f"""
import pathlib, time
from harness.steps import step
step("seeding users: 1 of 2 rows")
while not pathlib.Path({str(tmp_path)!r}, "heard").exists(): time.sleep(0.01)
print("done")
step("seeding users: 2 of 2 rows")
"""

    class Hearing(Told):
        def now(self, text: str) -> None:
            super().now(text)
            open(f"{tmp_path}/heard", "w").close()

    progress = Hearing()

    assert _stage(program, progress) == "done\n"
    assert progress.texts == ["seeding users: 1 of 2 rows", "seeding users: 2 of 2 rows"]


def test_an_error_is_whole_and_without_the_steps_before_it() -> None:
    program = """
import sys
from harness.steps import step
step("seeding users")
print("error: table users: expected\\n    something else,\\n    over several lines", file=sys.stderr)
step("vacuuming")
sys.exit(2)
"""
    with pytest.raises(ProofloadError) as error:
        _stage(program, Told())

    assert str(error.value) == "table users: expected\n    something else,\n    over several lines"


def test_a_stage_that_says_much_on_both_pipes_comes_to_its_end() -> None:
    program = "import sys\nfor n in range(50_000): print(n); print(n, file=sys.stderr)"

    assert _stage(program).count("\n") == 50_000


def test_a_stage_that_dies_without_a_word_is_named() -> None:
    with pytest.raises(ProofloadError, match="ended with -9"):
        _stage("import os; os.kill(os.getpid(), 9)")


def test_a_command_that_does_not_scale_is_named_with_its_code() -> None:
    theirs = Stack("http://127.0.0.1:1", "", None, "false {processes}")

    with pytest.raises(CommandError, match="PERF_SCALE_CMD: false 1: code 1") as failed:
        theirs.scale("deliver", 1)
    assert failed.value.code == 1


def test_the_exit_code_of_what_scales_is_known() -> None:
    assert Stack("http://127.0.0.1:1", "", None, "true {processes}").scale("deliver", 1) == 0
    assert Stack("http://127.0.0.1:1", "", None, "").scale("deliver", 1) is None
