"""Samples → figures → rules → one verdict, and its renderings; all of it from the run folder alone."""

import harness  # noqa: F401  # says what is missing before it is imported
