"""Locust's page opens with the tab of Proofload, which has the run's page in it, or a table if there is no run."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Flask, jsonify

from harness.journal import Journal
from harness.load import shown, table
from harness.outcomes import Failure, Outcome
from harness.run import Run
from tests.support.plans import varied

PAGE = "<html><body><div id='root'></div></body></html>"


def ui() -> Any:
    """What Locust's web UI is to us: its page, and what that asks for."""
    app = Flask(__name__)
    app.add_url_rule("/", "index", lambda: PAGE)
    app.add_url_rule("/stats/requests", "stats", lambda: jsonify(state="running"))
    app.testing = True
    return SimpleNamespace(app=app, template_args={}, auth_required_if_enabled=lambda view: view)


def environment(**more: Any) -> Any:
    runner = SimpleNamespace(state="running")
    return SimpleNamespace(
        parsed_options=Namespace(web_base_path=""), shape_class=SimpleNamespace(), runner=runner, **more
    )


def test_the_tab_of_a_run_is_opened_first_and_has_its_page_in_it(tmp_path: Path) -> None:
    run = Run.create(tmp_path, varied("sustained"), seed=1)
    web_ui, locust = ui(), environment()
    shown.show(locust, web_ui, run.folder)
    asked = web_ui.app.test_client()

    assert web_ui.template_args["extended_tabs"] == [{"title": "Proofload", "key": "proofload"}]
    assert asked.get("/").location == "/?tab=proofload"
    page = asked.get("/?tab=proofload").text
    assert '<iframe src="proofload" title="This run">' in page
    assert page.endswith("</script>\n</body></html>")
    assert "tab" not in asked.get("/?tab=charts").headers
    assert locust.shape_class.use_common_options is False
    assert "extended_stats" not in asked.get("/stats/requests").text


def test_the_page_of_a_run_says_which_it_is_and_becomes_the_report(tmp_path: Path) -> None:
    run = Run.create(tmp_path, varied("sustained"), seed=1)
    web_ui = ui()
    shown.show(environment(), web_ui, run.folder)
    asked = web_ui.app.test_client()

    assert asked.get("/proofload").status_code == 404
    assert '<meta http-equiv="refresh" content="1"><p>The load is being prepared' in asked.get("/proofload").text
    assert "being prepared" in asked.get("/proofload/now").text
    run.write_text("live.html", "the page")
    run.write_text("now.html", "the figures")
    assert asked.get("/proofload").text == "the page"
    now = asked.get("/proofload/now")
    assert (now.text, now.headers["Proofload-Run"]) == ("the figures", run.id)
    assert now.headers["Proofload-State"] == "running"
    run.write_text("report.html", "the report")
    assert asked.head("/proofload/now").status_code == 205
    assert asked.head("/proofload/now").headers["Proofload-Run"] == run.id
    assert asked.get("/proofload/report.html").text == "the report"


def test_locusts_page_lets_start_another_run_though_the_workers_of_this_one_are_gone(tmp_path: Path) -> None:
    run = Run.create(tmp_path, varied("sustained"), seed=1)
    web_ui, load = ui(), SimpleNamespace(closed=False, count=2, began=None, scenario=None)
    web_ui.app.add_url_rule("/other", "other", lambda: jsonify(worker_count=0))
    web_ui.app.view_functions["stats"] = lambda: jsonify(state="stopped", worker_count=0)
    shown.show(environment(proofload=load), web_ui, run.folder)
    asked = web_ui.app.test_client()

    assert asked.get("/stats/requests").json["worker_count"] == 0
    load.closed = True
    assert asked.get("/stats/requests").json == {"state": "stopped", "worker_count": 2}
    assert asked.get("/other").json == {"worker_count": 0}


def test_without_a_run_the_tab_has_a_table() -> None:
    web_ui = ui()
    found = [{"name": "process", "count": 3}]
    shown.show_table(environment(), web_ui, lambda: found, "nothing is <verified>")
    asked = web_ui.app.test_client()

    (own,) = web_ui.template_args["extended_tables"]
    assert [one["key"] for one in own["structure"]][:2] == ["name", "outcome"]
    told = asked.get("/stats/requests").json
    assert told == {"state": "running", "extended_stats": [{"key": "proofload", "data": found}]}
    page = asked.get("/?tab=proofload").text
    assert "<p>nothing is &lt;verified&gt;</p>" in page
    assert "<iframe" not in page


def test_the_table_is_that_of_the_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal-0.bin", {"run": "r", "worker": 0, "kinds": ["read", "write"]}) as journal:
        for took in range(1, 101):
            number = journal.begin(1, 0, 1_000_000, 0, 0, 1, None, 0)
            journal.end(number, Outcome.ACK, 201, Failure.NONE, 1, 1_000_000 + took * 1_000_000)
        number = journal.begin(0, 0, 1_000_000, 0, 0, 1, None, 0)
        journal.end(number, Outcome.UNKNOWN, 500, Failure.NONE, 1, 3_500_000)
        journal.begin(0, 0, 1_000_000, 0, 0, 1, None, 0)
        expected = [frozenset({Outcome.ACK}), frozenset({Outcome.ACK})]
        session: Any = SimpleNamespace(journal=journal, expected=expected)

        found = table.rows(session)

    assert found == [
        {"name": "read", "outcome": "UNKNOWN", "expected": "NO", "count": 1}
        | dict.fromkeys(("p50", "p95", "p99", "longest"), 2.5),
        {"name": "write", "outcome": "ACK", "expected": "yes", "count": 100}
        | {"p50": 50.0, "p95": 95.0, "p99": 99.0, "longest": 100.0},
    ]
    assert set(found[0]) == set(shown.COLUMNS)
