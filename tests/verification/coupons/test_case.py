"""A case of coupons takes no memory once nobody has it."""

import gc
import weakref
from types import SimpleNamespace
from typing import Any

from systems import ids
from verification import coupons


def test_a_case_is_gone_as_soon_as_nobody_has_it() -> None:
    ledger: Any = SimpleNamespace(run=ids.SAMPLE_RUN, scenario=SimpleNamespace(pool={"users": 1_000}))
    seen: Any = SimpleNamespace(seed=1)
    case = coupons.case(ledger, seen)
    known = weakref.ref(case)
    assert len(case.pool.coupons) == 5_000

    gc.disable()
    try:
        del case
        assert known() is None
    finally:
        gc.enable()
