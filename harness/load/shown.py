"""What Locust's web UI shows of a run: a tab on its page, which is opened first, and the page that is in there.

A tab of Locust's has a table and nothing else, which it asks for while users run; so that of a run has the page of the
run in it, which has charts and goes on after the load: it becomes the report. Without a run the tab has a table.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Response, request
from markupsafe import escape

from harness.load import starting
from harness.load.tab import FRAME, NOTE, TAB, add
from harness.reported import REPORT
from harness.run import Run

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.web import WebUI

PAGE, NOW = "live.html", "now.html"
RUN, STATE = "Proofload-Run", "Proofload-State"
"""The headers that say which run it is, for START makes it another, and what Locust's state is: its own page does not
ask whether a load that it waits for has begun by itself.
"""
NOT_YET = "<p>The load is being prepared.</p>"
AGAIN = '<!doctype html><html lang="en"><title>Proofload</title><meta http-equiv="refresh" content="1">'
"""It is asked for again."""
STATS = "/stats/requests"
"""What Locust's page asks for while users run."""
COLUMNS = {
    "name": "Operation",
    "outcome": "Outcome",
    "expected": "Expected",
    "count": "Count",
    "p50": "p50 (ms)",
    "p95": "p95 (ms)",
    "p99": "p99 (ms)",
    "longest": "Longest (ms)",
}
"""Of the table without a run: what its rows have, and what that is called. Locust sorts rows by their name."""

Rows = list[dict[str, Any]]


def show(environment: "Environment", web_ui: "WebUI", folder: Path) -> None:
    """Serve the pages of the run in `folder` below /proofload, and have them in a tab of Locust's page."""
    app: Any = web_ui.app
    run = Run.open(folder).id

    def sent(name: str) -> Any:
        path = folder / name
        headers = {"Cache-Control": "no-store"}
        return Response(path.read_bytes(), headers=headers) if path.exists() else Response(AGAIN + NOT_YET, 404)

    def page() -> Any:
        return sent(PAGE)

    def now() -> Any:
        """205: the run is reported, and the report takes the place of this page."""
        state = environment.runner.state if environment.runner else ""
        headers = {"Cache-Control": "no-store", RUN: run, STATE: state}
        if (folder / REPORT).exists():
            return Response(status=205, headers=headers)
        path = folder / NOW
        return Response(path.read_text() if path.exists() else NOT_YET, headers=headers)

    def report() -> Any:
        return sent(REPORT)

    for path, view in (("", page), ("/now", now), (f"/{REPORT}", report)):
        shown = web_ui.auth_required_if_enabled(view)
        app.add_url_rule(f"/proofload{path}", f"proofload{path.replace('/', '_')}", shown)

    def startable(told: dict[str, Any]) -> dict[str, Any]:
        # Locust's page lets nobody START without workers, which are gone then: another run begins its own.
        load = getattr(environment, "proofload", None)
        over = load is not None and load.closed and "worker_count" in told
        return {**told, "worker_count": load.count} if load is not None and over else told

    _answered(app, f"{_options(environment).web_base_path}{STATS}", startable)

    def opened() -> None:
        # Locust offers its EDIT where a shape says so.
        shape: Any = environment.shape_class
        if shape is not None:
            shape.use_common_options = starting.editable(getattr(environment, "proofload", None))

    add(web_ui, _options(environment).web_base_path, FRAME, opened)


def show_table(environment: "Environment", web_ui: "WebUI", rows: Callable[[], Rows], note: str) -> None:
    """Have `rows` in a tab of Locust's page, and below them a `note`: all that is known without a run."""
    base = _options(environment).web_base_path
    add(web_ui, base, NOTE.format(escape(note)))
    structure = [{"key": key, "title": title} for key, title in COLUMNS.items()]
    web_ui.template_args["extended_tables"] = [{"key": TAB, "structure": structure}]
    _answered(web_ui.app, f"{base}{STATS}", lambda told: {**told, "extended_stats": [{"key": TAB, "data": rows()}]})


def _answered(app: Any, path: str, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Have what is asked for at `path` changed before it is sent."""

    @app.after_request
    def _changed(response: Response) -> Response:
        if request.path == path and response.is_json:
            response.set_data(app.json.dumps(changed(response.get_json())))
        return response


def _options(environment: "Environment") -> Any:
    return environment.parsed_options
