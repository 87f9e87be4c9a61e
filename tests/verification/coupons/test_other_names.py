"""A service with other tables, columns and words is seeded, loaded and judged by a plan; what it lacks is said."""

from pathlib import Path
from typing import Any

import pytest

from harness.plan import plans
from harness.stack.postgres import Postgres
from harness.stack.variant import Variant
from harness.verdict import CheckState
from tests.support.judged import LOADS, database_of, judged
from tests.support.plans import varied
from tests.support.target_process import query

pytestmark = pytest.mark.usefixtures("nurseries")

TABLES = ("users", "coupons", "usages", "logs")
LACKED = {"log_written": "", "usage_discount": "", "log_response_ms": ""}
REFERENCE = plans.reference("coupons", "database")
NAMES: dict[str, Any] = {key: f'{name} of "them"' for key, name in REFERENCE.items()} | LACKED
COLUMNS = {
    "users": ("user_id", "user_name", "user_email", "user_created"),
    "coupons": (
        *("coupon_id", "coupon_code", "coupon_type", "coupon_status", "discount_type", "discount_value"),
        *("max_discount", "min_order", "coupon_user", "valid_from", "valid_until", "max_total_uses"),
        *("current_total_uses", "max_uses_per_user"),
    ),
    "usages": ("usage_id", "usage_coupon", "usage_user", "usage_order", "usage_at"),
    "logs": (
        *("log_request", "log_coupon", "log_code", "log_user", "log_order", "log_value", "log_valid", "log_reason"),
        *("log_discount", "log_final", "log_validated"),
    ),
}


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def with_views(url: str) -> None:
    """The reference target finds the tables of the others under its own names."""
    query(url, f"ALTER TABLE {quoted(NAMES['usages'])} ADD discount_amount numeric NOT NULL DEFAULT 0")
    query(url, f"ALTER TABLE {quoted(NAMES['logs'])} ADD response_time_ms numeric, ADD logged_at timestamptz")
    more = {"usages": ", discount_amount", "logs": ", response_time_ms, logged_at"}
    for table in TABLES:
        columns = ", ".join(f"{quoted(NAMES[one])} AS {REFERENCE[one]}" for one in COLUMNS[table])
        query(
            url, f"CREATE VIEW {REFERENCE[table]} AS SELECT {columns}{more.get(table, '')} FROM {quoted(NAMES[table])}"
        )
    # What a default of the table gives is not given by a view.
    for table, column, default in (
        ("usages", "usage_id", "gen_random_uuid()"),
        ("usages", "usage_at", "clock_timestamp()"),
    ):
        query(url, f"ALTER VIEW {REFERENCE[table]} ALTER {REFERENCE[column]} SET DEFAULT {default}")


def test_another_service_is_judged_by_a_plan_alone(cluster: Postgres, tmp_path: Path) -> None:
    name, table, _ = LOADS["coupons"]
    contract = {
        **plans.reference("coupons", "contract"),
        **{"reason": "", "final": "", "log_queue": "", "replayed": "", "coupon_uses": "", "switches": False},
    }
    scenario = varied(
        name,
        "smoke",
        {"drain": "8s", "timeout": "8s", "rules": ["ratio(errors) < 1%"], **table},
        pool={"users": 1_500},
        database=NAMES,
        contract=contract,
        service={"api": {"flush_seconds": 1}},
    )
    with database_of(cluster, scenario):
        (template,) = [one for one in cluster.databases() if one.endswith("_1500")]
        with_views(cluster.url(template))
    found = judged(cluster, tmp_path, scenario, Variant())

    assert found.checks(CheckState.VIOLATED) == found.checks(CheckState.UNDECIDED) == set()
    assert {"X1", "X2", "X4", "X5", "VERDICT", "LOG", "U1", "U4", "U5", "USES", "LIMITS", "SERVED", "READ", "POOL"} <= (
        found.checks(CheckState.HOLDS)
    )
    said = " ".join(found.run.read("integrity.json")["weakened"])
    for word in ("(reason)", "final", "was logged", "usages have no amount", "log_queue", "PLAN"):
        assert word in said
