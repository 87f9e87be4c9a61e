"""Orders as the requirement has them, each made of its number: the events that are sent, and files of them.

`python -m systems.orchestrator_orders 10000 orders.jsonl` writes a file, one event a line.
"""

import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from systems.zipf import Zipf

ORDER_CREATED = "OrderCreated"
ORCHESTRATION = "order-processing"
STANDARD, PREMIUM, VIP = TIERS = ("standard", "premium", "vip")
TIER_SHARES = (70, 22, 8)
CUSTOMERS = 1_000
SKUS = 500
MOST_LINES = 5
MOST = 10_000_000
"""So many orders a file may have."""

EXAMPLES = 2_500
"""How many orders examples/test-orders-2500.jsonl has; loads that draw from no file take these in turn."""

_CUSTOMERS = Zipf(range(1, CUSTOMERS + 1))

Event = dict[str, Any]


def order(number: int) -> Event:
    """Event `number`, from 1: the same whenever it is asked for. Amounts have whole cents."""
    chance = random.Random(number * 2_654_435_761)
    customer = _CUSTOMERS.draw(chance.random())
    lines: list[dict[str, Any]] = [
        {
            "sku": f"SKU-{chance.randint(1, SKUS):04d}",
            "quantity": chance.randint(1, 4),
            "price": chance.randint(199, 19_999) / 100,
        }
        for _ in range(chance.choices(range(1, MOST_LINES + 1), (40, 28, 17, 10, 5))[0])
    ]
    total = sum(line["quantity"] * round(line["price"] * 100) for line in lines)
    return {
        "type": ORDER_CREATED,
        "correlationId": f"order-{number:04d}-{chance.getrandbits(24):06x}",
        "orchestrationName": ORCHESTRATION,
        "context": {
            "orderId": f"ORD-{number:04d}",
            "customerId": f"CUST-{customer:03d}",
            "customerTier": tier(customer),
            "orderTotal": total / 100,
            "items": lines,
        },
    }


def tier(customer: int) -> str:
    """That of a customer, who has one."""
    place = customer * 7_919 % 100
    return TIERS[0 if place < TIER_SHARES[0] else 1 if place < sum(TIER_SHARES[:2]) else 2]


def orders(count: int) -> Iterator[Event]:
    """The first `count`, one after the other."""
    return map(order, range(1, count + 1))


def lines(count: int) -> Iterator[str]:
    """The same as lines of a file."""
    return (f"{json.dumps(one, separators=(',', ':'))}\n" for one in orders(count))


def main(arguments: Sequence[str]) -> int:
    """Write a file of orders: how many, and where; 2 for what can't be done."""
    if len(arguments) != 2 or not arguments[0].isdecimal() or not 0 < int(arguments[0]) <= MOST:
        print(f"error: {' '.join(arguments)!r}: expected how many orders (1 to {MOST:,}), and a file", file=sys.stderr)
        return 2
    count, path = int(arguments[0]), Path(arguments[1])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="ascii") as file:
            file.writelines(lines(count))
    except OSError as error:
        print(f"error: {path}: {error.strerror}: expected a file that can be written", file=sys.stderr)
        return 2
    print(f"{path}: {count:,} orders, {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
