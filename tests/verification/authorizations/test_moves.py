"""The pool as arrays is the pool, line by line."""

import pytest

from systems.authorizations import DOCUMENTED, SPREAD_REPEATS, Pool
from verification.authorizations.moves import seeded


@pytest.mark.parametrize("spread", [0, 7, SPREAD_REPEATS, 3 * SPREAD_REPEATS + 1])
def test_each_authorization_is_as_it_is_seeded(spread: int) -> None:
    pool = Pool(spread, 20, 30)
    found = seeded(pool)

    for name in ("number", "organization", "patient", "total", "used", "scheduled"):
        assert getattr(found, name).tolist() == [getattr(one, name) for one in pool]
    assert found.version.tolist() == [0] * (DOCUMENTED + spread)
