"""A pool of the user's own: authorizations that are in the database of a service, and tokens that it knows."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from systems import ids

TOKENS = {"token": "practitionerTokens", "expired": "expiredTokens", "other_audience": "otherAudienceTokens"}
"""The tokens of a practitioner in the file, and what fixtures call them."""

KEYS = {
    "authorizations": ("id", "total", "organization", "hot"),
    "practitioners": ("organization", *TOKENS),
}
"""What the file has: lists of objects with these keys."""

MOST_AUTHORIZATIONS, MOST_PRACTITIONERS, MOST_UNITS = 200_000, 255, 2**20 - 1
"""What a record of an operation has room for, and run.json."""

FORGED = {"expired": "expired", "other audience": "other_audience"}
"""The defects that can't be made of a good token, and the token of the file that has each."""


_ID = re.compile(r"[A-Za-z0-9._~:@-]+")
"""What can stand in a path of a URL as it is."""


@dataclass(frozen=True)
class Given:
    """The pool of a file, without its tokens. Authorizations and practitioners are numbered from 1, in their order."""

    file: str
    given: Sequence[tuple[str, int, int, bool]]
    """Id, organization, total and whether it is hot, of each authorization."""
    staff: Sequence[int]
    """The organization of each practitioner."""

    @cached_property
    def hot(self) -> Sequence[int]:
        """The numbers of the hot ones …"""
        return [number for number, (*_, hot) in enumerate(self.given, 1) if hot]

    @cached_property
    def others(self) -> Sequence[int]:
        """… and of the others; of all, if there are only hot ones."""
        cool = [number for number, (*_, hot) in enumerate(self.given, 1) if not hot]
        return cool or range(1, len(self.given) + 1)

    @property
    def organizations(self) -> int:
        """How many there are, numbered from 1."""
        return max(self.staff)

    def id_of(self, number: int) -> str:
        """The id of an authorization."""
        return self.given[number - 1][0]

    def organization_of(self, number: int) -> int:
        """Its organization."""
        return self.given[number - 1][1]

    def total_of(self, number: int) -> int:
        """Its units."""
        return self.given[number - 1][2]

    def staff_of(self, organization: int) -> Sequence[int]:
        """The practitioners of an organization."""
        return self._staff[organization]

    @cached_property
    def _staff(self) -> dict[int, list[int]]:
        numbers = range(1, self.organizations + 1)
        return {n: [who for who, of in enumerate(self.staff, 1) if of == n] for n in numbers}

    def drawn(self, chance: float, spread: bool) -> int:
        """The authorization of a move that goes to none of the hot ones, for a `chance` from 0 to below 1."""
        return self.others[int(chance * len(self.others))]

    def describe(self) -> tuple[str, ...]:
        """Lines for a plan."""
        units = sum(total for _, _, total, _ in self.given)
        return (
            f"{len(self.given):,} authorizations with {units:,} units, {len(self.hot):,} of them hot, and "
            f"{len(self.staff)} practitioners, as {self.file} has them: nothing is seeded",
        )


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """What the file at `path` has; ValueError with the file and the place of what is wrong in it."""
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}: expected a pool: {_example()}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON in UTF-8: {error}") from None
    try:
        return _checked(found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _checked(found: object) -> dict[str, list[dict[str, Any]]]:
    if not isinstance(found, dict) or set(found) != set(KEYS):
        raise ValueError(f"expected {_example()}")
    for thing, keys in KEYS.items():
        if not isinstance(found[thing], list) or not found[thing]:
            raise ValueError(f"{thing}: expected a list of at least one")
        for place, one in enumerate(found[thing]):
            if not isinstance(one, dict):
                raise ValueError(f"{thing}[{place}]: expected an object with {', '.join(keys)}")
            for key in one:
                if key not in keys:
                    raise ValueError(f"{thing}[{place}]: unknown key {key!r}: expected {', '.join(keys)}")
    authorizations = [_authorization(place, one) for place, one in enumerate(found["authorizations"])]
    practitioners = [_practitioner(place, one) for place, one in enumerate(found["practitioners"])]
    for thing, most in (("authorizations", MOST_AUTHORIZATIONS), ("practitioners", MOST_PRACTITIONERS)):
        if len(found[thing]) > most:
            raise ValueError(f"{thing}: {len(found[thing]):,}: expected at most {most:,}")
    first: dict[str, int] = {}
    staffed = {one["organization"] for one in practitioners}
    for place, one in enumerate(authorizations):
        if first.setdefault(one["id"], place) != place:
            raise ValueError(f"authorizations[{place}]: id {one['id']!r} is that of authorizations[{first[one['id']]}]")
        if one["organization"] not in staffed:
            raise ValueError(f"authorizations[{place}]: no practitioner of organization {one['organization']!r}")
    for name in ("expired", "other_audience"):
        lacking = [place for place, one in enumerate(practitioners) if name not in one]
        if lacking and len(lacking) < len(practitioners):
            raise ValueError(f"practitioners[{lacking[0]}]: no {name}: expected one of all practitioners, or of none")
    return {"authorizations": authorizations, "practitioners": practitioners}


def _authorization(place: int, one: Mapping[str, Any]) -> dict[str, Any]:
    where, id_, total = f"authorizations[{place}]", one.get("id"), one.get("total")
    if type(id_) not in (int, str) or not _ID.fullmatch(str(id_)):
        raise ValueError(f"{where}: id = {id_!r}: expected the id by which the service knows it, as a URL can have it")
    if type(total) is not int or not 1 <= total <= MOST_UNITS:
        raise ValueError(f"{where}: total = {total!r}: expected its units, 1 to {MOST_UNITS:,}")
    if type(one.get("hot", False)) is not bool:
        raise ValueError(f"{where}: hot = {one['hot']!r}: expected true or false")
    return {
        "id": ids.canonical(str(id_)),
        "total": total,
        "organization": _organization(where, one),
        "hot": one.get("hot", False),
    }


def _practitioner(place: int, one: Mapping[str, Any]) -> dict[str, Any]:
    where = f"practitioners[{place}]"
    if "token" not in one:
        raise ValueError(f"{where}: no token: expected what it shows the service")
    for name in TOKENS:
        token = one.get(name, "-")
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise ValueError(f"{where}: {name}: expected a token in ASCII, without line breaks")
    return {**one, "organization": _organization(where, one)}


def _organization(where: str, one: Mapping[str, Any]) -> str:
    label = one.get("organization", "")
    if type(label) not in (int, str):
        raise ValueError(f"{where}: organization = {label!r}: expected the name of its organization")
    return str(label)


def _example() -> str:
    return (
        '{"authorizations": [{"id": "…", "total": 50, "organization": "A", "hot": true}, …], '
        '"practitioners": [{"token": "…", "organization": "A"}, …]}'
    )


def pool(path: Path, rounds: bool) -> dict[str, Any]:
    """The arguments of the Given of the file at `path`, which has no tokens. ValueError as in `read`, or if `rounds`
    lack a hot authorization.
    """
    found = read(path)
    labels = {one["organization"]: None for one in found["practitioners"]}
    number = {label: place for place, label in enumerate(labels, 1)}
    if rounds and not any(one["hot"] for one in found["authorizations"]):
        raise ValueError(f'{path}: rounds contend for hot authorizations: expected some with "hot": true')
    return {
        "file": str(path),
        "given": [
            [one["id"], number[one["organization"]], one["total"], one["hot"]] for one in found["authorizations"]
        ],
        "staff": [number[one["organization"]] for one in found["practitioners"]],
    }


def agreed(path: Path, contract: Mapping[str, Any]) -> dict[str, Any]:
    """The contract without the bad tokens of which the file at `path` has no example."""
    people = read(path)["practitioners"]
    has = {defect: token in people[0] for defect, token in FORGED.items()}
    if any(one["token"].count(".") != 2 for one in people):
        has |= dict.fromkeys(("other key", "alg none"), False)
    defects = [defect for defect in contract["token_defects"] if has.get(defect, True)]
    return {**contract, "token_defects": defects}


def fixtures(path: Path) -> dict[str, Sequence[str]]:
    """The tokens in the file, as users find them."""
    people = read(path)["practitioners"]
    return {name: [one.get(key, "") for one in people] for key, name in TOKENS.items()}
