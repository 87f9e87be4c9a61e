"""The reference target of the authorizations."""

from target.authorizations.api import ENVIRONMENT as ENVIRONMENT
from target.authorizations.api import STRATEGIES as STRATEGIES
from target.authorizations.api import serve as serve
