"""What every run needs, whatever the system under test."""

import sys

from harness import complete

VERSION = "0.1.0"

DISTRIBUTION = "proofload-suite"
"""What is installed; `proofload` on PyPI is another project."""

if sys.argv[:1] == ["-m"]:  # as `python -m harness` begins
    complete.require()  # type: ignore[no-untyped-call]

from harness import compiled  # noqa: E402

compiled.require_current()
