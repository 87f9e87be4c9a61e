"""A service is loaded on authorizations of its own, which a file names: nothing is seeded, and all else is judged."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest

from harness import binding, catalogue, fingerprint
from harness.check import Finding
from harness.errors import PoolError
from harness.fixtures import fixtures_of
from harness.load_stage import put_load
from harness.plan import plans, reading
from harness.plan.scenario import Scenario
from harness.progress import Progress
from harness.run import Run
from harness.settings import Settings
from harness.stack.stack import Stack
from harness.verdict import CheckState
from reports.__main__ import report
from schema.migrate import migrate
from seeding.authorizations import seed, sentence
from tests.support import plain_authorizations
from tests.support.plain_authorizations import PLAN
from tests.support.target_process import query
from tests.support.target_process import serving as serving_reference
from tests.verification.authorizations.test_other_names import KEY, serving
from verification.__main__ import verify

CLINICS, TOTAL = 2, 400


@pytest.fixture
def mine(database: str) -> dict[str, list[dict[str, Any]]]:
    """The content of a file, with what it names in the database; of 12 authorizations two are hot."""
    migrate("authorizations", database, plans.reference("authorizations", "database"))
    found: dict[str, list[dict[str, Any]]] = {"authorizations": [], "practitioners": []}
    for clinic in range(CLINICS):
        organization, practitioner, patient = (str(uuid.uuid4()) for _ in range(3))
        query(database, "INSERT INTO organizations VALUES (%s, 'x')", organization)
        query(database, "INSERT INTO practitioners VALUES (%s, %s, 'x')", practitioner, organization)
        query(database, "INSERT INTO patients VALUES (%s, %s, 'x')", patient, organization)
        claims = {"userId": practitioner, "role": "PRACTITIONER", "sub": practitioner, "organizationId": organization}
        now = int(time.time())
        found["practitioners"].append(
            {
                "organization": clinic,
                "token": jwt.encode({**claims, "exp": now + 3600}, KEY),
                "other_audience": jwt.encode({**claims, "exp": now + 3600, "aud": "another"}, KEY),
                "expired": jwt.encode({**claims, "exp": now - 3600}, KEY),
            }
        )
        for number in range(6):
            id_ = str(uuid.uuid4())
            query(
                database,
                "INSERT INTO authorizations VALUES (%s, %s, %s, %s, %s, 20, 150, 3, '2026-01-01', '2026-12-31')",
                *(id_, organization, patient, id_, TOTAL),
            )
            one = {"id": id_.upper(), "total": TOTAL, "organization": clinic}
            found["authorizations"].append({**one, "hot": True} if number == 0 else one)
    return found


def planned(folder: Path, content: object, plan: str = PLAN) -> Scenario:
    """The plan with a pool of a file with this content."""
    (folder / "mine.json").write_text(content if isinstance(content, str) else json.dumps(content))
    (folder / "plan.toml").write_text(f'pool = "mine.json"\n{plan}')
    return reading.find("plain", "smoke", folder / "plan.toml")


@contextmanager
def plain(database: str) -> Iterator[str]:
    """The service of PLAN, up, at this URL."""
    with serving(database, plain_authorizations) as url:
        yield url


@contextmanager
def reference(database: str) -> Iterator[str]:
    """The reference target, of which REFERENCE tells all but the movements; versions begin at 3."""
    with serving_reference(database, system="authorizations", PERF_JWT_KEY=KEY) as target:
        yield target.url


REFERENCE = f"""
system = "authorizations"
[database]
movements = ""
{PLAN[PLAN.index("[scenario.plain]") :]}"""


@pytest.mark.parametrize(("plan", "service"), [(PLAN, plain), (REFERENCE, reference)], ids=["plain", "reference"])
def test_a_service_is_go_on_authorizations_of_its_own_and_what_moves_beside_is_found(
    plan: str,
    service: Callable[[str], AbstractContextManager[str]],
    database: str,
    mine: dict[str, list[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    scenario = planned(tmp_path, mine, plan)
    run = Run.create(tmp_path / "runs", scenario, seed=1, command=[], interrupted=None)
    with service(database) as url, Progress() as progress:
        run.record(
            host=fingerprint.host(),
            versions=fingerprint.versions(),
            git={"commit": None, "dirty": None},
            seeding=seed(database, 1, scenario, fixtures_of(run.folder)),
            target={"url": url, "ours": False, "services": {}, "fault": None, "died": []},
            database={"ours": False, **fingerprint.server(database)},
            monitor={"died": False},
            schema=catalogue.lines(database),
        )
        assert put_load(run, Settings(), Stack(url, database, None, ""), lambda: None, progress)
    found = states(verify(run, database))
    binding.seal(run)
    verdict = report(run.folder)

    assert verdict["verdict"] == "GO", verdict["reason"]
    assert {"A1", "A3", "A4", "A6", "A7", "A12", "X7", "TOKEN", "POOL"} <= found["HOLDS"]
    assert ("A8" in found["HOLDS"]) == (service is reference)
    assert "The pool is that of a file" in " ".join(verdict["weakened"])
    token = mine["practitioners"][0]["token"]
    for name in ("run.json", "verdict.json", "integrity.json", "report.html"):
        assert token not in (run.folder / name).read_text(), name

    id_ = mine["authorizations"][0]["id"].lower()
    query(
        database,
        "UPDATE authorizations SET scheduled_units = scheduled_units + 1, total_units = 401 WHERE id = %s",
        id_,
    )
    again = verify(run, database)
    assert states(again)["VIOLATED"] >= {"A6", "POOL"}
    assert next(one for one in again if one.id == "A6").first["authorization"] == id_


def states(findings: list[Finding]) -> dict[str, set[str]]:
    return {state.name: {one.id for one in findings if one.state is state} for state in CheckState}


def test_what_the_file_names_must_be_in_the_database(
    database: str, mine: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    scenario = planned(tmp_path, mine)
    said = sentence(seed(database, 1, scenario, tmp_path / "fixtures.json"))
    assert said.startswith("nothing is seeded: 12 authorizations are there")
    id_ = scenario.pool["given"][3][0]
    query(database, "UPDATE authorizations SET total_units = 500 WHERE id = %s", id_)
    with pytest.raises(
        PoolError, match=rf"mine\.json: authorizations\[3\]: {id_}: has 500 units .* expected total = 400"
    ):
        seed(database, 1, scenario, tmp_path / "fixtures.json")
    query(database, "DELETE FROM authorizations WHERE id = %s", id_)
    with pytest.raises(PoolError, match=rf"authorizations\[3\]: {id_}: not in authorizations of"):
        seed(database, 1, scenario, tmp_path / "fixtures.json")


def test_the_columns_may_be_of_other_types_but_are_whole_numbers(
    database: str, mine: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    scenario = planned(tmp_path, mine)
    query(database, "ALTER TABLE authorizations ALTER used_units TYPE numeric, ALTER scheduled_units DROP NOT NULL")
    begins = seed(database, 1, scenario, tmp_path / "fixtures.json")["begins"]
    assert json.loads(json.dumps(begins))[0][:2] == [20, 150]

    (tmp_path / "mine.json").write_text(json.dumps({**mine, "practitioners": mine["practitioners"] * 2}))
    with pytest.raises(PoolError, match=r"mine\.json: it was changed since the plan was read"):
        seed(database, 1, scenario, tmp_path / "fixtures.json")
    query(database, "UPDATE authorizations SET scheduled_units = NULL")
    with pytest.raises(PoolError, match=r"authorizations\[0\].*: None in a column .*: expected whole numbers"):
        seed(database, 1, scenario, tmp_path / "fixtures.json")
