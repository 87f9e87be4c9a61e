"""The tables of the systems under test, one module a system: what target, seeding and verification meet in.

`python -m schema messages` creates them where there are none, and never alters what is there.
"""

import harness  # noqa: F401  # says what is missing before it is imported
from systems import beside

__path__ += beside("schema")
