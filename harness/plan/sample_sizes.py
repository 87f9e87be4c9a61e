"""How many samples it takes at least to prove a limit with 95 % confidence, however far they keep from it.

These are the intervals of reports/statistics at their best: every sample independent, none beyond the limit.
"""

import math

BATCHES = 10
"""Intervals are made from so many batches: of 8 to 30, ten had the best coverage (statistics.md §1.3)."""
LEAST = 2 * BATCHES
"""With fewer values than this, batches tell nothing."""
STUDENT = 2.2621571628
"""The 97.5 % quantile of Student's t with BATCHES − 1 degrees of freedom."""
NORMAL = 1.9599639845
"""The same quantile of the normal distribution."""
CHANCE = 0.05
"""The chance to prove what is not so."""
APART_S = 0.2
"""Operations that are planned less than this apart share whatever happens then, and count as one."""


def quantile(q: float) -> int:
    """For an upper end of the interval of the `q` quantile (0 < q < 1): 98 for a p95, 507 for a p99."""
    return math.ceil(STUDENT * STUDENT * q / (1 - q) - 1e-9)


def kept_by_all(q: float) -> float:
    """So many independent samples, all within a limit, prove that of the `q` quantile: 59 (58.4) and 299 (298.1)."""
    return math.log(CHANCE) / math.log(q)


def share(limit: float, upper: bool) -> int:
    """For Wilson's interval of a share of 0 (or, of a limit from below, of 1) to be within `limit`, 0 < limit < 1."""
    odds = (1 - limit) / limit if upper else limit / (1 - limit)
    return math.floor(NORMAL * NORMAL * odds + 1e-9) + 1
