"""What is said of a new system: its files, and the commands that come next."""

import shlex
import sys

from harness.scaffold import system
from harness.scaffold.server import FAULTS
from harness.settings import CHECKOUT, ROOT

TOLD = """\
Run it; the server that it begins with is started, and a PostgreSQL for it:
  {run}
A fault of that server, to see it found (others: {others}):
  {fault}
The server by hand, with a database of yours:
  export DATABASE_URL=postgresql://user:password@127.0.0.1/{name}_test
  {seed}
  {server} --port 8000 &
  export TARGET_URL=http://127.0.0.1:8000
  {run}
The test, with pytest installed:
  {python} -m pytest tests/test_{name}.py"""


def told(name: str, reference: bool) -> str:
    """The files of system `name`, and what to do with them."""
    wide = max(map(len, system.said(name, reference)))
    scenario, (first, *others) = system.scenario_of(name), FAULTS
    run = f"proofload run {scenario} --profile smoke"
    return "\n".join(
        [
            *(f"wrote {path:<{wide}}  {what}" for path, what in system.said(name, reference).items()),
            TOLD.format(
                name=name,
                run=run,
                fault=f"{run} --fault {first}",
                others=", ".join(others),
                seed=f"proofload seed {name}",
                server=_server(name, reference),
                python=shlex.quote(sys.executable),
            ),
        ]
    )


def _server(name: str, reference: bool) -> str:
    """The command that starts the server in a shell."""
    where = f"PYTHONPATH={shlex.quote(str(ROOT))} " if CHECKOUT and not reference else ""
    return where + system.start_of(name, reference).format(python=shlex.quote(sys.executable))
