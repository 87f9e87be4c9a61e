"""Whether the database agrees with every answer that the clients were given: journal × database, one module a system.

`observe()` reads the database, once and in one snapshot; `judge()` is pure. `python -m verification RUN_FOLDER`.
"""

import harness  # noqa: F401  # says what is missing before it is imported
from systems import beside

__path__ += beside("verification")
