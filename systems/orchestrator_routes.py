"""The routes as the reference has them, said again: what a target tells of its configuration is compared with them."""

from collections.abc import Iterable, Mapping
from typing import Any

from systems.orchestrator_orders import ORCHESTRATION, ORDER_CREATED

ORDER_VALIDATED, INVENTORY_RESERVED, PAYMENT_SUCCEEDED = "OrderValidated", "InventoryReserved", "PaymentSucceeded"

VALIDATION, EXPRESS, REVIEW = "validation-service-queue", "express-validation-queue", "review-validation-queue"
INVENTORY, PAYMENT, FULFILLMENT = "inventory-service-queue", "payment-service-queue", "fulfillment-service-queue"

Orchestration = Mapping[str, Any]
"""As it is told: its name, and its routes, each with eventType, conditions and defaultTarget."""

ROUTES: Orchestration = {
    "name": ORCHESTRATION,
    "routes": [
        {
            "eventType": ORDER_CREATED,
            "conditions": [
                {"condition": "context.orderTotal >= 1000", "target": REVIEW, "priority": 100},
                {"condition": "context.customerTier in ['premium', 'vip']", "target": EXPRESS, "priority": 50},
            ],
            "defaultTarget": VALIDATION,
        },
        {"eventType": ORDER_VALIDATED, "defaultTarget": INVENTORY},
        {"eventType": INVENTORY_RESERVED, "defaultTarget": PAYMENT},
        {"eventType": PAYMENT_SUCCEEDED, "defaultTarget": FULFILLMENT},
    ],
}


def text(orchestrations: Iterable[Orchestration]) -> str:
    """Routes as text, the same in whatever order they are told; KeyError or TypeError for what are none."""
    return "\n".join(sorted(_line(one["name"], route) for one in orchestrations for route in one["routes"]))


def _line(name: str, route: Mapping[str, Any]) -> str:
    conditions = [
        (-float(one.get("priority") or 0), " ".join(str(one["condition"]).split()), one["target"])
        for one in route.get("conditions") or []
    ]
    said = "".join(f"{condition}: {target} ({-priority:g}); " for priority, condition, target in sorted(conditions))
    return f"{name}, {route['eventType']}: {said}{route['defaultTarget']}"
