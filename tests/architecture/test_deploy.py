"""What deploy/ and docs/operations.md name is there: metrics, labels, settings, errors, sections."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tiro.telemetry.instruments import Kind
from tiro.telemetry.metrics import CATALOGUE

from tiro.errors import error_classes
from tiro.settings import Settings

ROOT = Path(__file__).parent.parent.parent
MONITORING = ROOT / "deploy" / "monitoring"
OPERATIONS = ROOT / "docs" / "operations.md"

FOREIGN = {"up", "probe_success", "probe_ssl_earliest_cert_expiry", "ALERTS"}
FOREIGN |= {"process_start_time_seconds", "process_resident_memory_bytes"}
SCRAPED = {"job", "instance", "part", "le"}
"""Labels that Prometheus and its configuration add."""


def _rules() -> dict[str, dict[str, object]]:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def _queries() -> Iterator[tuple[str, str]]:
    """Where each stands, and what it asks."""
    for name, rule in _rules().items():
        yield name, str(rule["expr"])
    for path in sorted((MONITORING / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"]
    for path in (ROOT / "deploy" / "kubernetes").rglob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text()):
            if document and document["kind"] == "ScaledObject":
                for trigger in document["spec"]["triggers"]:
                    yield str(path), trigger["metadata"]["query"]


QUERIES = list(_queries())
METRICS = {metric.name: metric for metric in CATALOGUE.metrics}


def _series() -> dict[str, str]:
    """The series of each metric, and its metric's name."""
    parts = ("_bucket", "_sum", "_count")
    return {
        name + part: name
        for name, metric in METRICS.items()
        for part in (parts if metric.kind is Kind.HISTOGRAM else ("",))
    }


def test_queries_ask_for_what_there_is() -> None:
    series = _series()
    for where, query in QUERIES:
        text = re.sub(r'"[^"]*"', '""', query)
        for name, matchers in re.findall(r"\b([a-zA-Z_]+)\b(?:\{([^}]*)\})?", text):
            if name in FOREIGN or not name.startswith(("tiro_", "probe_", "process_")):
                continue
            assert name in series, f"{where} asks for {name}"
            metric = METRICS[series[name]]
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert asked <= {*metric.labels, *SCRAPED}, f"{where} asks for labels of {name} that it has not"
            if metric.rows:
                added = rf"\b(sum|count)\b(\s+(by|on) \([^)]*\))?\s*\((rate|increase)?\(?{name}\b"
                assert not re.search(added, text), f"{where} adds up {name}, which each process says wholly"


def test_labels_by_which_queries_group_are_there() -> None:
    known = {label for metric in METRICS.values() for label in metric.labels} | SCRAPED | {"alertname"}
    for where, query in QUERIES:
        for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
            assert set(re.split(r",\s*", labels)) <= known, where


def test_each_alert_is_explained_and_tested() -> None:
    rules = _rules()
    text = OPERATIONS.read_text()
    explained = re.findall(r"^### (Tiro\w+)$", text, re.M)
    assert sorted(explained) == sorted(rules)
    tests = yaml.safe_load((MONITORING / "alerts.test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    for name, rule in rules.items():
        annotations = rule["annotations"]
        assert isinstance(annotations, dict)
        assert annotations["runbook"] == f"docs/operations.md#{name.lower()}"
        assert annotations["summary"]
        assert annotations["do"]
        assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
        assert {bool(case["exp_alerts"]) for case in cases if case["alertname"] == name} == {True, False}


def test_what_the_operators_documents_name_is_there() -> None:
    text = OPERATIONS.read_text()
    settings = {
        f"TIRO_{name}_{key}".upper()
        for name, field in Settings.model_fields.items()
        for key in getattr(field.annotation, "model_fields", None) or [""]
    }
    settings = {name.rstrip("_") for name in settings}
    named = {name for name in re.findall(r"TIRO_[A-Z_]*[A-Z]\b(?!_\*)", text) if name != "TIRO_NAME"}
    assert {name for name in named if not any(one.startswith(name) for one in settings)} == set()
    codes = {cls.code for cls in error_classes()}
    table = text[text.index("| code |") :]
    listed = {
        code for row in re.findall(r"^\| (`[^|]*) \|", table, re.M) for code in re.findall(r"`(\w+)`", row)
    }
    assert listed <= codes, listed - codes


@pytest.mark.parametrize("name", ["operations.md", "deployment.md"])
def test_links_lead_somewhere(name: str) -> None:
    folder = ROOT / "docs"
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", (folder / name).read_text()):
        if target.startswith("http"):
            continue
        path = (folder / target) if target else folder / name
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}, (
                anchor
            )
