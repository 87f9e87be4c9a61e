"""A load from several machines: what Locust's own master and workers lack for a verdict as good as a local one."""

MACHINE = "PERF_MACHINE"
"""The number of the machine that a load process is on, if there are several. Set by its agent."""
