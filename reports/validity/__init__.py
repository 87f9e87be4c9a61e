"""Whether the figures of a run mean anything."""
