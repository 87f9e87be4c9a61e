"""Each fault of the orchestrator breaks one promise, often enough that a short load shows it."""

from target.faults import Fault
from target.orchestrator.wrong_answers import (
    ConfigOtherwise,
    CounterWrong,
    DryRunEnqueues,
    DryRunOtherwise,
    Leaks,
    RefusalsCountedTwice,
    RejectedAfterAll,
    ShedAllTheSame,
    ShedsTooMuch,
    Stalls,
)
from target.orchestrator.wrong_intakes import (
    AckedFirst,
    Altered,
    DefaultAlways,
    EnqueuedLater,
    FailedIgnored,
    GoodRefused,
    Invented,
    RecordedOtherwise,
    ReloadLoses,
    RuleIgnored,
    StoredTwice,
    WrongPriority,
)
from target.orchestrator.wrong_queues import ChunkLost, ChunkTwice, Miscounted, PutElsewhere
from target.orchestrator.wrong_services import (
    AcksBeforeWork,
    AcksFirst,
    AcksForgotten,
    AlteredLater,
    DeadLetterBare,
    DeadLetterDropped,
    DeadLetterTwice,
    OutOfOrder,
    PoisonBlocks,
    PoisonServed,
    QueueUnserved,
    StepSkipped,
    TooSlow,
    VisibilityShort,
    WorksTwice,
)


def _fault(name: str, part: type, *caught_by: str) -> Fault:
    """The fault that is made of `part` alone, which documents itself."""
    return Fault(name, str(part.__doc__), caught_by, (part,))


FAULTS = (
    _fault("acked_first", AckedFirst, "X9"),
    _fault("enqueued_later", EnqueuedLater, "ENQUEUED"),
    _fault("stored_twice", StoredTwice, "X4"),
    _fault("chunk_lost", ChunkLost, "DONE"),
    _fault("chunk_twice", ChunkTwice, "MESSAGES"),
    _fault("failed_ignored", FailedIgnored, "REFUSED", "DONE"),
    _fault("acks_before_work", AcksBeforeWork, "DONE"),
    _fault("acks_first", AcksFirst, "disturbed:DONE"),
    _fault("works_twice", WorksTwice, "ONCE"),
    _fault("visibility_short", VisibilityShort, "DEAD"),
    _fault("acks_forgotten", AcksForgotten, "rule:redelivered"),
    _fault("step_skipped", StepSkipped, "DONE"),
    _fault("out_of_order", OutOfOrder, "ORDER"),
    _fault("rule_ignored", RuleIgnored, "ROUTED"),
    _fault("wrong_priority", WrongPriority, "ROUTED"),
    _fault("default_always", DefaultAlways, "ROUTED"),
    _fault("put_elsewhere", PutElsewhere, "ROUTED"),
    _fault("reload_loses", ReloadLoses, "X1"),
    _fault("poison_blocks", PoisonBlocks, "DRAINED"),
    _fault("dead_letter_dropped", DeadLetterDropped, "DEAD"),
    _fault("dead_letter_twice", DeadLetterTwice, "DEAD"),
    _fault("dead_letter_bare", DeadLetterBare, "DEAD"),
    _fault("poison_served", PoisonServed, "ONCE"),
    _fault("counter_wrong", CounterWrong, "METRICS"),
    _fault("refusals_counted_twice", RefusalsCountedTwice, "METRICS"),
    _fault("miscounted", Miscounted, "DEPTH"),
    _fault("invented", Invented, "X2"),
    _fault("recorded_otherwise", RecordedOtherwise, "X5"),
    _fault("good_refused", GoodRefused, "REFUSED"),
    _fault("altered", Altered, "PAYLOAD"),
    _fault("altered_later", AlteredLater, "PAYLOAD"),
    _fault("rejected_after_all", RejectedAfterAll, "X3"),
    _fault("shed_all_the_same", ShedAllTheSame, "X3"),
    _fault("dry_run_enqueues", DryRunEnqueues, "X3"),
    _fault("dry_run_otherwise", DryRunOtherwise, "DRYRUN"),
    _fault("config_otherwise", ConfigOtherwise, "CONFIG"),
    _fault("queue_unserved", QueueUnserved, "DRAINED"),
    _fault("too_slow", TooSlow, "rule:drain_time"),
    _fault("leaks", Leaks, "rule:rss"),
    _fault("stalls", Stalls, "rule:p99"),
    _fault("sheds_too_much", ShedsTooMuch, "rule:errors"),
)
