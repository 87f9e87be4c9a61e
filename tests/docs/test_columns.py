"""Every stored column is said to be compared, or not: a new one is on the list before anything passes."""

import re

import pytest

from harness.plan.plans import reference
from harness.settings import ROOT
from schema import authorizations, coupons, event_store, messages, orchestrator

LINES = (ROOT / "docs" / "integrity.md").read_text().partition("## Columns")[2].partition("\n## ")[0].splitlines()
LISTED = {line.split("|")[1].strip(" `"): re.findall(r"`(\w+)`", line)[1:] for line in LINES if line.startswith("| `")}
METADATA = (
    messages.tables(reference("messages", "database")),
    authorizations.tables(reference("authorizations", "database")),
    event_store.TABLES,
    orchestrator.TABLES,
)
TABLES = {table.name: table for metadata in METADATA for table in metadata.sorted_tables}
# Another table of the same name says of which system it is.
TABLES |= {
    f"{table.name}` (coupons)" if table.name in TABLES else table.name: table
    for table in coupons.tables(reference("coupons", "database")).sorted_tables
}


@pytest.mark.parametrize("name", TABLES)
def test_each_column_is_on_the_list(name: str) -> None:
    assert sorted(LISTED[name]) == sorted(column.name for column in TABLES[name].columns)
