"""What Locust's web UI shows of a run: the page about the load as it goes on, and the report when there is one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Response, send_file

if TYPE_CHECKING:
    from locust.web import WebUI

PAGE, NOW, REPORT = "live.html", "now.html", "report.html"
NOT_YET = "<p>The load is being prepared.</p>"
LINK = (
    b'<a href="proofload" style="position:fixed;right:1rem;bottom:1rem;z-index:9;padding:.5rem 1rem;'
    b'background:#0957ae;color:#fff;font:600 15px system-ui,sans-serif;border-radius:4px">Proofload: this run</a>'
)


def show(web_ui: "WebUI", folder: Path) -> None:
    """Serve the pages of the run in `folder` below /proofload, and lead to them from Locust's own."""
    app: Any = web_ui.app

    def sent(name: str) -> Any:
        path = folder / name
        return send_file(path.resolve(), max_age=0) if path.exists() else Response(NOT_YET, 404)

    def page() -> Any:
        return sent(PAGE)

    def now() -> Any:
        """205: the run is reported, and the report takes the place of this page."""
        if (folder / REPORT).exists():
            return Response(status=205)
        path = folder / NOW
        return Response(path.read_text() if path.exists() else NOT_YET, headers={"Cache-Control": "no-store"})

    def report() -> Any:
        return sent(REPORT)

    for path, view in (("", page), ("/now", now), (f"/{REPORT}", report)):
        shown = web_ui.auth_required_if_enabled(view)
        app.add_url_rule(f"/proofload{path}", f"proofload{path.replace('/', '_')}", shown)

    @app.after_request
    def _linked(response: Response) -> Response:
        if response.mimetype == "text/html" and not response.direct_passthrough:
            response.data = response.data.replace(b"</body>", LINK + b"</body>")
        return response
