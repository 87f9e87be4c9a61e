"""Secrets in files, as containers get them: an environment is shown by `docker inspect`, and stands in a manifest."""

import os
from pathlib import Path

from harness import database_url
from harness.errors import PlanError
from harness.stack.services import KEY

PASSWORD_FILE, KEY_FILE = "DATABASE_PASSWORD_FILE", f"{KEY}_FILE"


def take() -> None:
    """Put what the files that DATABASE_PASSWORD_FILE and PERF_JWT_KEY_FILE name hold where our processes look for it:
    the password into DATABASE_URL, the key into PERF_JWT_KEY.

    PlanError or DatabaseError, which show no part of it, if a file has none, or what it is for has one already.
    """
    password, key = _of(PASSWORD_FILE), _of(KEY_FILE)
    if password:
        url = os.environ.get("DATABASE_URL", "")
        if not url:
            raise PlanError(f"{PASSWORD_FILE} without DATABASE_URL: expected the database whose password it has")
        os.environ["DATABASE_URL"] = database_url.with_password(url, password)
    if key:
        if os.environ.get(KEY):
            raise PlanError(f"{KEY} with {KEY_FILE}: expected one of them")
        os.environ[KEY] = key


def _of(name: str) -> str:
    """What is in the file that variable `name` names; "" if it is unset. The variable is gone then: a process that we
    start has the secret itself.
    """
    file = os.environ.pop(name, "")
    if not file:
        return ""
    try:
        text = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise PlanError(f"{name}={file}: {why}: expected a file with the secret alone") from None
    if not text:
        raise PlanError(f"{name}={file}: it is empty: expected a file with the secret alone")
    return text
