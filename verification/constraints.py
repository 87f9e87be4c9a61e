"""Keys are unique and references lead somewhere: in the rows themselves, and kept so by constraints in force."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from harness.database import quoted
from systems import ids
from verification.case import Found
from verification.reading import Reader


@dataclass(frozen=True)
class UniqueKey:
    """A column each of whose values is in one row only."""

    table: str
    column: str
    rows: int
    """How many rows the table has."""
    repeated: pd.DataFrame
    """The values that are in several rows, most often first: value, copies."""
    indexes: dict[str, bool]
    """The definitions of the unique indexes on just this column, and whether each is in force."""


@dataclass(frozen=True)
class Reference:
    """A column that names a row of another table."""

    table: str
    column: str
    parent: str
    rows: int
    """How many rows the table has."""
    orphans: pd.DataFrame
    """Rows that name none: id, value."""
    constraints: dict[str, str]
    """The foreign keys on just this column, and what is missing to each; "" = it is in force."""
    parent_id: str = "id"


def unique_key(reader: Reader, table: str, column: str, run: str, own: pd.DataFrame, count: int) -> UniqueKey:
    """The rows of `table`, and what keeps `column` unique there; the `count` rows of `run` were read already, and what
    was not put into parts is `own`.
    """
    rows = _rows(reader, quoted(table))
    # Where there are no others, they need not be looked for.
    name = quoted(column)
    others = reader.frame(
        f"SELECT {name}, count(*) FROM {quoted(table)} WHERE {rows > count} AND ({name} LIKE %(ours)s) IS NOT TRUE "
        "GROUP BY 1 HAVING count(*) > 1",
        {"value": "str", "copies": "int64"},
        {"ours": f"{run}-%"},
    )
    indexes = reader.rows(
        """
        SELECT pg_get_indexdef(indexrelid), indisvalid AND indisready AND indislive FROM pg_index
        WHERE indrelid = %(table)s::regclass AND indisunique AND indpred IS NULL AND indnkeyatts = 1 AND indkey[0] =
            (SELECT attnum FROM pg_attribute WHERE attrelid = indrelid AND attname = %(column)s)
        """,
        {"table": quoted(table), "column": column},
    )
    found = UniqueKey(quoted(table), quoted(column), rows, others, dict(indexes))
    return with_repeated(found, [repeated(run, own)])


def with_repeated(unique: UniqueKey, more: Sequence[pd.DataFrame]) -> UniqueKey:
    """The same, with `more` values that are in several rows."""
    repeated = pd.concat([*more, unique.repeated]).sort_values(["copies", "value"], ascending=[False, True])
    return replace(unique, repeated=repeated)


def repeated(run: str, own: pd.DataFrame) -> pd.DataFrame:
    """The keys of `run` that are in several of its rows (`verification.rows.own`)."""
    op, copies = np.unique(own["op"].to_numpy()[own["op"].to_numpy() >= 0], return_counts=True)
    several = pd.DataFrame({"value": [ids.key(run, n) for n in op[copies > 1].tolist()], "copies": copies[copies > 1]})
    strays = own["stray"].dropna().astype("str").value_counts().rename_axis("value").reset_index(name="copies")
    return pd.concat([several.astype({"value": "str"}), strays[strays["copies"] > 1]])


def reference(reader: Reader, table: str, column: str, parent: str, ids: tuple[str, str] = ("id", "id")) -> Reference:
    """What `column` of `table` names in `parent`, and what keeps it so; `ids` are the columns with the ids of both."""
    plain, (own, theirs) = column, map(quoted, ids)
    table, column, parent = map(quoted, (table, column, parent))
    orphans = reader.frame(
        f"SELECT c.{own}, c.{column} FROM {table} c LEFT JOIN {parent} p ON p.{theirs} = c.{column} "
        f"WHERE p.{theirs} IS NULL ORDER BY 1",
        {"id": "str", "value": "str"},
    )
    # conenforced came with PostgreSQL 18.
    constraints = reader.rows(
        """
        SELECT conname, concat_ws(', ',
            CASE WHEN NOT convalidated THEN 'it was never validated' END,
            CASE WHEN to_jsonb(c) ->> 'conenforced' = 'false' THEN 'it is not enforced' END,
            CASE WHEN EXISTS (SELECT FROM pg_trigger WHERE tgconstraint = c.oid AND tgenabled NOT IN ('O', 'A'))
                THEN 'its triggers are disabled' END)
        FROM pg_constraint c WHERE contype = 'f' AND conrelid = %(table)s::regclass AND confrelid = %(parent)s::regclass
        AND conkey = (SELECT ARRAY[attnum] FROM pg_attribute WHERE attrelid = conrelid AND attname = %(column)s)
        """,
        {"table": table, "parent": parent, "column": plain},
    )
    return Reference(table, column, parent, _rows(reader, table), orphans, dict(constraints), theirs)


def stored_once(unique: UniqueKey) -> Found:
    """Whether each value is in one row: by the rows."""
    if unique.repeated.empty:
        return Found(unique.rows)
    first = unique.repeated.iloc[0]
    value, copies = None if pd.isna(first["value"]) else str(first["value"]), int(first["copies"])
    condition = f"{unique.column} IS NULL" if value is None else f"{unique.column} = {_literal(value)}"
    shown = {unique.column: value, "rows": copies}
    return Found(
        unique.rows,
        len(unique.repeated),
        f"{len(unique.repeated):,} keys are in more than one row; most often {value}, in {copies:,}",
        shown,
        shown,
        f"SELECT * FROM {unique.table} WHERE {condition};",
    )


def index_stands(unique: UniqueKey) -> Found:
    """Whether a unique index is in force."""
    if any(unique.indexes.values()):
        return Found(1)
    invalid = f": {'; '.join(unique.indexes)} is not valid" if unique.indexes else ""
    return Found(
        1,
        1,
        f"no unique index on {unique.table} ({unique.column}) is in force{invalid}: equal keys would both be stored",
        {"indexes": list(unique.indexes), "ddl": f"CREATE UNIQUE INDEX ON {unique.table} ({unique.column});"},
        sql=f"SELECT indexrelid::regclass, * FROM pg_index WHERE indrelid = '{unique.table}'::regclass;",
    )


def leads_somewhere(reference: Reference) -> Found:
    """Whether each row names one of the parent: by the rows."""
    if reference.orphans.empty:
        return Found(reference.rows)
    table, column, parent = reference.table, reference.column, reference.parent
    first = reference.orphans.iloc[0]
    value = None if pd.isna(first["value"]) else str(first["value"])
    return Found(
        reference.rows,
        len(reference.orphans),
        f"{len(reference.orphans):,} rows of {table} name none of {parent}; the first has {column} {value}. "
        f"{_foreign_key(reference) or 'A foreign key is in force all the same: it was passed by'}",
        {"id": str(first["id"]), column: value},
        sql=f"SELECT c.* FROM {table} c LEFT JOIN {parent} p ON p.{reference.parent_id} = c.{column} "
        f"WHERE p.{reference.parent_id} IS NULL;",
    )


def foreign_key_stands(reference: Reference) -> Found:
    """Whether a foreign key is in force."""
    missing = _foreign_key(reference)
    if not missing:
        return Found(1)
    return Found(
        1,
        1,
        f"{missing}: a row that names none would be stored",
        {"constraints": reference.constraints},
        sql=f"SELECT * FROM pg_constraint WHERE conrelid = '{reference.table}'::regclass;",
    )


def _foreign_key(reference: Reference) -> str:
    """Why no foreign key is in force; "" if one is."""
    if not reference.constraints:
        return f"No foreign key leads from {reference.table} ({reference.column}) to {reference.parent}"
    if not all(reference.constraints.values()):
        return ""
    return "; ".join(f"Foreign key {name}: {missing}" for name, missing in reference.constraints.items())


def _rows(reader: Reader, table: str) -> int:
    return int(reader.row(f"SELECT count(*) FROM {table}")[0])


def _literal(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
