"""`python -m harness.load …` is `locust …`, with our packages imported before Locust puts a project's folders first,
and without the files of settings that Locust looks for: a load of the pipeline is what its plan says.
"""

import sys
import traceback

from locust import argument_parser
from locust.main import main as locust

import systems  # noqa: F401
from harness.load.curve import encrypt
from harness.machines.key import NO_KEY, of_process, open_to_all
from harness.verdict import EXIT_USAGE


def without_files() -> None:
    """Let Locust's command line read neither ~/.locust.conf nor locust.conf and pyproject.toml of the folder."""
    argument_parser.get_empty_argument_parser.__defaults__ = (True, ())
    argument_parser.get_parser.__defaults__ = ((),)


def main() -> int:
    """Put on the load of the command line."""
    without_files()
    key = of_process()
    if key:
        encrypt(key)
    elif open_to_all(sys.argv):
        print(NO_KEY, file=sys.stderr)
        return EXIT_USAGE
    try:
        locust()
    except Exception:
        traceback.print_exc()  # most come from a locustfile: its author needs the whole of it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
