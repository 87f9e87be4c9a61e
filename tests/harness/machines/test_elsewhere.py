"""The line that starts a worker elsewhere says what has the key, and shows a key only if it was made for the run."""

from contextlib import closing
from pathlib import Path

import pytest

from harness.machines.elsewhere import Elsewhere
from harness.progress import Progress
from harness.settings import Settings
from tests.support.several_machines import KEY, two_ports


@pytest.mark.parametrize("given", ["", "PERF_JOIN_KEY", "PERF_JOIN_KEY_FILE"])
def test_the_line_of_a_worker_names_what_has_the_key(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text(KEY)
    if given:
        monkeypatch.setenv(given, KEY if given == "PERF_JOIN_KEY" else str(tmp_path / "key"))
    monkeypatch.setenv("PERF_MASTER_BIND", "127.0.0.1")
    monkeypatch.setenv("PERF_MASTER_PORT", str(two_ports()))
    with closing(Elsewhere(Settings(), Progress())) as elsewhere:
        (said,) = [line for line in capsys.readouterr().err.splitlines() if "on each other machine" in line]

    shown = f"{given}=…" if given else f"PERF_JOIN_KEY={elsewhere.key.text}"
    assert f": {shown} make perf-worker MASTER=127.0.0.1:" in said
    assert KEY not in said
