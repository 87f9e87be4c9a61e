"""A contract that can't be kept is refused with file and line; what it says is shown as one request and its answers."""

from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.plan import plans, reading
from harness.plan.text import describe
from harness.settings import Settings

PLAN = """
system = "messages"
[scenario.mine]
purpose = "created, process and headers are words of [contract], too"
users = { MessageSender = 1 }
max_users = 5
mix = { process = 9, repeat = 1 }
arrivals.smoke = [{ rate = 5, for = "1s" }]
rules = ["p95(response_time) < 30s"]

[contract]
used_key = 409
"""
LINE = 12
"""That of used_key."""


def find(path: Path, contract: str) -> reading.Scenario:
    file = path / "mine.toml"
    file.write_text(PLAN.replace("used_key = 409", contract))
    return reading.find("mine", "smoke", file)


BODY = 'body = { u = "{user}", c = "{content}", k = "{key}" }'


@pytest.mark.parametrize(
    ("contract", "line", "says"),
    [
        ("used_key = 201", LINE, "used_key = 201, as created: expected two statuses"),
        ("unknown_user = 201", LINE, "unknown_user = 201, as created"),
        ("unknown_user = 409", LINE, "another status than used_key"),
        ("created = 42", LINE, "a status, 100 to 599"),
        ("used_key = 600", LINE, "a status, 100 to 599"),
        ('process = "/messages"', LINE, "a method and a path"),
        ('process = "POST messages"', LINE, "a method and a path"),
        ('process = "post /messages"', LINE, "a method and a path"),
        ('health = "GET"', LINE, "a method and a path"),
        ('process = "POST /users/{usr}/messages"', LINE, "unknown word {usr}; did you mean 'user'?"),
        ('process = "POST /messages/{key}"', LINE, "unknown word {key}; known: user"),
        (BODY.replace("{user}", "{usr}"), LINE, "unknown word {usr}; did you mean 'user'?"),
        (BODY.replace("{key}", "x"), LINE, "{key} somewhere in body or headers"),
        (BODY.replace("{content}", "x"), LINE, "{content} somewhere"),
        (f'{BODY}\nheaders = {{ X = "{{content}}" }}', LINE + 1, "unknown word {content}"),
        ('headers = { Host = "x" }', LINE, "other headers than Host"),
        ('headers = { "X Y" = "x" }', LINE, "names of headers"),
        ('headers = { X = "a\\r\\nb" }', LINE, "names of headers"),
        ("headers = { X = 1 }", LINE, "names of headers"),
        ("body = { u = nan }", LINE, "what JSON has"),
        ("body = { u = 2026-01-01 }", LINE, "what JSON has"),
        ('body = "{user}"', LINE, "expected something like {"),
        ('content = ["emoji"]', LINE, "some of 'empty'"),
        ('[contract.body]\nu = [{ v = "{usr}" }]', LINE + 1, "unknown word {usr}"),
    ],
)
def test_a_contract_that_can_not_be_kept_is_refused_with_its_line(
    contract: str, line: int, says: str, tmp_path: Path
) -> None:
    with pytest.raises(PlanError) as caught:
        find(tmp_path, contract)

    assert str(caught.value).startswith(f"{tmp_path / 'mine.toml'}:{line}: "), str(caught.value)
    assert says in str(caught.value)


def test_what_is_due_later_needs_a_time_in_the_request(tmp_path: Path) -> None:
    find(tmp_path, BODY)
    file = tmp_path / "mine.toml"
    file.write_text(file.read_text().replace("mix = { process = 9, repeat = 1 }", "mix = { process = 9, later = 1 }"))

    with pytest.raises(PlanError, match=r"\{time\} in it"):
        reading.find("mine", "smoke", file)


def test_a_plan_shows_a_request_and_the_answers_that_it_understands(tmp_path: Path) -> None:
    contract = f'{BODY}\nprocess = "PUT /users/{{user}}/m"\nheaders = {{ X-Key = "{{key}}" }}\nsame = ""'
    said = describe(find(tmp_path, contract), Settings(target_url="http://127.0.0.1:9"))

    assert "  PUT http://127.0.0.1:9/users/00000000-0000-4000-8000-000000000001/m\n" in said
    assert "  X-Key: 20261120T235501a1b2c3-0000000000000001\n" in said
    assert '{"u": "00000000-0000-4000-8000-000000000001", "c": "Proofload message 1' in said
    assert "  201  a new message, stored; its id in messageId\n" in said
    assert "  409  the key was used before; whether for the same message is not told\n" in said
    assert "any other: what it did is not known" in said


def lines_of(name: str, **stated: object) -> list[str]:
    """What a plan of the authorizations with this in its [contract] shows of a request and its answers."""
    tables, text = plans.read(Path("systems/authorizations.toml"))
    changed = {**tables, "system": "authorizations", "contract": stated}
    if stated.get("key_header") == "":
        changed["database"] = {"movements": ""}
    found = reading.resolve(changed, name, "smoke", reading.Where(Path("x.toml"), text, name))
    said = describe(found, Settings(target_url="http://127.0.0.1:9"))
    return [line.strip() for line in said.partition("a request (")[2].splitlines()]


def test_a_plan_of_authorizations_shows_a_request_and_the_answers_that_it_understands() -> None:
    said = lines_of("mixed")

    assert "POST http://127.0.0.1:9/api/authorizations/00000000-0000-4000-8000-000000000011/reserve" in said
    assert "Authorization: Bearer <the token of a practitioner>" in said
    assert "Idempotency-Key: 20261120T235501a1b2c3-0000000000000001" in said
    assert '{"units": 5}' in said
    assert [line[:3] for line in said if line[:3].isdigit()] == ["200", "409", "503", "401", "403", "422"]
    assert '409  not enough units to reserve or release or consume, nothing stored; only if error is "insu' in str(said)


def test_what_a_service_does_not_have_is_neither_sent_nor_expected() -> None:
    said = lines_of(
        "mixed",
        **{"key_header": "", "token_header": "", "reserve": "PUT /a/{id}", "units": "n", "replayed": "", "version": ""},
        **{"conflicts": {"release": {"status": 400, "error": "Bad Request"}}, "insufficient_units": ""},
    )

    assert said[1:4] == [
        "PUT http://127.0.0.1:9/a/00000000-0000-4000-8000-000000000011",
        "Content-Type: application/json",
        '{"n": 5}',
    ]
    assert [line[:3] for line in said if line[:3].isdigit()] == ["200", "409", "400", "503"]
    assert "409  not enough units to reserve or consume, nothing stored" in said
    assert '400  not enough units to release, nothing stored; only if error is "Bad Request"' in said
    assert "200  done; the authorization as it is now, in totalUnits, usedUnits, scheduledUnits, availableUnits" in said


def test_refusals_may_share_a_status(tmp_path: Path) -> None:
    tables, text = plans.read(Path("systems/authorizations.toml"))
    changed = {**tables, "system": "authorizations", "contract": {"conflict": 400, "key_reused": 400}}

    found = reading.resolve(changed, "mixed", "smoke", reading.Where(Path("x.toml"), text, "mixed"))
    assert found.contract["conflict"] == found.contract["key_reused"] == 400
