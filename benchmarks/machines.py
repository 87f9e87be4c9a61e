"""`make bench-machines`: what it costs to ship a journal while the load goes on: the load engine on one core, with and
without an agent that ships what it writes, in turns. The agent, the depot and the target share the other core.

Prints requests a second of both, the processor time of the agent, and the bytes that an operation takes on the wire;
writes benchmarks/results/machines.json and fails on nothing.
"""

import argparse
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.engine import TARGET, Figures, locust, pinned, static_target
from harness.errors import JournalError
from harness.fingerprint import host
from harness.journaled import read_header
from harness.machines import MACHINE, wire
from harness.machines.agent import EACH_S, told
from harness.machines.depot import Depot
from harness.machines.key import VARIABLE, made, of_process
from harness.machines.landing import Landing
from harness.machines.line import Line
from harness.machines.shipping import Growing, Journalling
from harness.machines.wire import Message
from harness.settings import ROOT
from harness.stack.process import free_port


def ship(folder: Path, port: int) -> None:
    """Ship what is written below `folder` until our input ends, as an agent does; prints what it took, as JSON."""
    key, sent = of_process(), 0
    assert key is not None
    with Line("127.0.0.1", port, key, "agent") as line:
        line.say(Message(wire.HELLO, told(1)))
        path = journal_below(folder)
        began = time.process_time()
        journal, health, over = Journalling(path), Growing(path.with_name("health-0.jsonl")), False
        while not over:
            over = bool(select.select([sys.stdin], [], [], EACH_S)[0])
            line.ask()
            for message in [*journal.look(), *health.ship()]:
                while not line.free:
                    list(line.hear(20))
                line.ship(message)
                sent += sum(map(len, wire.frames(message)))
            list(line.hear(0))
        figures = {"bytes": sent, "cpu_s": time.process_time() - began, "operations": journal.low + len(journal.seen)}
    print(json.dumps(figures))


def journal_below(folder: Path) -> Path:
    """The journal of the load below the folder, once it is there."""
    while True:
        for path in folder.glob("proofload-*/journal-0.bin"):
            try:
                read_header(path)
            except JournalError:
                continue  # it is just being made
            return path
        time.sleep(0.05)


@contextmanager
def variables(**values: str) -> Iterator[None]:
    """What is started meanwhile has these."""
    os.environ |= values
    try:
        yield
    finally:
        for name in values:
            del os.environ[name]


def shipped(url: str, seconds: float) -> Figures:
    """A load whose journal is shipped meanwhile."""
    key, port = made(), free_port()
    depot = Depot("127.0.0.1", port, key, 1, told(1))
    with tempfile.TemporaryDirectory() as text, ThreadPoolExecutor() as beside:
        folder, here = Path(text), Path(text) / "here"
        here.mkdir()
        agent = subprocess.Popen(
            pinned(TARGET, [sys.executable, "-m", "benchmarks.machines", "--ship", text, "--port", str(port)]),
            cwd=ROOT,
            env={**os.environ, VARIABLE: key.text},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            while not depot.joined():
                time.sleep(0.05)
            with variables(**{"TMPDIR": text, MACHINE: "1"}):
                load = beside.submit(locust, url, 50, kind="ours", seconds=seconds)
                run = str(read_header(journal_below(folder))["run"])
                depot.machines[0].landing = Landing(here, run, 1, [0])
                figures = load.result()
            took: Figures = json.loads(agent.communicate()[0])
        finally:
            agent.kill()
            depot.close()
    return {**figures, **took, "lasted": seconds}


def measure(rounds: int, seconds: float) -> list[tuple[Figures, Figures]]:
    """Each round without and with shipping, back and forth."""
    found = []
    with tempfile.TemporaryDirectory() as text, static_target(Path(text)) as (url, _):
        for turn in range(rounds):
            pair = {}
            for ships in sorted((False, True), reverse=turn % 2 == 1):
                pair[ships] = shipped(url, seconds) if ships else locust(url, 50, kind="ours", seconds=seconds)
            print(f"  {json.dumps(pair[False])} {json.dumps(pair[True])}", file=sys.stderr)
            found.append((pair[False], pair[True]))
    return found


def main() -> None:
    """Measure, print, store; or ship, as the process that is measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.machines", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--ship", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ship:
        ship(options.ship, options.port)
        return
    found = measure(options.rounds, options.seconds)
    alone, with_it = ([one[place] for one in found] for place in (0, 1))
    cost = statistics.median(1 - two["rate"] / one["rate"] for one, two in found)
    rows = [
        ("requests a second, not shipped", f"{statistics.median(one['rate'] for one in alone):,.0f}/s"),
        ("  shipped", f"{statistics.median(one['rate'] for one in with_it):,.0f}/s ({-cost:+.1%})"),
        ("cores that the agent uses", f"{statistics.median(one['cpu_s'] / one['lasted'] for one in with_it):.2f}"),
        ("bytes an operation", f"{statistics.median(one['bytes'] / one['operations'] for one in with_it):.1f}"),
    ]
    folder = ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    result = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "host": host(), "found": found, "table": rows}
    (folder / "machines.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{result['date']}, {host()['cpu']}, {host()['cores']} cores; medians of {options.rounds} rounds")
    for name, value in rows:
        print(f"{name:34}{value:>24}")


if __name__ == "__main__":
    main()
