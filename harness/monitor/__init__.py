"""One sample a second of target, PostgreSQL and machine. A process of its own, beside the load.

`monitor.jsonl` in the run folder has a line a second: {"at": ns of CLOCK_MONOTONIC, name: number, …}. A name that can't
be sampled is left out of its line, and never 0.

`looks.jsonl` has a line for each look at the rows of the run (`looks.py`): {"at": ns of CLOCK_MONOTONIC before the
query was sent, "asked": [operation.item, …], "missing": [those without a row]}, both numbers in hex. Before these
{"table": …, "key": …}, where they were looked for; and {"none": why}, if there was none.
"""

FILE, STATEMENTS, LOOKS = "monitor.jsonl", "statements.json", "looks.jsonl"
