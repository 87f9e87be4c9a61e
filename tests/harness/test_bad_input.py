"""Bad input is a clear message and exit code 2: nothing is sent, nothing is lost, and there is no traceback."""

import dataclasses
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import journaled
from harness.journal import HEADER_BYTES
from harness.plan import reading
from harness.plan.scenario import Validity
from harness.run import Run
from harness.settings import ROOT
from harness.stack.process import free_port
from reports.samples.evidence import gather
from reports.validity.generator import conditions
from schema.migrate import migrate
from seeding.messages import seed
from tests.support.in_process import refused
from tests.support.pipeline_process import PLAN, Pipeline
from tests.support.target_process import query, serving


@pytest.fixture
def pipeline(home: Path, tmp_path: Path) -> Pipeline:
    return Pipeline(home, tmp_path / "runs")


Refuse = Callable[..., str]


@pytest.fixture
def refuse(pipeline: Pipeline, capfd: pytest.CaptureFixture[str]) -> Refuse:
    """The message with which `python -m harness WORDS` refuses, before anything is sent."""

    def said(*words: str, **environment: str) -> str:
        message = refused(capfd, *words, environment=pipeline.environment(**environment))
        assert not list(pipeline.runs.glob("*/*/journal-0.bin"))
        return message

    return said


@pytest.mark.parametrize(
    ("words", "environment", "says"),
    [
        (["run", "pek"], {}, "unknown scenario 'pek'; did you mean 'peak'?"),
        (["run", "peak", "--profile", "smok"], {}, "no arrivals for profile 'smok'; did you mean 'smoke'?"),
        (["plan", "peak", "--profile", "x"], {}, "known: ci, full, smoke"),
        (["run", "peak", "--plan", "none.toml"], {}, "none.toml: No such file"),
        (["run", "peak", "--plan", "/dev/null"], {}, "/dev/null: unknown scenario 'peak'; known: none"),
        (["run", "peak", "--fault", "lost"], {"DATABASE_URL": "postgresql://u@127.0.0.1/x"}, "--fault lost with"),
        (["run", "peak"], {"TARGET_URL": "http://example.com"}, "PERF_ALLOW_HOSTS=example.com"),
        (["run", "peak"], {"TARGET_URL": "127.0.0.1:80"}, "expected http://host:port"),
        (["run", "peak"], {"TARGET_URL": "http://127.0.0.1:1"}, "TARGET_URL without DATABASE_URL"),
        (["run", "peak"], {"DATABASE_URL": "postgresql://u@db.example.com/x"}, "PERF_ALLOW_DATABASES=db.example.com/x"),
        (["run", "peak"], {"DATABASE_URL": "mysql://u@127.0.0.1/x"}, "expected postgresql://"),
        (["run", "peak"], {"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"}, "no connection to postgresql://u:***@"),
        (
            ["run", "worker-scaling"],
            {"TARGET_URL": "http://127.0.0.1:1", "DATABASE_URL": "postgresql://u@127.0.0.1:1/x"},
            "expected PERF_SCALE_CMD",
        ),
        (["run", "peak"], {"PERF_SEED": "x"}, "PERF_SEED='x'"),
        (["seed", "mesages"], {}, "did you mean 'messages'?"),
        (["seed", "messages"], {"DATABASE_URL": "postgresql://u@db.example.com/x"}, "DATABASES=db.example.com/x"),
        (["verify", "messages"], {}, "no run of messages"),
        (["report", "nowhere"], {}, "run.json: No such file"),
        (["psql", "nowhere"], {}, "run.json: No such file"),
        (["fly"], {}, "invalid choice"),
        ([], {}, "required"),
    ],
)  # fmt: skip
def test_bad_words_and_settings_are_refused(
    words: list[str], environment: dict[str, str], says: str, refuse: Refuse
) -> None:
    assert says in refuse(*words, **environment)


def test_an_unknown_fault_is_refused_with_the_known_ones(refuse: Refuse) -> None:
    assert "ack_before_commit" in refuse("run", "peak", "--profile", "smoke", "--fault", "ack_befor_commit")


@pytest.mark.parametrize("setting", ["PERF_UI_PORT", "PERF_TARGET_PORT"])
def test_a_port_in_use_is_refused_with_another_one(setting: str, refuse: Refuse) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        said = refuse("run", "peak", "--ui", **{setting: str(port)})

    assert f"port {port} of 127.0.0.1 can't be used" in said
    assert f"{setting}=" in said


def test_a_target_that_is_down_or_none_is_refused(database: str, refuse: Refuse) -> None:
    down = f"http://127.0.0.1:{free_port()}"
    assert "Connection refused: expected a target that answers 2xx" in refuse(
        "run", "peak", TARGET_URL=down, DATABASE_URL=database
    )

    migrate("messages", database)
    with serving(database, 1, "none") as target:
        said = refuse("run", "peak", TARGET_URL=f"{target.url}/elsewhere", DATABASE_URL=database)
    assert "GET http://127.0.0.1" in said
    assert "answers 404" in said


def test_a_schema_of_another_version_is_refused(database: str, refuse: Refuse) -> None:
    migrate("messages", database)
    query(database, "UPDATE proofload_schema SET version = 99")

    said = refuse("run", "peak", DATABASE_URL=database)

    assert "99" in said
    assert query(database, "SELECT count(*) FROM users") == [(0,)]


def test_another_run_on_the_same_home_is_refused(home: Path, refuse: Refuse) -> None:
    from harness.stack import postgres

    server = postgres.start(home)
    try:
        assert "in use by another run" in refuse("run", "peak")
    finally:
        server.stop()


LOCUST = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--exit-code-on-error", "0", "-f"]


def run_locust(run: Run, url: str, database: str, file_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
    """The load of `run` alone, in which no file may grow beyond `file_bytes`."""

    def limit() -> None:
        if file_bytes is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    return subprocess.run(
        [*LOCUST, "locustfiles/messages.py,harness/load/shape.py", "--run-folder", str(run.folder), "--host", url],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "DATABASE_URL": database},
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return Run.create(tmp_path / "runs", reading.find("short", "smoke", path), seed=1, command=[], interrupted=None)


def test_a_busy_user_makes_the_figures_invalid(run: Run, database: str) -> None:
    migrate("messages", database)
    seed(database, 1)
    busy = run.folder / "busy.py"
    busy.write_text(
        "import time\nfrom locust import task\nfrom harness.load.http_user import HttpUser\n"
        "from systems import messages\n"
        "class Busy(HttpUser):\n    abstract = False\n    system = messages\n"
        "    def work(self):\n        end = time.monotonic() + 0.2\n        while time.monotonic() < end: pass\n"
        "    process = repeat = conflict = stranger = race = None\n"
        "for kind in messages.MIX:\n    def one(self):\n        self.work()\n    one.__name__ = kind\n"
        "    Busy.tasks = [*Busy.tasks, one]\n"
    )
    with serving(database, 1, "none") as target:
        done = subprocess.run(
            [*LOCUST, f"{busy},harness/load/shape.py", "--run-folder", str(run.folder), "--host", target.url],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
    evidence = gather(run.folder)

    assert done.returncode == 0, done.stderr
    strict = dataclasses.replace(evidence.samples.scenario, validity=Validity())
    samples = dataclasses.replace(evidence.samples, scenario=strict)
    states = {each.id: each.state for each in conditions(dataclasses.replace(evidence, samples=samples))}
    # How much of a core it got (V3) is up to the machine.
    assert states["V2"] == "broken"


def test_a_pool_that_is_missing_or_of_the_wrong_size_stops_the_load_before_its_first_request(
    run: Run, database: str
) -> None:
    migrate("messages", database)
    with serving(database, 1, "none") as target:
        url = target.url
        missing = run_locust(run, url, database)
        seed(database, 1)
        query(database, "DELETE FROM users WHERE last_name = '77'")
        short = run_locust(run, url, database)

    for done, users in ((missing, "0 users"), (short, "9,999 users")):
        assert done.returncode == 2, done.stderr
        assert users in done.stderr
        assert "make seed-messages" in done.stderr
    assert query(database, "SELECT count(*) FROM message_logs") == [(0,)]
    assert not list(run.folder.glob("journal-*"))


def test_a_disk_that_is_full_from_the_beginning_lets_nothing_be_sent(run: Run, database: str) -> None:
    migrate("messages", database)
    seed(database, 1)
    with serving(database, 1, "none") as target:
        done = run_locust(run, target.url, database, file_bytes=64 * 1024)

    assert done.returncode == 2, done.stderr
    assert "no room for more of the journal" in done.stderr
    assert query(database, "SELECT count(*) FROM message_logs") == [(0,)]


def test_a_disk_that_fills_up_during_the_load_ends_it_and_every_effect_has_its_intent(
    run: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate("messages", database)
    seed(database, 1)
    script = run.folder / "small_journal.py"  # grows by 100 records at a time, so that the second time fails
    script.write_text(
        "import harness.load.session as session\nfrom harness.journal import Journal\n"
        "session.Journal = lambda path, header: Journal(path, header, grow=100)\n"
    )
    limit = HEADER_BYTES + 150 * 64
    command = f"{script},locustfiles/messages.py,harness/load/shape.py"
    with serving(database, 1, "none") as target:
        done = subprocess.run(
            ["prlimit", f"--fsize={limit}", *LOCUST, command, "--run-folder", str(run.folder), "--host", target.url],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
    records = journaled.read_all(run.folder)[0].records

    assert done.returncode == 2, done.stderr
    assert "no room for more of the journal" in run.read("load.json")["ended_by"]
    assert len(records) == 100
    assert query(database, "SELECT count(*) FROM message_logs")[0][0] <= 100
