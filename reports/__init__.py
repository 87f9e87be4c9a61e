"""Samples → figures → rules → one verdict, and its renderings; all of it from the run folder alone."""
