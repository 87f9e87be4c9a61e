"""The reference target of the orchestrator: an API, and the services behind its queues."""

from systems.orchestrator import WORK
from target.orchestrator.api import SETTINGS as SETTINGS
from target.orchestrator.api import serve as serve
from target.orchestrator.connect import check as check
from target.orchestrator.services import SETTINGS as DELIVERY_SETTINGS
from target.orchestrator.services import deliver as deliver

DELIVERY_SETTINGS = DELIVERY_SETTINGS
WORKS = (*WORK, "all")
"""What a delivery worker can do."""
