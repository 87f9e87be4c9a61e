"""The tables of the authorizations, under the names that a plan's [database] gives them."""

from collections.abc import Mapping

from sqlalchemy import (
    TIMESTAMP,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)

from systems.authorizations import MOVES

VERSION = 1
"""To be raised with every change of the tables."""

UNITS_CHECK = "authorizations_units_check"
"""The constraint that keeps an authorization from being overbooked, whatever the application does."""


def tables(names: Mapping[str, str]) -> MetaData:
    """The tables with `names` as in [database]; no table of movements, no version, if that name is empty."""
    made = MetaData()
    for thing in ("organization", "practitioner", "patient"):
        columns = [Column(names[f"{thing}_id"], Uuid, primary_key=True)]
        if thing != "organization":
            columns.append(_reference(f"{thing}_organization", "organization", names, index=False))
        Table(names[f"{thing}s"], made, *columns, Column(names[f"{thing}_name"], Text, nullable=False))
    used, scheduled, total = (f'"{names[column]}"' for column in ("used", "scheduled", "total"))
    version = [Column(names["version"], Integer, nullable=False, server_default="0")] if names["version"] else []
    Table(
        names["authorizations"],
        made,
        Column(names["authorization_id"], Uuid, primary_key=True),
        _reference("authorization_organization", "organization", names),
        _reference("authorization_patient", "patient", names, index=False),
        Column(names["auth_number"], Text, nullable=False, unique=True),
        *(
            Column(names[column], Integer, nullable=False, server_default=default)
            for column, default in (("total", None), ("used", "0"), ("scheduled", "0"))
        ),
        *version,
        Column(names["start_date"], Date, nullable=False),
        Column(names["end_date"], Date, nullable=False),
        Column(names["status"], Text, nullable=False, server_default="ACTIVE"),
        CheckConstraint(f"{used} >= 0 AND {scheduled} >= 0 AND {used} + {scheduled} <= {total}", name=UNITS_CHECK),
    )
    if names["movements"]:
        kinds = ", ".join(f"'{move}'" for move in MOVES)
        Table(
            names["movements"],
            made,
            Column(names["movement_id"], Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
            _reference("movement_authorization", "authorization", names),
            Column(names["movement_kind"], Text, nullable=False),
            Column(names["movement_units"], Integer, nullable=False),
            Column(names["movement_key"], Text, nullable=False, unique=True),
            _reference("movement_practitioner", "practitioner", names, index=False),
            Column(
                names["movement_created"],
                TIMESTAMP(timezone=True),
                nullable=False,
                server_default=text("clock_timestamp()"),
            ),
            CheckConstraint(f'"{names["movement_units"]}" > 0', name="unit_movements_units_check"),
            CheckConstraint(f'"{names["movement_kind"]}" IN ({kinds})', name="unit_movements_kind_check"),
        )
    return made


def _reference(column: str, thing: str, names: Mapping[str, str], index: bool = True) -> Column[object]:
    target = ForeignKey(f"{names[f'{thing}s']}.{names[f'{thing}_id']}")
    return Column(names[column], Uuid, target, nullable=False, index=index)
