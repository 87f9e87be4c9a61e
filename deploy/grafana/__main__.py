"""`python -m deploy.grafana`: the dashboards, written anew into dashboards/: the overview, and one for each system."""

import json
from pathlib import Path
from typing import Any

from deploy.grafana.panels import SCENARIO, Panel, of_system, overview
from harness.plan import plans
from systems import PROJECT

FOLDER = Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "proofload"}
"""As provisioning/datasources/prometheus.yml names it."""
WIDTH, HEIGHT = 12, 8
COLUMNS = 24 // WIDTH


def dashboard(uid: str, title: str, panels: list[Panel], system: str = "") -> dict[str, Any]:
    """The JSON of a dashboard, in the order of its panels."""
    return {
        "uid": uid,
        "title": title,
        "tags": ["proofload"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "tags": ["proofload"], "title": "Proofload", "asDropdown": True}],
        "templating": {"list": [_scenarios(system)] if system else []},
        "panels": [_panel(place, one) for place, one in enumerate(panels)],
    }


def _scenarios(system: str) -> dict[str, Any]:
    """The choice of scenarios: those of which there is anything, all to begin with."""
    query = f'label_values(proofload_run_info{{system="{system}"}}, scenario)'
    return {
        "name": SCENARIO[1:],
        "label": "Scenario",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": "scenarios"},
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(place: int, one: Panel) -> dict[str, Any]:
    row, column = divmod(place, COLUMNS)
    instant = one.kind == "table"
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "expr": expression,
            "legendFormat": legend,
            "range": not instant,
            "instant": instant,
            **({"format": "table"} if instant else {"format": "heatmap"} if one.kind == "heatmap" else {}),
        }
        for number, (expression, legend) in enumerate(one.lines)
    ]
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [{"color": "red", "value": limit} for limit in one.limits]
    defaults: dict[str, Any] = {"unit": one.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if one.limits:
        defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return {
        "id": place + 1,
        "type": one.kind,
        "title": one.title,
        "description": one.said,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"calculate": False} if one.kind == "heatmap" else {},
        "targets": targets,
    }


def dashboards() -> dict[Path, dict[str, Any]]:
    """All of them, by file."""
    found = {FOLDER / "overview.json": dashboard("proofload", "Proofload: all systems", overview())}
    for system in plans.systems():
        title = str(plans.read(_plan(system))[0].get("title") or system)
        uid = f"proofload-{system}".replace("_", "-")
        found[FOLDER / f"{system}.json"] = dashboard(uid, f"Proofload: {title}", of_system(system), system)
    return found


def _plan(system: str) -> Path:
    return next(path for path in plans.files() if path.stem == system)


def text(found: dict[str, Any]) -> str:
    """As it is stored."""
    return json.dumps(found, indent=1) + "\n"


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for path, found in dashboards().items():
        path.write_text(text(found), encoding="utf-8")
        print(path.relative_to(PROJECT))


if __name__ == "__main__":
    main()
