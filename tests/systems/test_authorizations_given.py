"""A pool of a file is understood whole, or refused with the file and the place in it."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from harness.errors import PlanError
from harness.plan import reading
from systems.authorizations import pool_of
from tests.support.plain_authorizations import PLAN

A, B = "5F0C1B9E-0000-4000-8000-00000000000A", 17
MINE: dict[str, Any] = {
    "authorizations": [
        {"id": A, "total": 50, "organization": "north", "hot": True},
        {"id": B, "total": 1000, "organization": "south"},
    ],
    "practitioners": [{"token": "a.b.c", "organization": "north"}, {"token": "d.e.f", "organization": "south"}],
}


def planned(folder: Path, content: object, plan: str = PLAN, top: str = 'pool = "mine.json"\n') -> Any:
    (folder / "mine.json").write_text(content if isinstance(content, str) else json.dumps(content))
    (folder / "plan.toml").write_text(top + plan)
    return reading.find("plain", "smoke", folder / "plan.toml")


def changed(edit: Callable[[Any], object]) -> Any:
    content = deepcopy(MINE)
    edit(content)
    return content


def test_what_the_file_names_is_numbered_in_its_order_and_tokens_stay_in_it(tmp_path: Path) -> None:
    scenario = planned(tmp_path, MINE)
    pool = pool_of(scenario.pool)

    assert [pool.id_of(1), pool.id_of(2)] == [A.lower(), "17"]
    assert (pool.total_of(2), pool.organization_of(2), pool.staff_of(2), list(pool.hot)) == (1000, 2, [2], [1])
    assert {pool.drawn(chance, spread=False) for chance in (0.0, 0.5, 1 - 2**-53)} == {2}
    assert "a.b.c" not in json.dumps(scenario.as_json())
    assert scenario.contract["token_defects"] == ["absent", "garbage", "other key", "alg none"]
    assert "nothing is seeded" in pool.describe()[0]


def test_a_scenario_may_have_a_file_of_its_own(tmp_path: Path) -> None:
    own = PLAN.replace("[scenario.plain]\n", '[scenario.plain]\npool = "mine.json"\n')
    assert "given" in planned(tmp_path, MINE, own, top="").pool


def test_one_organization_has_no_strangers_and_tokens_that_are_no_jwt_are_not_forged(tmp_path: Path) -> None:
    content = changed(lambda mine: [one.update(organization="") for part in mine.values() for one in part])
    assert "stranger" not in planned(tmp_path, content).mix
    content["practitioners"] = [{"token": "opaque"}]
    assert planned(tmp_path, content).contract["token_defects"] == ["absent", "garbage"]
    content["practitioners"] = [{"token": "a.b.c"}, {"token": "opaque"}]
    assert planned(tmp_path, content).contract["token_defects"] == ["absent", "garbage"]


WRONG: dict[str, tuple[Any, str]] = {
    "not JSON": ("{", "not JSON in UTF-8"),
    "a list": ([], 'expected {"authorizations": ['),
    "another word at the top": (changed(lambda m: m.update(patients=[])), 'expected {"authorizations": ['),
    "nothing of a kind": (changed(lambda m: m.update(practitioners=[])), "practitioners: expected a list of at least"),
    "no object": (changed(lambda m: m["authorizations"].append(A)), "authorizations[2]: expected an object with id"),
    "another word": (
        changed(lambda m: m["authorizations"][1].update(units=5)),
        "authorizations[1]: unknown key 'units'",
    ),
    "no id": (changed(lambda m: m["authorizations"][1].pop("id")), "authorizations[1]: id = None"),
    "an id that no URL has": (
        changed(lambda m: m["authorizations"][0].update(id="a/b")),
        "authorizations[0]: id = 'a/b'",
    ),
    "true for an id": (changed(lambda m: m["authorizations"][0].update(id=True)), "authorizations[0]: id = True"),
    "one id twice": (
        changed(lambda m: m["authorizations"][1].update(id=A.lower())),
        f"authorizations[1]: id '{A.lower()}' is that of authorizations[0]",
    ),
    "no total": (changed(lambda m: m["authorizations"][1].pop("total")), "authorizations[1]: total = None"),
    "a total of none": (changed(lambda m: m["authorizations"][1].update(total=0)), "authorizations[1]: total = 0"),
    "a total beyond": (
        changed(lambda m: m["authorizations"][1].update(total=2**20)),
        "authorizations[1]: total = 1048576",
    ),
    "hot in words": (changed(lambda m: m["authorizations"][1].update(hot="no")), "authorizations[1]: hot = 'no'"),
    "an organization of another type": (
        changed(lambda m: m["authorizations"][1].update(organization=[])),
        "authorizations[1]: organization = []",
    ),
    "an organization without practitioners": (
        changed(lambda m: m["authorizations"][1].update(organization="west")),
        "authorizations[1]: no practitioner of organization 'west'",
    ),
    "no token": (changed(lambda m: m["practitioners"][1].pop("token")), "practitioners[1]: no token"),
    "a token of two lines": (
        changed(lambda m: m["practitioners"][1].update(token="a\nb")),
        "practitioners[1]: token: ",
    ),
    "an expired token of one": (
        changed(lambda m: m["practitioners"][0].update(expired="a.b.c")),
        "practitioners[1]: no expired: expected one of all",
    ),
    "too many practitioners": (
        changed(lambda m: m.update(practitioners=m["practitioners"] * 128)),
        "practitioners: 256: expected at most 255",
    ),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=list(WRONG))
def test_a_bad_file_is_refused_with_its_place(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError) as refused:
        planned(tmp_path, content)
    assert str(refused.value).startswith(f"{tmp_path}/plan.toml:1: ")
    assert f"{tmp_path}/mine.json: {message}" in str(refused.value)


def test_a_missing_file_movements_rounds_without_hot_ones_and_other_systems_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"theirs\.json: No such file or directory: expected a pool"):
        planned(tmp_path, MINE, top='pool = "theirs.json"\n')
    with pytest.raises(PlanError, match=r'expected movements = "" in \[database\]'):
        planned(tmp_path, MINE, PLAN.replace('movements = ""', "").replace('key_header = ""', ""))
    cool = changed(lambda mine: mine["authorizations"][0].pop("hot"))
    with pytest.raises(PlanError, match='expected some with "hot": true'):
        planned(tmp_path, cool, PLAN.replace("users = { Clinic", "rounds = true\nusers = { Clinic"))
    of_messages = PLAN.replace('"authorizations"', '"messages"').partition("[contract]")[0] + (
        '[scenario.plain]\nusers = { MessageSender = 1 }\nthink = "1s"\nstages.smoke = [{ users = 5, for = "2s" }]\n'
    )
    with pytest.raises(PlanError, match="messages has no pool of a file"):
        planned(tmp_path, MINE, of_messages)
