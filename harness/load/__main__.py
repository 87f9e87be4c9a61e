"""`python -m harness.load …` is `locust …`, with our packages imported before Locust puts a project's folders first."""

import sys

from locust.main import main

import systems  # noqa: F401

if __name__ == "__main__":
    sys.exit(main())
