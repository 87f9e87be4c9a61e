"""What the web UI shows is what the journal has: each operation once, as soon as it has ended."""

import json
import subprocess
import sys
from pathlib import Path

from harness.settings import ROOT

SCRIPT = """
import json, random, sys
from collections import Counter
from pathlib import Path
from locust.env import Environment
from locust.stats import bucket_response_time
from harness.journal import Journal
from harness.load.tally import Tally
from harness.outcomes import Failure, Outcome

drawn = random.Random(1)
kinds = ["find", "order", "never"]
expected = [frozenset({Outcome.ACK}), frozenset({Outcome.ACK, Outcome.REJECT}), frozenset()]
journal = Journal(Path(sys.argv[1], "journal-0.bin"), {"run": "x", "worker": 0, "kinds": kinds})
environment = Environment()
tally = Tally(environment, journal, kinds, expected)
tally.routes = ["GET /find", "POST /order", "GET /never"]
ended, open_ = [], []

def told():
    entries = [environment.stats.entries.get((name, tally.routes[kind].split()[0])) for kind, name in enumerate(kinds)]
    return {
        "ended": tally.ended,
        "errors": tally.errors,
        "outcomes": tally.outcomes.tolist(),
        "requests": [entry.num_requests if entry else 0 for entry in entries],
        "failures": [entry.num_failures if entry else 0 for entry in entries],
        "times": [dict(sorted(entry.response_times.items())) if entry else {} for entry in entries],
        "longest": [entry.max_response_time if entry else 0 for entry in entries],
        "reasons": sorted((error.name, error.error, error.occurrences) for error in environment.stats.errors.values()),
    }

def counted():
    mine = [[row for row in ended if row[0] == kind] for kind in range(len(kinds))]
    bad = [row for row in ended if row[1] not in expected[row[0]]]
    text = lambda row: f"{row[1].name}: {row[2].name if row[2] else 500}"
    reasons = Counter((kinds[row[0]], text(row)) for row in bad)
    return {
        "ended": len(ended),
        "errors": len(bad),
        "outcomes": [[sum(row[1] is outcome for row in rows) for outcome in Outcome] for rows in mine],
        "requests": [len(rows) for rows in mine],
        "failures": [sum(row[0] == kind for row in bad) for kind in range(len(kinds))],
        "times": [dict(sorted(Counter(bucket_response_time(round(row[3])) for row in rows).items())) for rows in mine],
        "longest": [max((row[3] for row in rows), default=0) for rows in mine],
        "reasons": sorted((name, text, times) for (name, text), times in reasons.items()),
    }

for turn in range(12):
    # The second turn has nothing to count; in the eighth one took a day, which an own client may say of a request.
    for _ in range(0 if turn == 1 else drawn.choice([1, 60])):
        kind = drawn.choice([0, 1])
        open_.append((journal.begin(kind, 1, 1, 0, 0, 1, None, 0), kind))
    drawn.shuffle(open_)
    for _ in range(len(open_) // 2 if turn < 11 else len(open_)):
        number, kind = open_.pop()
        outcome, failure = drawn.choice(
            [(Outcome.ACK, Failure.NONE)] * 3 + [(Outcome.REJECT, Failure.NONE), (Outcome.UNKNOWN, Failure.RESET)]
        )
        us = 86_400_000_000 if turn == 7 else drawn.randrange(3_000_000)
        journal.end(number, outcome, 500, failure, 0, 1 + us * 1000)
        ended.append((kind, outcome, failure, us / 1000))
    tally.count()
    print(json.dumps([told(), counted()]))
"""


def test_each_operation_is_counted_once_when_it_has_ended(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(turns) == 12
    for told, counted in turns:
        assert told == counted
    told = turns[-1][0]
    assert min(told["requests"][:2]) > 20
    assert min(told["failures"][:2]) > 5
    assert len({reason for _, reason, _ in told["reasons"]}) == 2
