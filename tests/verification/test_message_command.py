"""The command of verification: what it says, what it leaves in the folder, and whom it refuses."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness import check, effects
from harness.errors import DatabaseError, JournalError
from harness.journaled import read_all
from harness.monitor import LOOKS
from harness.verdict import CheckState
from systems import ids, messages
from tests.support import commands
from tests.support.message_scene import ID, KEY, NO_INDEX, SOURCE, Scene, clean_scene, copy_of_1
from tests.support.surroundings import recorded
from verification import reading
from verification.__main__ import verify
from verification.messages import observe


@pytest.fixture
def scene(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return clean_scene(database, tmp_path, monkeypatch)


def test_a_database_that_was_cleaned_for_a_later_run_is_not_judged(scene: Scene) -> None:
    later = ids.key("20991231T000000abcdef", 1)
    scene.sql(copy_of_1(f"'{later}'"))
    assert scene.judge()["X1"].state == CheckState.HOLDS
    scene.sql(f"DELETE FROM message_logs WHERE idempotency_key LIKE '{ID}-%'")

    with pytest.raises(DatabaseError, match=f"nothing of run {ID}, but rows of run 20991231"):
        observe(scene.url, scene.run, scene.sent)


def test_rows_of_an_earlier_run_are_no_sign_that_it_was_cleaned(scene: Scene) -> None:
    earlier = ids.key("20001231T000000abcdef", 1)
    scene.sql(
        copy_of_1(f"'{earlier}'") + f";UPDATE message_logs SET created_at = '2001-01-01' WHERE idempotency_key = "
        f"'{earlier}'; DELETE FROM message_logs WHERE idempotency_key LIKE '{ID}-%'"
    )

    assert scene.violated() == {"X1", "X2"}


def command(scene: Scene, url: str) -> subprocess.CompletedProcess[str]:
    return commands.run("verification", str(scene.run.folder), environment=os.environ | {"DATABASE_URL": url})


def test_the_command_tells_each_check_and_leaves_what_it_found_in_the_folder(scene: Scene) -> None:
    scene.sql(f"DELETE FROM message_logs WHERE idempotency_key = '{KEY[1]}'")
    said = command(scene, scene.url)

    assert (said.returncode, said.stderr) == (0, "")
    first, second, *_ = said.stdout.splitlines()
    assert first.startswith(
        "VIOLATED   X1    every acknowledged message is stored: 1 of 4 compared; 1 were acknowledged"
    )
    assert second == "HOLDS      X2    every stored message was sent: 4 compared"
    written = scene.run.read(check.FILE)
    assert list(written) == [
        "schema",
        "run",
        "system",
        "judged",
        "checks",
        "outcomes",
        "resolved",
        "observation",
        "weakened",
        "seconds",
    ]
    assert (written["schema"], written["run"], written["system"]) == (check.SCHEMA, ID, "messages")
    assert check.finding(written["checks"][0]).state == CheckState.VIOLATED
    assert written["outcomes"]["race"] == {"ACK": 1, "REPLAY": 1}
    assert written["outcomes"]["process"] == {"ACK": 2, "UNKNOWN": 2}
    assert written["resolved"] == {"unknown": 2, "committed": 1, "absent": 1, "share": 2 / 10}
    assert written["observation"]["quiescent"] is True
    assert written["weakened"] == []
    assert written["observation"]["rows"] == 4
    assert set(reading.SETTINGS) == set(written["observation"]["settings"])
    stored = effects.read(scene.run.folder, messages.POINTS)
    assert stored is not None
    assert stored["op"].tolist() == [0, 5, 7, 9]


def test_a_database_that_fails_is_told_for_each_check(scene: Scene) -> None:
    assert verify(scene.run, scene.url)
    scene.sql("DROP TABLE message_logs")
    said = command(scene, scene.url)

    assert said.returncode == 0
    written = json.loads((scene.run.folder / check.FILE).read_text())
    findings = [check.finding(one) for one in written["checks"]]
    assert {(finding.state, finding.crashed) for finding in findings} == {(CheckState.UNDECIDED, True)}
    assert 'relation "message_logs" does not exist' in findings[0].detail
    assert written["observation"] is None
    assert effects.read(scene.run.folder, messages.POINTS) is None


def test_a_database_that_cannot_be_reached_is_an_error_of_usage(scene: Scene) -> None:
    said = command(scene, "postgresql://nobody@127.0.0.1:1/nothing")

    assert said.returncode == 2
    assert said.stderr.startswith("error: no connection to postgresql://nobody@127.0.0.1:1/nothing")
    assert not (scene.run.folder / check.FILE).exists()


def test_journals_of_another_run_are_refused(scene: Scene) -> None:
    scene.run.record(run="20261120T235501ffffff")

    with pytest.raises(JournalError, match="expected run 20261120T235501ffffff"):
        verify(scene.run, scene.url)


def test_looks_of_the_monitor_are_judged(scene: Scene) -> None:
    after = max(int(one.records["end"].max()) for one in read_all(scene.run.folder)) + 1
    where = {"table": SOURCE.table, "key": SOURCE.key}
    look = {"at": after, "asked": ["0.0", "1.0"], "missing": ["1.0"]}
    (scene.run.folder / LOOKS).write_text(f"{json.dumps(where)}\n{json.dumps(look)}\n")
    found = scene.judge()["X9"]

    assert (found.state, found.witnesses, found.first["key"]) == (CheckState.VIOLATED, 1, KEY[1])


def test_what_somebodys_database_lacks_of_the_stated_schema_is_a_weakness(scene: Scene) -> None:
    scene.sql(NO_INDEX)
    scene.run.record(**recorded(scene.url, ours=False))
    verify(scene.run, scene.url)
    judged = scene.run.read(check.FILE)

    assert "Table message_logs has no unique key on idempotency_key" in judged["weakened"][0]
    assert {one["id"]: one["state"] for one in judged["checks"]}["SCHEMA"] == "HOLDS"
