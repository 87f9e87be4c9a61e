"""What stands under a run: embedded PostgreSQL, the reference target, its delivery workers."""
