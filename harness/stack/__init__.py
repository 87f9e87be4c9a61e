"""What a run needs beneath it: embedded PostgreSQL, and the services of the reference target."""
