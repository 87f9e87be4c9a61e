"""What a plan says of an authorization service is understood, or refused with file and line before anything is sent."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import PlanError
from harness.plan import plans, reading
from systems import authorizations, ids
from systems import authorizations_contract as agreed

REFERENCE = plans.reference("authorizations", "contract")

PLAN = """\
system = "authorizations"

[contract]
durable = true
# contract
[database]
# database
[scenario.own]
users = { Clinic = 1 }
think = "100ms"
# scenario
stages.smoke = [{ users = 10, for = "2s" }]
rules = ["ratio(errors) < 1%"]
"""


def plan(folder: Path, **parts: str) -> Path:
    """PLAN with a line instead of each of these comments."""
    text = PLAN
    for part, line in parts.items():
        text = text.replace(f"# {part}\n", line + "\n")
    path = folder / "own.toml"
    path.write_text(text)
    return path


def line(word: str) -> dict[str, str]:
    return {"contract": word}


WRONG: dict[str, tuple[dict[str, str], int, str]] = {
    "an unknown word in a claim": (
        line('claims = { userId = "{user}" }'),
        5,
        "claims: unknown word {user}; known: organization, practitioner",
    ),
    "one in a list of a claim": (line('claims = { a = { b = ["x", "{who}"] } }'), 5, "claims: unknown word {who}"),
    "an empty word": (
        line('claims = { userId = "{}" }'),
        5,
        "expected a word in the braces: practitioner, organization",
    ),
    "no claim": (line("claims = {}"), 5, "expected what a token says"),
    "claims that are no table": (line('claims = "userId"'), 5, "claims = 'userId'"),
    "a time of its own": (line('claims = { sub = "{practitioner}", exp = 1 }'), 5, "exp: seeding sets it"),
    "an unknown defect": (line('token_defects = ["stale"]'), 5, "expected some of 'absent', 'garbage'"),
    "an unknown move": (line("conflicts = { resreve = { status = 400 } }"), 5, "unknown move 'resreve'"),
    "no table for a move": (line("conflicts = { release = 400 }"), 5, "release = 400: expected { status = 400"),
    "an unknown word for a move": (line("conflicts = { release = { state = 400 } }"), 5, "expected { status = 400"),
    "no refusal": (line("conflicts = { release = { status = 201 } }"), 5, "status = 201: expected a refusal"),
    "a status in words": (line('conflicts = { release = { status = "400" } }'), 5, "expected a refusal, 400 to 499"),
    "a marker of another type": (line("conflicts = { release = { error = 4 } }"), 5, "expected a text"),
    "movements without keys": (line('key_header = ""'), 5, 'expected movements = "" in [database]'),
    "a mix without moves": ({"scenario": "mix = { forged = 1 }"}, 11, "expected some of reserve, release, consume"),
    "rounds without releases": ({"scenario": "rounds = true\nmix = { reserve = 1 }"}, 12, "expected release, too"),
}


@pytest.mark.parametrize(("parts", "at", "message"), WRONG.values(), ids=list(WRONG))
def test_what_a_plan_can_not_mean_is_refused_with_file_and_line(
    parts: dict[str, str], at: int, message: str, tmp_path: Path
) -> None:
    path = plan(tmp_path, **parts)
    with pytest.raises(PlanError) as refused:
        reading.find("own", "smoke", path)
    assert str(refused.value).startswith(f"{path}:{at}: ")
    assert message in str(refused.value)


def test_claims_name_practitioner_and_organization_wherever_they_stand() -> None:
    stated = {"id": "u-{practitioner}", "role": "PRACTITIONER", "of": {"all": ["{organization}", 7, True]}}

    assert agreed.claims({"claims": stated}, 5, 2) == {
        "id": f"u-{ids.uuid_of(5)}",
        "role": "PRACTITIONER",
        "of": {"all": [ids.uuid_of(2), 7, True]},
    }


def test_a_move_may_be_refused_by_a_status_and_a_marker_of_its_own() -> None:
    contract = {
        **REFERENCE,
        "conflict": 400,
        "insufficient_units": "Insufficient Units",
        "conflicts": {"release": {"error": "Bad Request"}, "consume": {"status": 409, "error": ""}},
    }
    assert [agreed.conflict(contract, move) for move in agreed.MOVES] == [
        (400, "Insufficient Units"),
        (400, "Bad Request"),
        (409, ""),
    ]


@pytest.mark.parametrize(
    ("lacking", "left"),
    [
        ({"key_header": ""}, {"reserve", "release", "consume", "stranger", "forged"}),
        ({"token_header": ""}, {"reserve", "release", "consume", "repeat", "reuse", "race"}),
        ({"token_defects": []}, {"reserve", "release", "consume", "repeat", "reuse", "race", "stranger"}),
    ],
)
def test_a_service_is_not_sent_what_it_can_not_know(lacking: dict[str, Any], left: set[str], tmp_path: Path) -> None:
    lines = "\n".join(f"{key} = {value!r}" for key, value in lacking.items())
    found = reading.find("own", "smoke", plan(tmp_path, contract=lines, database='movements = ""'))

    assert set(found.mix) == set(found.expected) == left


WHOLE = {"total": 50, "used": 3, "scheduled": 5, "available": 42, "version": 4}
UNITS: dict[str, tuple[tuple[str, ...], dict[str, Any], tuple[int, int, int, bool] | None]] = {
    "all is told": ((), {}, (3, 5, 4, True)),
    "it does not add up": ((), {"available": 41}, (3, 5, 4, False)),
    "available is not told": (("available",), {}, (3, 5, 4, True)),
    "used is not told": (("used",), {}, (3, 5, 4, True)),
    "scheduled is not told": (("scheduled",), {}, (3, 5, 4, True)),
    "available is not told, and the total another": (("available",), {"total": 51}, (3, 5, 4, False)),
    "the total is not told": (("total",), {}, (3, 5, 4, True)),
    "the total is not told, and it does not add up": (("total",), {"available": 41}, (3, 5, 4, False)),
    "neither is told": (("total", "available"), {}, (3, 5, 4, True)),
    "the total alone is told": (("used", "scheduled", "available", "version"), {}, (0, 0, 0, True)),
    "nothing is told": (("total", "used", "scheduled", "available", "version"), {}, (0, 0, 0, True)),
    "one that should be told is missing": (("available",), {"used": None}, None),
    "a number in words": ((), {"used": "3"}, None),
    "true for a number": ((), {"used": True}, None),
}


@pytest.mark.parametrize(("untold", "changed", "expected"), UNITS.values(), ids=list(UNITS))
def test_what_an_answer_does_not_tell_follows_from_what_it_tells(
    untold: tuple[str, ...], changed: dict[str, Any], expected: object
) -> None:
    contract = dict.fromkeys(("total", *agreed.COUNTERS, "version", "id"), "") | {
        name: name for name in WHOLE if name not in untold
    }
    assert agreed.units(contract, {**WHOLE, **changed}, 50) == expected


def test_the_sample_is_of_a_move_and_a_pool_that_the_plan_has() -> None:
    pool = {"file": "mine.json", "given": [["v-7", 1, 50, True], ["v-9", 1, 200, False]], "staff": [1]}

    route, _, body, words = authorizations.sample(REFERENCE, pool, {"consume": 1})

    assert (route, words["id"], body) == ("POST /api/authorizations/{id}/consume", "v-9", {"units": 3})
