"""A trace id is computed from a run and an operation's number, and leads back to it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from systems import traces
from systems.ids import SAMPLE_RUN, operation

OPS = st.integers(0, 2**63 - 1)


@given(OPS)
def test_a_trace_leads_back_to_its_operation(op: int) -> None:
    trace = traces.trace_of(SAMPLE_RUN, op)
    assert re.fullmatch("[0-9a-f]{32}", trace)
    assert traces.operation_of(SAMPLE_RUN, trace) == op
    assert traces.operation_of("20261120T235501ffffff", trace) is None


@given(OPS)
def test_the_header_is_as_the_standard_has_it(op: int) -> None:
    field = traces.header(SAMPLE_RUN)(op)
    found = re.fullmatch(rb"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-01\r\n", field)
    assert found
    assert len(field) == 70
    assert found[1].decode() == traces.trace_of(SAMPLE_RUN, op)
    # All zeros are forbidden.
    assert int(found[1], 16)
    assert int(found[2], 16)


def test_what_is_no_trace_of_an_operation_has_none() -> None:
    trace = traces.trace_of(SAMPLE_RUN, 5)
    for other in ("", "x" * 32, trace[:-1], trace.upper(), "0" * 32):
        assert traces.operation_of(SAMPLE_RUN, other) is None


def test_a_sampler_takes_a_share_of_the_operations_of_a_load() -> None:
    """By the last eight bytes, as OpenTelemetry's TraceIdRatioBased does it: those of neighbours must not be alike."""
    ops = [operation(worker, count) for worker in (0, 1, 7) for count in range(1000)]
    lows = [int(traces.trace_of(SAMPLE_RUN, op)[16:], 16) for op in ops]
    assert len(set(lows)) == len(ops)
    for share in (0.1, 0.5):
        assert abs(sum(low < share * 2**64 for low in lows) / len(lows) - share) < 0.02
