"""Checks of deploy/monitoring. That each metric named there exists is tests/architecture/test_deploy.py's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.deploy.checks import DEPLOY, ROOT, Failed, run, system_tool

FOLDER = DEPLOY / "monitoring"


def configuration() -> str:
    promtool = system_tool("promtool", "Debian's package prometheus")
    with TemporaryDirectory() as folder:
        for path in FOLDER.glob("*.yml"):
            (Path(folder) / path.name).write_text(path.read_text().replace("/etc/prometheus/", f"{folder}/"))
        run(promtool, "check", "config", f"{folder}/prometheus.yml")
    return "promtool check config"


def alerts() -> str:
    promtool = system_tool("promtool", "Debian's package prometheus")
    run(promtool, "check", "rules", FOLDER / "alerts.yml")
    run(promtool, "test", "rules", FOLDER / "alerts.test.yml")
    return "promtool check rules, test rules"


def alertmanager() -> str:
    amtool = system_tool("amtool", "Debian's package prometheus-alertmanager")
    run(amtool, "check-config", FOLDER / "alertmanager.yml")
    return "amtool check-config"


def dashboards() -> str:
    run(sys.executable, ROOT / "tools" / "dashboards", "--check")
    files = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
    for path in files:
        panels = json.loads(path.read_text())["panels"]
        places = [tuple(panel["gridPos"].values()) for panel in panels]
        if len(set(places)) != len(places) or any(x + width > 24 for x, _, width, _ in places):
            raise Failed(f"{path.name}: panels lie on one another")
    return f"{len(files)} files are what tools/dashboards says"
