"""A target by hand is refused where it can't be had, and ends with an error when it died."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from harness import by_hand
from harness.errors import StackError
from harness.run import Run
from harness.stack.stack import Stack
from harness.stack.variant import Variant
from tests.support.in_process import refused


def test_another_target_is_none_to_start(capfd: pytest.CaptureFixture[str]) -> None:
    said = refused(capfd, "target", "messages", environment={"TARGET_URL": "http://127.0.0.1:9"})
    assert "TARGET_URL is set (http://127.0.0.1:9): expected none" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("mesages",), "did you mean 'messages'?"),
        (("messages", "--fault", "nonsense"), "has no such"),
    ],
)
def test_what_there_is_not_is_refused(capfd: pytest.CaptureFixture[str], words: tuple[str, ...], message: str) -> None:
    assert message in refused(capfd, "target", *words, environment={})


def test_a_port_that_is_taken_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        said = refused(capfd, "target", "messages", environment={"PERF_TARGET_PORT": port})
    assert f"port {port} of 127.0.0.1 can't be used" in said
    assert "PERF_TARGET_PORT" in said


def test_a_service_that_ended_by_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Died(Stack):
        def died(self) -> list[str]:
            return ["api"]

    @contextmanager
    def up(run: Run, *_: Any) -> Iterator[Stack]:
        (run.folder / "api.log").write_text("out of files\n")
        yield Died("http://127.0.0.1:9", "postgresql://u:p@127.0.0.1/x", None, "")

    monkeypatch.setattr(by_hand.stack, "up", up)
    monkeypatch.setattr(by_hand.signal, "signal", lambda *_: None)
    monkeypatch.setattr(by_hand, "PORT", 0)
    with pytest.raises(StackError, match="api ended by itself") as ended:
        by_hand.serve("messages", Variant())
    assert "out of files" in str(ended.value)
