"""The reference target of the coupons."""

from target.coupons.api import SETTINGS as SETTINGS
from target.coupons.api import STRATEGIES as STRATEGIES
from target.coupons.api import serve as serve
