"""Histories that were made up: what operations on a system that keeps its contract would have left, to be judged.

Each is made for a scenario of so many operations; of the event store and the orchestrator for so many events.
"""

from benchmarks.histories.authorizations import moves
from benchmarks.histories.coupons import validated
from benchmarks.histories.event_store import appended
from benchmarks.histories.messages import sent
from benchmarks.histories.orchestrator import orchestrated

MAKE = {
    "authorizations": moves,
    "messages": sent,
    "event_store": appended,
    "coupons": validated,
    "orchestrator": orchestrated,
}
