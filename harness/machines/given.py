"""What a machine is given for a load, and whether it may and can put it on: the master can't decide that for it."""

import hashlib
import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness import addresses, database_url, guard, project
from harness.errors import PlanError, StackError
from harness.fixtures import NAME as FIXTURES
from harness.machines import code
from harness.machines.files import Files, fetch
from harness.machines.wire import Message
from harness.run import Run
from harness.settings import Settings

CONNECT_S = 5.0
"""How long the target may take to accept a connection."""
OWN = "is each machine's own"
CERTIFICATES = "certificates.pem"
"""Those of PERF_CA_FILE, in the own folder of a machine."""
FEEDS = "feeds"
"""The folder in it with the feeds, by their names in the plan."""


def bundle(
    run: Run, settings: Settings, url: str, database: str, words: list[str]
) -> tuple[dict[str, Any], bytes, Files]:
    """What all machines are given for `run`, whose load goes to `url`, or if that is empty to the `database`: `words`
    are for Locust. And what seeding left for the users, which holds tokens; and the files that they draw from.

    PlanError if a machine can't have what it needs.
    """
    scenario = run.scenario
    file = Path(scenario.locustfile)
    tree, place = code.place(file)
    if not tree:
        raise PlanError(
            f"{file}: another machine would not find it: expected a locustfile in the project's folder, which each has"
        )
    about = {
        # How many processes there are users have to know: each takes its part of what they share.
        "run": {**run.facts, "load": {"processes": settings.workers}},
        "url": url,
        "database": "" if url else database,
        "network": network(),
        "port": settings.master_port,
        "silence": settings.silence,
        "certificates": Path(settings.ca_file).read_text() if settings.ca_file else "",
        "words": words,
        "variables": _of_facts(scenario.system),
        "locustfile": [tree, place, digest(file)],
    }
    fixtures = run.folder / FIXTURES
    feeds = Files({name: Path(one.file) for name, one in scenario.feeds.items()})
    return about, fixtures.read_bytes() if fixtures.exists() else b"", feeds


def unpack(
    folder: Path,
    given: Mapping[str, Any],
    secret: bytes,
    settings: Settings,
    ask: Callable[[str, int], Message],
) -> Path:
    """Store in `folder`, a new one, what was given, and the files that `ask` gives piece by piece; where the locustfile
    is. ProofloadError if this machine may not or can't put that load on.
    """
    url, database = str(given["url"]), str(given["database"])
    apart = given["network"] != network()
    if database:
        guard.may_write(database, settings)
        if apart and guard.on_loopback(database):
            raise PlanError(
                f"DATABASE_URL is on {database_url.parse(database).host}, which {OWN}: expected its address"
            )
        guard.must_be(database, settings)
    else:
        guard.may_load(url, settings)
        if apart and guard.is_loopback(addresses.where(url).name):
            raise PlanError(
                f"{url}: its host {OWN}: expected TARGET_URL, or PERF_BIND of the reference target, with an address "
                "that all machines reach"
            )
    tree, place, expected = given["locustfile"]
    locustfile = code.found(tree, place)
    if not locustfile.exists() or digest(locustfile) != expected:
        raise PlanError(f"{locustfile}: expected it as it is at the master: the same checkout on all machines")
    if not database:
        _must_answer(url)
    facts = dict(given["run"])
    feeds = dict(facts["plan"].get("feeds") or {})
    for name, one in feeds.items():
        feeds[name] = {**one, "file": str(folder / FEEDS / f"{name}{Path(one['file']).suffix}")}
    facts["plan"] = {**facts["plan"], "locustfile": str(locustfile), "feeds": feeds}
    try:
        folder.mkdir(parents=True, exist_ok=False)
        (folder / "run.json").write_text(json.dumps(facts, indent=2) + "\n")
        if given["certificates"]:
            (folder / CERTIFICATES).write_text(str(given["certificates"]))
        if feeds:
            (folder / FEEDS).mkdir(mode=0o700)
        if secret:
            path = folder / FIXTURES
            path.parent.mkdir(mode=0o700)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secret)
    except OSError as error:
        raise StackError(
            f"{folder}: {error.strerror}: expected to write the load's files there; see PERF_HOME"
        ) from None
    for name, one in feeds.items():
        fetch(Path(one["file"]), name, str(one["digest"]), ask)
    return locustfile


def _of_facts(system: str) -> dict[str, str]:
    """The variable of ours by which the facts of a system change, if it has one and it is set."""
    module = project.module("systems", system) if system else None
    name = str(getattr(module, "VARIABLE", ""))
    return {name: os.environ[name]} if os.environ.get(name) else {}


def network() -> str:
    """Stands for what loopback leads to: alike in two processes of one machine that have one network."""
    boot, own = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/net")
    return f"{boot.read_text().strip()} {own.readlink()}" if boot.exists() and own.exists() else socket.gethostname()


def _must_answer(url: str) -> None:
    """StackError unless something accepts connections at `url`, as this machine sees it."""
    where = addresses.where(url)
    try:
        for address in addresses.look_up(where)[:1]:
            with socket.socket(addresses.family(address), socket.SOCK_STREAM) as probe:
                probe.settimeout(CONNECT_S)
                probe.connect(address)
    except (OSError, UnicodeError) as error:
        raise StackError(f"{url} can't be reached from {socket.gethostname()}: {error}") from None


def digest(file: Path) -> str:
    """Stands for what is in it."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
