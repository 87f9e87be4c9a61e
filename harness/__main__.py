"""The command line: `proofload run peak --profile smoke`, or `python -m harness run peak` in a checkout.

Exit codes: 0 GO or UNCHECKED, 1 NO-GO, 2 usage (nothing was sent), 3 INVALID, 4 CONDITIONAL, 70 Proofload itself
failed; 130, 143 and 141 if SIGINT, SIGTERM or SIGPIPE ended it before there was anything to judge.
"""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from harness import VERSION, project, secret_files, verbs
from harness.errors import leave

SET = "a key of the plan with another value, e.g. max_users=20 or pool.users=1000; once for each key"
PROFILE = "smoke, ci (default), full, or what the plan has"


def main() -> int:
    """Do what the command line asks for; the exit code."""
    project.require_names_of_its_own()
    secret_files.take()
    name = ["proofload"] if Path(sys.argv[0]).stem == "proofload" else ["python", "-m", "harness"]
    options = _parser(" ".join(name)).parse_args()
    options.words = [*name, *sys.argv[1:]]
    code: int = options.func(options)
    return code


def entry() -> NoReturn:
    """The console script."""
    leave(main)


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name, description="Load tests that prove their answer.")
    parser.add_argument("--version", action="version", version=f"proofload {VERSION}")
    verb = parser.add_subparsers(dest="verb", required=True, metavar="verb")

    run = verb.add_parser("run", help="run a scenario, or a locustfile of yours, to a verdict")
    _add_scenario(run, needed=False)
    _add_locustfile(run)
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=SET)
    run.add_argument(
        "--workers", metavar="N", help="all load is put on by N load processes on other machines: see `worker`"
    )
    run.add_argument("--ui", action="store_true", help="with Locust's web UI, until Ctrl-C")
    _add_variant(run)
    run.set_defaults(func=verbs.run)

    worker = verb.add_parser("worker", help="put load on for `run --workers` on another machine")
    worker.add_argument("--master", metavar="HOST[:PORT]", help="the address that its command printed")
    worker.set_defaults(func=verbs.worker)

    plan = verb.add_parser("plan", help="say what it would do; do nothing")
    _add_scenario(plan, needed=False)
    _add_locustfile(plan)
    plan.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=SET)
    _add_variant(plan)
    plan.set_defaults(func=verbs.plan)

    new = verb.add_parser(
        "new", help="write the files of a small system that runs as it is, to begin one of yours with"
    )
    new.add_argument("name", help="of the system, e.g. shop")
    new.add_argument("--reference", action="store_true", help="with a copy of the server that it runs against")
    new.set_defaults(func=verbs.new)

    verb.add_parser("list", help="name all systems and their scenarios").set_defaults(func=verbs.every)

    suite = verb.add_parser("suite", help="run all scenarios of a system, and make one page about them")
    suite.add_argument("system", help="e.g. authorizations")
    suite.add_argument("--profile", default="ci", help=PROFILE)
    _add_variant(suite)
    suite.set_defaults(func=verbs.suite)

    pairs = verb.add_parser("ab", help="compare the target of a commit with this checkout's, in pairs of runs")
    _add_scenario(pairs)
    pairs.add_argument("--base", required=True, help="the commit, e.g. main")
    pairs.add_argument("--pairs", type=int, default=6, help="how many (default 6; fewer can prove nothing)")
    pairs.add_argument("--base-fault", help="a fault of the target of that commit, to see what a comparison finds")
    pairs.add_argument("--base-strategy", help="how the target of that commit does its work (default: as this one's)")
    _add_variant(pairs)
    pairs.set_defaults(func=verbs.ab)

    volumes = verb.add_parser("volumes", help="run a scenario at several volumes of its pool, and say what grows")
    _add_scenario(volumes)
    volumes.add_argument(
        "--volumes", nargs="+", default=["1m", "3m", "10m"], help="e.g. 300k 1m 3m (default 1m 3m 10m)"
    )
    volumes.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=SET)
    _add_variant(volumes)
    volumes.set_defaults(func=verbs.volumes)

    seed = verb.add_parser("seed", help="migrate and seed the database of a system")
    seed.add_argument("system", help="e.g. messages")
    seed.set_defaults(func=verbs.seed)

    target = verb.add_parser("target", help="start the reference target of a system, seeded, until Ctrl-C")
    target.add_argument("system", help="e.g. messages")
    _add_variant(target)
    target.set_defaults(func=verbs.target)

    verify = verb.add_parser("verify", help="verify a run again, and report it")
    verify.add_argument("system", help="e.g. messages")
    verify.add_argument("folder", type=Path, nargs="?", help="the run folder; without it the latest run of that system")
    verify.set_defaults(func=verbs.verify)

    for name, text, func in (
        ("report", "report a run again", verbs.report),
        ("baseline", "make a run the baseline of its scenario, which rules can compare with", verbs.baseline),
        ("psql", "open the database of a run in psql", verbs.psql),
    ):
        again = verb.add_parser(name, help=text)
        again.add_argument("folder", type=Path, help="the run folder, e.g. reports/runs/peak/latest")
        again.set_defaults(func=func)

    verb.add_parser("doctor", help="what is missing here, and how to fix it").set_defaults(func=verbs.examine)

    clean = verb.add_parser(
        "clean",
        help="remove the embedded PostgreSQL and all run folders; or what the suite left in a database of yours",
    )
    clean.add_argument(
        "system", nargs="?", help="delete what was seeded and stored for it in DATABASE_URL, e.g. messages"
    )
    clean.add_argument("folder", type=Path, nargs="?", help="a run folder whose plan names the tables otherwise")
    clean.add_argument("--yes", action="store_true", help="also from a database that is not on this machine")
    clean.set_defaults(func=verbs.clean)
    return parser


def _add_locustfile(parser: argparse.ArgumentParser) -> None:
    """What stands for a plan, in the words of Locust where it has them."""
    own = parser.add_argument_group("a locustfile without a plan (UNCHECKED at best)")
    own.add_argument("--locustfile", "-f", type=Path, help="the file; its users load TARGET_URL, or --host")
    own.add_argument("--host", "-H", help="instead of TARGET_URL")
    own.add_argument("--users", "-u", type=int, help="how many (default 10, or as its own LoadTestShape says)")
    own.add_argument("--spawn-rate", "-r", type=int, help="how many are started a second (default 100)")
    own.add_argument("--for", "-t", dest="seconds", metavar="TIME", help="how long, e.g. 1m (default)")
    own.add_argument(
        "--rule", action="append", default=[], help="a limit, once for each (default: ratio(errors) < 1%%)"
    )
    own.add_argument("--tags", nargs="*", default=[], help="only tasks with one of them")
    own.add_argument("--exclude-tags", nargs="*", default=[], help="only tasks with none of them")


def _add_scenario(parser: argparse.ArgumentParser, needed: bool = True) -> None:
    parser.add_argument("scenario", nargs=None if needed else "?", help="its name, e.g. peak")
    parser.add_argument("--profile", default="ci", help=PROFILE)
    parser.add_argument("--plan", type=Path, help="a plan (TOML) of your own instead of those in systems/")


def _add_variant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fault", help="a fault of the reference target (target/*/faults.py), to see it found")
    parser.add_argument("--strategy", help="how the reference target does its work, e.g. for_update")


if __name__ == "__main__":
    leave(main)
