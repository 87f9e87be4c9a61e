"""What every run needs, whatever the system under test."""

VERSION = "0.1.0"

DISTRIBUTION = "proofload-suite"
"""What is installed; `proofload` on PyPI is another project."""
