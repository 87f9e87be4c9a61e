"""What is put into Locust's own page: a tab of ours, which is opened first, what is in it, and what makes the page fit
a phone and be read by everybody.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Response, redirect, request
from markupsafe import Markup

if TYPE_CHECKING:
    from locust.web import WebUI

TAB = "proofload"

_STYLE = Markup("""<style>
form ~ a[href*="aka.ms/loadtesting"] { display: none !important; }
body:has(#proofload:not([hidden])) #root div:has(> main) { min-height: 0 !important; }
#proofload { max-width: 1536px; margin: 0 auto; padding: 0 1.5rem 1.5rem; font: 15px/1.5 system-ui, sans-serif; }
#proofload a, #proofload p { color: inherit; }
#proofload:has(iframe) p { margin: -2rem 0 .5rem; width: max-content; position: relative; }
#proofload[data-dark] { color: #fff; }
#proofload iframe { display: block; width: 100%; min-height: 75vh; border: 0; }
</style>
""")
_EASED = Markup("""<style>
#root main { max-width: 100vw; box-sizing: border-box; }
.MuiButton-colorWarning { background-color: #a84300 !important; color: #fff !important; }
</style>
<script>
setInterval(function () {
  document.querySelectorAll("button.MuiIconButton-root:not([aria-label])").forEach(function (button) {
    var menu = button.querySelector("path[d^='M3 18']"), password = button.closest(".MuiInputAdornment-root");
    if (!button.textContent.trim()) {
      button.setAttribute("aria-label", password ? "Show the password" : menu ? "Menu" : "Light or dark");
    }
  });
}, 200);
</script>
""")
"""For the login, too: its buttons with a picture have no name, and one of them too little contrast."""
_SCRIPT = Markup("""<script>
(function () {
  var place = document.getElementById("proofload"), frame = place.querySelector("iframe"), run = null;
  // As Locust's page has it: what was chosen there, or else what the browser prefers.
  function dark() {
    return localStorage.theme ? localStorage.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function show() {
    var tab = new URLSearchParams(location.search).get("tab");
    place.hidden = tab !== "proofload" || !document.querySelector("[role=tablist]");
    place.toggleAttribute("data-dark", dark());
    if (frame) { frame.style.colorScheme = dark() ? "dark" : "light"; }
    var shown = frame && !place.hidden && frame.contentDocument && frame.contentDocument.body;
    if (shown) { frame.style.height = shown.scrollHeight + 40 + "px"; }
  }
  // Locust's EDIT asks for users; where arrivals are planned, the page of the run has a form that asks for their rate.
  function edit(event) {
    var rate = frame && frame.contentDocument && frame.contentDocument.querySelector("[name=rate]");
    var button = event.target.closest("button"), tabs = document.querySelectorAll("[role=tab]");
    if (!rate || !button || button.textContent.trim() !== "Edit") { return; }
    event.stopPropagation();
    [].forEach.call(tabs, function (one) { if (one.textContent.trim() === "Proofload") { one.click(); } });
    show();
    rate.focus();
  }
  function look() {
    fetch("proofload/now", { method: "HEAD", cache: "no-store" }).then(function (answer) {
      var found = answer.headers.get("Proofload-Run"), waits = document.querySelector("#root form");
      var begun = answer.headers.get("Proofload-State") !== "ready" && !document.querySelector("[role=tablist]");
      if (run && found && found !== run || begun && waits) { location.reload(); }
      run = found || run;
    }).catch(function () {});
  }
  setInterval(show, 200);
  document.addEventListener("click", edit, true);
  if (frame) { setInterval(look, 1000); }
}());
</script>
""")
FRAME = Markup("""<section id="proofload" aria-label="Proofload" hidden>
<p><a href="proofload" target="_blank">This run, on a page of its own</a></p>
<iframe src="proofload" title="This run"></iframe>
</section>
""")
NOTE = Markup("""<section id="proofload" aria-label="Proofload" hidden><p>{}</p></section>
""")


def add(web_ui: "WebUI", base: str, inside: Markup, opened: Callable[[], None] = lambda: None) -> None:
    """Add our tab to Locust's page, with `inside` below it, and open it first; `opened` is told of that."""
    web_ui.template_args["extended_tabs"] = [{"title": "Proofload", "key": TAB}]
    app: Any = web_ui.app

    @app.before_request
    def _first() -> Any:
        if request.method != "GET" or request.path != f"{base}/":
            return None
        opened()
        return None if "tab" in request.args else redirect(f"{base}/?tab={TAB}")

    @app.after_request
    def _with_tab(response: Response) -> Response:
        more = {f"{base}/": f"{_EASED}{_STYLE}{inside}{_SCRIPT}", f"{base}/login": _EASED}.get(request.path)
        if more and response.status_code == 200 and response.mimetype == "text/html":
            response.set_data(response.get_data(as_text=True).replace("</body>", f"{more}</body>"))
        return response
