"""`python -m target <system> serve|deliver|prepare|known`: a reference system on the database of DATABASE_URL."""

import argparse
import functools
import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Mapping
from typing import Any

import systems
import target
from target import faults
from target.faults import Fault
from target.serve import serve


def main() -> int:
    """Run one role of a reference system until SIGTERM or SIGINT."""
    known = sorted(
        {m.name for m in pkgutil.iter_modules(target.__path__)}
        & {m.name for m in pkgutil.iter_modules(systems.__path__)}
    )
    parser = argparse.ArgumentParser(prog="python -m target", description=__doc__)
    parser.add_argument("system", choices=known)
    roles = parser.add_subparsers(dest="role", required=True)
    api = roles.add_parser("serve", help="the API")
    api.add_argument("--port", type=int, required=True)
    api.add_argument("--processes", type=int, required=True)
    api.add_argument("--pool", type=int, required=True, help="how many connections to the database each process has")
    api.add_argument("--strategy", help="how it keeps concurrent requests apart, where there is a choice")
    worker = roles.add_parser("deliver", help="one delivery worker")
    worker.add_argument("--number", type=int, required=True, help="which one it is")
    worker.add_argument("--delivery-ms", type=float, required=True, help="how long a delivery takes")
    worker.add_argument("--work", help="what it does, where there are several services")
    engine = roles.add_parser("prepare", help="what an engine needs in its database; its users call it themselves")
    engine.add_argument("--strategy", default="", help="how it keeps what it promises, where there is a choice")
    roles.add_parser("known", help="print which faults and strategies there are, as JSON")
    for role in (api, worker, engine):
        role.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER", help="a setting of the system")
        role.add_argument("--fault", default=faults.CLEAN.name, help="a defect to have; several are joined by +")
    arguments = parser.parse_args()
    if arguments.role == "known":
        return _known(arguments.system)
    fault = faults.named(arguments.system, arguments.fault)
    for name in ("processes", "pool"):
        if arguments.role == "serve" and getattr(arguments, name) < 1:
            parser.error(f"--{name} {getattr(arguments, name)}: expected 1 or more")
    if fault is None:
        parser.error(f"no fault {arguments.fault!r} of {arguments.system}: {', '.join(faults.of(arguments.system))}")
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        parser.error("DATABASE_URL is not set: expected postgresql://user@host:port/name")
    module = importlib.import_module(f"target.{arguments.system}")
    if wrong := getattr(module, "check", lambda: None)():
        parser.error(wrong)
    if arguments.role == "deliver":
        if not hasattr(module, "deliver"):
            parser.error(f"{arguments.system} has no delivery workers: expected serve")
        does = functools.partial(module.deliver, url, arguments.number, arguments.delivery_ms / 1000, fault)
        works = getattr(module, "WORKS", ())
        if arguments.work is not None:
            if arguments.work not in works:
                there = ", ".join(works) or "it has no choice of them"
                parser.error(f"no work {arguments.work!r} of {arguments.system}: {there}")
            does = functools.partial(does, arguments.work)
        settings = _settings(parser, arguments, getattr(module, "DELIVERY_SETTINGS", {}))
        code: int = does(**settings)
        return code
    if arguments.role == "prepare":
        return _prepare(module, parser, url, arguments, fault)
    if not hasattr(module, "serve"):
        parser.error(f"{arguments.system} has no API: expected prepare")
    for name, what in getattr(module, "ENVIRONMENT", {}).items():
        if not os.environ.get(name):
            parser.error(f"{name} is not set: expected {what}")
    application = functools.partial(module.serve, url, arguments.pool, fault)
    if arguments.strategy is not None:
        application = functools.partial(application, _strategy(module, parser, arguments))
    application = functools.partial(application, **_settings(parser, arguments, getattr(module, "SETTINGS", {})))
    return serve(application, arguments.port, arguments.processes)


def _prepare(module: Any, parser: argparse.ArgumentParser, url: str, arguments: Any, fault: Fault) -> int:
    if not hasattr(module, "prepare"):
        parser.error(f"{arguments.system} is no engine: expected serve")
    _settings(parser, arguments, getattr(module, "SETTINGS", {}))
    strategy = _strategy(module, parser, arguments) if arguments.strategy else ""
    code: int = module.prepare(url, strategy, fault)
    return code


def _strategy(module: Any, parser: argparse.ArgumentParser, arguments: Any) -> Any:
    strategies = getattr(module, "STRATEGIES", {})
    if arguments.strategy not in strategies:
        there = ", ".join(strategies) or "it has no choice of them"
        parser.error(f"no strategy {arguments.strategy!r} of {arguments.system}: {there}")
    return strategies[arguments.strategy]


def _settings(parser: argparse.ArgumentParser, arguments: Any, known: Mapping[str, float]) -> dict[str, float]:
    """What --set says of the settings that are `known`."""
    found = {}
    for setting in arguments.set:
        name, _, number = setting.partition("=")
        if name not in known or not number.replace(".", "", 1).isdecimal():
            there = ", ".join(known) or "it has none"
            parser.error(f"--set {setting}: expected a number for one of the settings of {arguments.system}: {there}")
        found[name] = float(number)
    return found


def _known(system: str) -> int:
    strategies = getattr(importlib.import_module(f"target.{system}"), "STRATEGIES", {})
    print(json.dumps({"fault": [faults.CLEAN.name, *faults.of(system)], "strategy": list(strategies)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
