"""Nobody else steers a load by its web UI: no page of another site, no other name, no other target, no stranger."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask_login import LoginManager, login_required

from harness.load import steering

HOST = "127.0.0.1:8089"
OWN = f"http://{HOST}"
SECRET = "a password of twenty"


@pytest.mark.parametrize(
    ("method", "path", "host", "headers", "why"),
    [
        ("GET", "/", HOST, {}, ""),
        ("GET", "/", "localhost:8089", {}, ""),
        ("GET", "/", "[::1]:8089", {}, ""),
        ("GET", "/stats/requests", "evil.example:8089", {}, "asked for as evil.example"),
        ("GET", "/stats/requests", "127.0.0.1.evil.example:8089", {}, "asked for as 127.0.0.1.evil.example"),
        ("GET", "/", "", {}, "asked for as "),
        ("POST", "/swarm", HOST, {}, ""),  # a command, as curl
        ("POST", "/swarm", HOST, {"Origin": OWN, "Sec-Fetch-Site": "same-origin"}, ""),
        ("POST", "/swarm", HOST, {"Origin": "http://evil.example"}, "asked by a page of http://evil.example"),
        ("POST", "/stop", HOST, {"Origin": "null"}, "asked by a page of null"),
        ("POST", "/stop", HOST, {"Origin": "https://127.0.0.1:8089"}, "asked by a page of https://"),
        ("POST", "/stop", HOST, {"Origin": "http://127.0.0.1:3000"}, "asked by a page of http://127.0.0.1:3000"),
        ("POST", "/stop", HOST, {"Origin": "http://localhost:8089"}, "asked by a page of http://localhost:8089"),
        ("POST", "/stats/reset", HOST, {"Sec-Fetch-Site": "cross-site"}, "asked by a page of another site"),
        ("POST", "/stats/reset", HOST, {"Sec-Fetch-Site": "same-site"}, "asked by a page of another site"),
        ("POST", "/user", HOST, {"Origin": OWN}, "the attributes of users"),
        ("POST", "/base/user/", HOST, {}, "the attributes of users"),
        ("DELETE", "/swarm", HOST, {"Origin": "http://evil.example"}, "asked by a page of"),
    ],
)
def test_what_is_asked_by_others_is_refused(
    method: str, path: str, host: str, headers: dict[str, str], why: str
) -> None:
    said = steering.refused(method, path, host, "http", headers, "127.0.0.1")

    assert said.startswith(why)
    assert bool(said) is bool(why)


def test_a_name_is_not_judged_where_the_ui_is_bound_beyond_this_machine() -> None:
    assert steering.refused("GET", "/", "load.example:8089", "https", {}, "0.0.0.0") == ""
    own = {"Origin": "https://load.example:8089"}
    assert steering.refused("POST", "/stop", "load.example:8089", "https", own, "0.0.0.0") == ""


@pytest.mark.parametrize(
    ("host", "login", "tls", "secret", "why"),
    [
        ("127.0.0.1", False, False, "", ""),
        ("::1", False, False, "", ""),
        ("0.0.0.0", False, False, "", "everybody who reaches this machine"),
        ("", False, False, "", "--web-host 0.0.0.0"),
        ("192.0.2.1", True, False, SECRET, "--tls-cert"),
        ("192.0.2.1", False, True, SECRET, "--web-login"),
        ("192.0.2.1", True, True, SECRET, ""),
        ("192.0.2.1", True, True, "short", "PERF_WEB_PASSWORD"),
        ("127.0.0.1", True, False, "", "PERF_WEB_PASSWORD"),
    ],
)
def test_it_is_not_seen_by_others_without_a_login(host: str, login: bool, tls: bool, secret: str, why: str) -> None:
    said = steering.exposed(host, login, tls, secret)

    assert why in said
    assert bool(said) is bool(why)


def ui(host: str = "", **more: Any) -> Any:
    """What a web UI of Locust's is to us: here the application has two paths. Locust can't be imported by a test."""
    app = Flask(__name__)
    made = SimpleNamespace(app=app, host=host, web_login=False, tls_cert="", tls_key="", auth_args={}, **more)
    made.auth_required_if_enabled = lambda view: login_required(view) if made.web_login else view
    app.add_url_rule("/stats/requests", "stats", lambda: {"state": "running"})
    app.add_url_rule("/swarm", "swarm", lambda: "begun", methods=["POST"])
    return made


def fenced(web_ui: Any, run_folder: str = "here") -> Any:
    """A client of it, once it is fenced."""
    options = Namespace(web_host=web_ui.host, web_base_path="", run_folder=run_folder)
    steering.fence(SimpleNamespace(parsed_options=options, host=OWN), web_ui)  # type: ignore[arg-type]
    web_ui.app.testing = True
    return web_ui.app.test_client()


def test_what_is_refused_is_refused_by_the_application() -> None:
    web_ui = ui()
    asked = fenced(web_ui)

    assert web_ui.host == "127.0.0.1"
    assert asked.post("/swarm", base_url=OWN, headers={"Origin": "http://evil.example"}).status_code == 403
    assert asked.get("/stats/requests", base_url="http://evil.example:8089").status_code == 403
    refused = asked.post("/swarm", base_url=OWN, data={"host": "http://other.example"}).json
    assert (refused["success"], refused["message"][:14]) == (False, "the target is ")
    begun = asked.post("/swarm", base_url=OWN, data={"host": OWN}, headers={"Origin": OWN}).json
    assert (begun["success"], begun["host"]) == (True, OWN)


def test_in_a_run_nothing_of_a_form_reaches_locust_and_without_one_all_of_it_does() -> None:
    asked = fenced(ui())
    assert "begins by itself" in asked.post("/swarm", base_url=OWN, data={"run_folder": "another"}).json["message"]
    asked = fenced(ui(), run_folder="")
    assert asked.post("/swarm", base_url=OWN, data={"host": "http://localhost:1"}).text == "begun"
    refused = asked.post("/swarm", base_url=OWN, data={"host": "http://other.example"}).json
    assert (refused["success"], "PERF_ALLOW_HOSTS=other.example" in refused["message"]) == (False, True)


def test_others_are_not_told_that_they_may_read() -> None:
    web_ui = ui()
    web_ui.app.after_request(lambda response: response.headers.extend({"Access-Control-Allow-Origin": "*"}) or response)
    read = fenced(web_ui).get("/stats/requests", base_url=OWN, headers={"Origin": "http://evil.example"})

    assert read.status_code == 200
    assert "Access-Control-Allow-Origin" not in read.headers


def test_a_login_lets_in_who_knows_the_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    monkeypatch.setenv("PERF_WEB_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setattr(steering, "WRONG_S", 0)
    web_ui = ui(login_manager=LoginManager())
    web_ui.web_login = True
    web_ui.login_manager.init_app(web_ui.app)
    web_ui.app.add_url_rule("/report", "report", login_required(lambda: "the report"))
    asked = fenced(web_ui)

    assert asked.get("/report", base_url=OWN).status_code == 401
    assert asked.post("/swarm", base_url=OWN).status_code == 401
    wrong = asked.post(steering.LOGIN, base_url=OWN, data={"password": "another"})
    assert (wrong.status_code, wrong.location) == (302, "/login")
    assert asked.get("/report", base_url=OWN).status_code == 401
    assert asked.post(steering.LOGIN, base_url=OWN, data={"password": SECRET}).location == "/"
    assert asked.get("/report", base_url=OWN).text == "the report"


@pytest.mark.parametrize(("name", "file"), [("", ""), ("", "/nowhere/password")])
def test_without_a_password_nothing_is_right(name: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERF_WEB_PASSWORD", name)
    monkeypatch.setenv("PERF_WEB_PASSWORD_FILE", file)

    assert not steering.right("")
    assert not steering.right("anything")


def test_a_ui_that_others_would_see_is_not_started() -> None:
    with pytest.raises(SystemExit) as ended:
        fenced(ui("0.0.0.0"))

    assert ended.value.code == 2
