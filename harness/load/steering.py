"""Who may steer a load by Locust's web UI: its own pages and commands of people, and no other page of a browser.

Locust lets every web page ask it, whatever site it is of, and what is asked may start and end a load, name another
target, and set any attribute of a user. A browser says where a request comes from; a command has nothing to say.
"""

import hmac
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gevent
from flask import Response, jsonify, redirect, request, session
from flask_login import UserMixin, login_user

from harness import guard
from harness.load import starting

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.web import WebUI

log = logging.getLogger(__name__)

READS = ("GET", "HEAD", "OPTIONS")
OWN_SITE = ("same-origin", "none")
"""What Sec-Fetch-Site says of a request of the page's own, and of one that a person made."""
PASSWORD = "PERF_WEB_PASSWORD"
LOGIN = "/proofload/login"
LEAST = 12
"""So many characters a password has at least."""
WRONG_S = 1.0
"""How long it takes to hear that a password is wrong."""


def fence(environment: "Environment", web_ui: "WebUI") -> None:
    """Refuse what others ask of the web UI, and make it one that may be seen as far as it is bound.

    Without --web-host it is seen by this machine only. SystemExit, 2, if it would be seen by others without a login.
    """
    options: Any = environment.parsed_options
    if not web_ui.host and not options.web_host:
        web_ui.host = "127.0.0.1"
    if why := exposed(web_ui.host, bool(web_ui.web_login), bool(web_ui.tls_cert and web_ui.tls_key), password()):
        log.error("%s", why)
        sys.exit(2)
    if web_ui.web_login:
        _ask_for_password(web_ui, options.web_base_path)
    app: Any = web_ui.app

    @app.before_request
    def _refuse() -> Response | None:
        why = refused(request.method, request.path, request.host, request.scheme, dict(request.headers), web_ui.host)
        return Response(f"{why}\n", 403, mimetype="text/plain") if why else None

    @web_ui.auth_required_if_enabled
    def _steer() -> Response | None:
        load, path = getattr(environment, "proofload", None), request.path.removeprefix(options.web_base_path)
        done, message = False, ""
        if path == "/swarm" and options.run_folder:
            done, message = starting.start(environment, load, request.form)
        elif path == "/swarm":
            message = starting.barred(request.form)
        elif path == "/stop" and options.run_folder and starting.stop(load):
            done, message = True, "the load ends"
        # Locust's page shows what is said of a refusal only if the status is that of a success.
        return jsonify(success=done, message=message, host=environment.host) if message else None

    @app.before_request
    def _ours() -> Any:
        return _steer() if request.method == "POST" and request.path != LOGIN else None

    def _only_own(response: Response) -> Response:
        for name in [name for name, _ in response.headers if name.startswith("Access-Control-")]:
            del response.headers[name]
        return response

    # The last to be added is asked first: it must be after that of Locust, which lets everybody read.
    app.after_request_funcs.setdefault(None, []).insert(0, _only_own)


def exposed(host: str, login: bool, tls: bool, secret: str) -> str:
    """What is missing for a web UI that is bound to `host`, "" if nothing is."""
    if login and len(secret) < LEAST:
        return (
            f"--web-login: expected {PASSWORD}, or the file that {PASSWORD}_FILE names, with {LEAST} or more characters"
        )
    if host and guard.is_loopback(host):
        return ""
    if login and tls:
        return ""
    return (
        f"--web-host {host or '0.0.0.0'}: everybody who reaches this machine could steer the load. "
        f"Expected --web-login (with {PASSWORD}), --tls-cert and --tls-key; or --web-host 127.0.0.1"
    )


def refused(method: str, path: str, host: str, scheme: str, headers: Mapping[str, str], bound: str) -> str:
    """Why a request is refused: asked for under a name that isn't the UI's, or by a page of another site; "" if not."""
    name = urlsplit(f"//{host}").hostname or ""
    # Another's domain may be resolved to this machine: its pages are then of the same origin.
    if guard.is_loopback(bound) and not guard.is_loopback(name):
        return f"asked for as {name}: expected localhost or 127.0.0.1"
    if method in READS:
        return ""
    if path.rstrip("/").endswith("/user"):
        return "the attributes of users are those of the plan, and can't be set here"
    origin, site = headers.get("Origin", ""), headers.get("Sec-Fetch-Site", "")
    if origin and origin != f"{scheme}://{host}":
        return f"asked by a page of {origin}: expected one of {scheme}://{host}"
    if site and site not in OWN_SITE:
        return f"asked by a page of another site ({site}): expected one of {scheme}://{host}"
    return ""


def password() -> str:
    """The password of the web UI, "" if none is set."""
    file = os.environ.get(f"{PASSWORD}_FILE", "")
    try:
        return Path(file).read_text().strip() if file else os.environ.get(PASSWORD, "")
    except OSError as error:
        log.error("%s_FILE=%s: %s", PASSWORD, file, error.strerror)
        return ""


def right(given: str) -> bool:
    """Whether this is the password; how long that takes says nothing about it."""
    return hmac.compare_digest(given.encode(), password().encode()) and bool(given)


class Person(UserMixin):  # type: ignore[misc]
    """Who knows the password. There is one."""

    id = "person"


def _ask_for_password(web_ui: "WebUI", base: str) -> None:
    app: Any = web_ui.app
    app.secret_key = os.urandom(32)
    app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Strict")
    app.config.update(SESSION_COOKIE_SECURE=bool(web_ui.tls_cert))
    web_ui.login_manager.user_loader(lambda known: Person() if known == Person.id else None)
    web_ui.auth_args = {
        "custom_form": {
            "inputs": [{"label": "Password", "name": "password", "is_secret": True, "is_required": True}],
            "callback_url": LOGIN,
            "submit_button_text": "Log in",
        }
    }

    @app.post(LOGIN)
    def _log_in() -> Any:
        if right(request.form.get("password", "")):
            login_user(Person())
            return redirect(f"{base}/")
        gevent.sleep(WRONG_S)
        session["auth_error"] = "That is not the password"
        return redirect(f"{base}/login")
