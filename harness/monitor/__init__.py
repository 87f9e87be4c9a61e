"""One sample a second of target, PostgreSQL and machine. A process of its own, beside the load.

`monitor.jsonl` in the run folder has a line a second: {"at": ns of CLOCK_MONOTONIC, name: number, …}. A name that can't
be sampled is left out of its line, and never 0.
"""

FILE, STATEMENTS = "monitor.jsonl", "statements.json"
