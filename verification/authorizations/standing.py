"""The authorizations and people of the pool, as they stand."""

from collections.abc import Mapping

import pandas as pd

from systems import ids
from systems.authorizations_given import Given
from verification.binary import ID, WHOLE, WRITER, selected
from verification.reading import Reader

Names = Mapping[str, str]
"""What tables and columns are called in SQL, by the keys of [database]; "" = there is none."""

PEOPLE = ("organizations", "practitioners", "patients")


def authorizations(reader: Reader, names: Names) -> pd.DataFrame:
    """Number, organization, patient, total, used, scheduled, version (0 if there is none), writer (xmin)."""
    columns = {"number": names["authorization_id"]}
    columns |= {name: names[f"authorization_{name}"] for name in ("organization", "patient")}
    columns |= {name: names[name] for name in ("total", "used", "scheduled")}
    columns |= {"version": names["version"] or "0", "writer": "xmin"}
    types = dict.fromkeys(columns, WHOLE) | dict.fromkeys(("number", "organization", "patient"), ID)
    return _read(reader, names, "authorization", columns, types | {"writer": WRITER})


def given(reader: Reader, names: Names, pool: Given) -> pd.DataFrame:
    """The same of a pool of a file, without organizations and patients: their ids are text, of whatever type."""
    key = f"{names['authorization_id']}::text"
    columns = ", ".join(names[name] or "0" for name in ("total", "used", "scheduled", "version"))
    types = {"id": "str", **dict.fromkeys(("total", "used", "scheduled", "version", "writer"), "int64")}
    found = reader.frame(
        f"SELECT {key}, {columns}, xmin::text::bigint FROM {names['authorizations']} WHERE {key} = ANY(%(ids)s)",
        types,
        {"ids": [id_ for id_, *_ in pool.given]},
    )
    number = {id_: place for place, (id_, *_) in enumerate(pool.given, 1)}
    found["number"] = found.pop("id").map(number).astype("int64")
    return found.assign(organization=0, patient=0).sort_values("number", ignore_index=True)


def people(reader: Reader, names: Names) -> dict[str, pd.DataFrame]:
    """Each of PEOPLE: number and, but for the organizations, organization."""
    found = {}
    for things in PEOPLE:
        one = things.removesuffix("s")
        columns = {"number": names[f"{one}_id"]}
        if things != "organizations":
            columns["organization"] = names[f"{one}_organization"]
        found[things] = _read(reader, names, one, columns, dict.fromkeys(columns, ID))
    return found


def overbooked(reader: Reader, names: Names) -> tuple[pd.DataFrame, int]:
    """What the document's own query returns: id, total, used, scheduled; and how many rows it looked at."""
    columns = ", ".join(names[name] for name in ("total", "used", "scheduled"))
    found = reader.frame(
        f"SELECT {names['authorization_id']}, {columns} {overbooked_sql(names)} ORDER BY 1",
        {"id": "str", "total": "int64", "used": "int64", "scheduled": "int64"},
    )
    (rows,) = reader.row(f"SELECT count(*) FROM {names['authorizations']}")
    return found, int(rows)


def overbooked_sql(names: Names) -> str:
    """The query of the document, behind what it selects."""
    return f"FROM {names['authorizations']} WHERE {names['used']} + {names['scheduled']} > {names['total']}"


def _read(reader: Reader, names: Names, one: str, columns: Mapping[str, str], types: Mapping[str, str]) -> pd.DataFrame:
    """The rows of the pool, by number."""
    of_pool = f"FROM {names[f'{one}s']} WHERE {names[f'{one}_id']} {ids.POOL_SQL}"
    found = reader.columns(f"SELECT {selected(columns, types)} {of_pool}", types)
    return pd.DataFrame(found).sort_values("number", ignore_index=True)
