"""A load from several machines: what Locust's own master and workers lack for a verdict as good as a local one."""
