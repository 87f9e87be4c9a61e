"""Each fault of the event store breaks one promise, often enough that a short load shows it."""

from target.event_store.wrong_appends import (
    AheadAccepted,
    BatchInTwo,
    DuplicateAccepted,
    HalfStored,
    InventedEvent,
    NotTakenBack,
    PoolChanged,
    Reserialised,
    RolledBackAcknowledged,
    SeqSkipped,
    StoredAllTheSame,
    VersionUnchecked,
    WithoutIdKey,
    WithoutStreamKey,
    WrongPosition,
)
from target.event_store.wrong_reads import (
    LoadedLate,
    ReserialisedWhenRead,
    SnapshotAhead,
    SnapshotOfAnother,
    SnapshotOfNothing,
    StaleHead,
    WrongTail,
)
from target.event_store.wrong_schema import (
    IndexDropped,
    MinOfTime,
    NoStatistics,
    OrQuery,
    SequenceCached,
)
from target.event_store.wrong_streams import (
    AtOrAfter,
    GapSkipped,
    GivenUpTooSoon,
    OrderByTime,
    PayloadCut,
    TokenSavedFirst,
    TokenSavedLate,
    WaitsForGap,
)
from target.event_store.wrong_tenants import (
    AppendOfAnyTenant,
    GapsOfAnyTenant,
    HeadOfAnyTenant,
    LoadOfAnyTenant,
    SnapshotOfAnyTenant,
    StoredForAnyTenant,
    StreamOfAnyTenant,
    VersionOfAnyTenant,
)
from target.faults import Fault


def _fault(name: str, parts: tuple[type, ...], *caught_by: str) -> Fault:
    """The fault that is made of `parts`, the first of which documents it."""
    return Fault(name, str(parts[0].__doc__), caught_by, parts)


FAULTS = (
    _fault("rolled_back_acknowledged", (RolledBackAcknowledged,), "X1"),
    _fault("half_stored", (HalfStored,), "X1", "ATOMIC"),
    _fault("batch_in_two", (BatchInTwo,), "ATOMIC"),
    _fault("stored_all_the_same", (StoredAllTheSame,), "X3"),
    _fault("not_taken_back", (NotTakenBack,), "X3"),
    _fault("ahead_accepted", (AheadAccepted,), "STREAMS"),
    _fault("wrong_position", (WrongPosition,), "VERSION"),
    _fault("invented_event", (InventedEvent,), "X2"),
    _fault("duplicate_accepted", (DuplicateAccepted, WithoutIdKey), "X4", "SCHEMA"),
    _fault("id_key_missing", (WithoutIdKey,), "X4", "SCHEMA"),
    _fault("reserialised", (Reserialised,), "X5"),
    _fault("version_unchecked", (VersionUnchecked, WithoutStreamKey), "VERSION", "STREAMS"),
    _fault("seq_skipped", (SeqSkipped,), "X5", "STREAMS"),
    _fault("pool_changed", (PoolChanged,), "POOL"),
    _fault("gap_skipped", (GapSkipped,), "DELIVERED"),
    _fault("given_up_too_soon", (GivenUpTooSoon,), "DELIVERED"),
    _fault("sequence_cached", (SequenceCached,), "DELIVERED"),
    _fault("token_saved_first", (TokenSavedFirst,), "DELIVERED"),
    _fault("token_saved_late", (TokenSavedLate,), "ONCE"),
    _fault("at_or_after", (AtOrAfter,), "ONCE"),
    _fault("order_by_time", (OrderByTime,), "ORDER"),
    _fault("payload_cut", (PayloadCut,), "WHOLE"),
    _fault("waits_for_gap", (WaitsForGap,), "CAUGHT-UP"),
    _fault("append_of_any_tenant", (AppendOfAnyTenant,), "STREAMS"),
    _fault("version_of_any_tenant", (VersionOfAnyTenant,), "VERSION"),
    _fault("load_of_any_tenant", (LoadOfAnyTenant,), "LOADED"),
    _fault("snapshot_of_any_tenant", (SnapshotOfAnyTenant,), "SNAPSHOT"),
    _fault("stored_for_any_tenant", (StoredForAnyTenant,), "SNAPSHOT"),
    _fault("head_of_any_tenant", (HeadOfAnyTenant,), "TOKEN"),
    _fault("stream_of_any_tenant", (StreamOfAnyTenant,), "TENANT"),
    _fault("gaps_of_any_tenant", (GapsOfAnyTenant,), "TENANT"),
    _fault("stale_head", (StaleHead,), "TOKEN"),
    _fault("wrong_tail", (WrongTail,), "TOKEN"),
    _fault("loaded_late", (LoadedLate,), "LOADED"),
    _fault("reserialised_when_read", (ReserialisedWhenRead,), "LOADED"),
    _fault("snapshot_ahead", (SnapshotAhead,), "SNAPSHOT"),
    _fault("snapshot_of_another", (SnapshotOfAnother,), "SNAPSHOT"),
    _fault("snapshot_of_nothing", (SnapshotOfNothing,), "SNAPSHOT"),
    _fault("index_dropped", (IndexDropped,), "PLAN", "SCHEMA"),
    _fault("or_query", (OrQuery,), "PLAN"),
    _fault("no_statistics", (NoStatistics,), "PLAN"),
    _fault("min_of_time", (MinOfTime,), "PLAN"),
)
